"""Right by luck: the tasks run, but what is returned was computed in the notebook.

Expect: not-fetched
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    for n in numbers:
        square_task.remote(n)
    return [n * n for n in numbers]
