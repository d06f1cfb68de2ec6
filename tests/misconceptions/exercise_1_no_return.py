"""Everything right, but the last line lacks its `return`.

Expect: nothing-returned
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    refs = [square_task.remote(n) for n in numbers]
    ray.get(refs)
