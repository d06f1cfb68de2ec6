"""A loop of `wait` that only counts, and one `get` for all when it is over.

Expect: fetched-all-at-once
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    refs = [square_task.remote(n) for n in numbers]
    waiting = refs
    while waiting:
        _, waiting = ray.wait(waiting)
    return ray.get(refs)
