"""The whole loop made a task, so that one worker does everything.

Expect: one-big-task
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def all_squares(numbers):
    results = []
    for n in numbers:
        nap(n)
        results.append(n * n)
    return results


def answer(numbers):
    return ray.get(all_squares.remote(numbers))
