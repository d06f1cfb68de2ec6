"""A loop of `wait` as asked for, but only after a `get` has waited for everything.

Expect: got-all-first
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    waiting = [square_task.remote(n) for n in numbers]
    squares = ray.get(waiting)
    while waiting:
        _, waiting = ray.wait(waiting)
    return squares
