"""Submitted rightly, but what is returned are references.

Expect: references-returned
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    return [square_task.remote(n) for n in numbers]
