"""The total is asked for while the tasks are still at work.

Expect: asked-too-early
"""

import minray as ray
from minray.lessons import nap


@ray.remote
class Total:
    def __init__(self):
        self.value = 0

    def add(self, amount):
        self.value += amount

    def read(self):
        return self.value


@ray.remote
def square_into(n, total):
    nap(n)
    ray.get(total.add.remote(n * n))


def answer(numbers):
    total = Total.remote()
    for n in numbers:
        square_into.remote(n, total)
    return ray.get(total.read.remote())
