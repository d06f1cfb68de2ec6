"""Collecting the ready references rather than their values.

Expect: references-returned
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    waiting = [square_task.remote(n) for n in numbers]
    results = []
    while waiting:
        ready, waiting = ray.wait(waiting)
        results.extend(ready)
    return results
