"""Asking for each square before the next task is submitted.

Expect: get-in-the-loop
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    results = []
    for n in numbers:
        ref = square_task.remote(n)
        results.append(ray.get(ref))
    return results
