"""Serial in disguise: the loop is a comprehension, but it still asks in every round.

Expect: get-in-the-loop
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    return [ray.get(square_task.remote(n)) for n in numbers]
