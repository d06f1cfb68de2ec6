"""Asking about all references in every round, without end.

Expect: list-not-shrinking
"""

import minray as ray


def answer(refs, timeout):
    results = []
    while refs:
        ready, _ = ray.wait(refs, num_returns=2, timeout=timeout)
        results.extend(ray.get(ready))
    return results
