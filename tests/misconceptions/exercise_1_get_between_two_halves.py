"""Submitting a few tasks, asking for their squares, and only then submitting the rest.

Expect: get-in-the-loop
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    first, rest = numbers[:2], numbers[2:]
    results = ray.get([square_task.remote(n) for n in first])
    return results + ray.get([square_task.remote(n) for n in rest])
