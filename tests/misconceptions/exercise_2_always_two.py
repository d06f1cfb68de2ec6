"""Asking for two in the last round as well, when one is left.

Expect: asked-for-too-many
"""

import minray as ray


def answer(refs, timeout):
    results = []
    waiting = refs
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=2, timeout=timeout)
        results.extend(ray.get(ready))
    return results
