"""Taking it for granted that something is ready.

Expect: counted-on-ready
"""

import minray as ray


def answer(refs, timeout):
    results = []
    waiting = refs
    while waiting:
        ready, waiting = ray.wait(waiting, timeout=timeout)
        results.append(ray.get(ready[0]))
    return results
