"""Every task takes the result of the one before, so they cannot run side by side.

Expect: chained
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n, previous):
    nap(n)
    return n * n


def answer(numbers):
    refs, previous = [], None
    for n in numbers:
        previous = square_task.remote(n, previous)
        refs.append(previous)
    return ray.get(refs)
