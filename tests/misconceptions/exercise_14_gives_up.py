"""The loop inside the try: the first failure ends it.

Expect: gives-up
"""

import minray as ray


def answer(refs):
    results = []
    try:
        for ref in refs:
            results.append(ray.get(ref))
    except ray.exceptions.RayError:
        results.append(None)
    return results
