"""An actor for each task.

Expect: several-actors
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
    totals = [Total.remote() for _ in numbers]
    ray.get([square_into.remote(n, total) for n, total in zip(numbers, totals, strict=True)])
    return sum(ray.get([total.read.remote() for total in totals]))
