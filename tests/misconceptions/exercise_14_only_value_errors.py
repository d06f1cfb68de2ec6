"""Only what the task raises is caught, not the death of a worker.

Expect: only-one-kind
"""

import minray as ray


def answer(refs):
    results = []
    for ref in refs:
        try:
            results.append(ray.get(ref))
        except ValueError:
            results.append(None)
    return results
