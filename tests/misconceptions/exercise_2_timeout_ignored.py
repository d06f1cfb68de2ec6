"""The starter as it stands: the timeout is an argument that nobody uses.

Expect: without-the-timeout
"""

import minray as ray


def answer(refs, timeout):
    results = []
    waiting = refs
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=min(2, len(waiting)))
        results.extend(ray.get(ready))
    return results
