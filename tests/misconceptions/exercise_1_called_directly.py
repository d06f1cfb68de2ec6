"""The decorator is there, `.remote` is not.

Expect: called-directly
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    return [square_task(n) for n in numbers]
