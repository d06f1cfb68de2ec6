"""The right squares, in an order of their own.

Expect: wrong-order
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    return sorted(ray.get([square_task.remote(n) for n in numbers]))
