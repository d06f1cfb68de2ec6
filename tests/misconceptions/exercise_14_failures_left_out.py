"""Failures are passed over.

Expect: failures-left-out
"""

import minray as ray


def answer(refs):
    results = []
    for ref in refs:
        try:
            results.append(ray.get(ref))
        except ray.exceptions.RayError:
            continue
    return results
