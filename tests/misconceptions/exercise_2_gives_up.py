"""Taking a short ready list for the end.

Expect: gave-up
"""

import minray as ray


def answer(refs, timeout):
    results = []
    waiting = refs
    while waiting:
        portion = min(2, len(waiting))
        ready, waiting = ray.wait(waiting, num_returns=portion, timeout=timeout)
        results.extend(ray.get(ready))
        if len(ready) < portion:
            break
    return results
