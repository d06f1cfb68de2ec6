"""Waiting for each task before the next is submitted.

Expect: get-in-the-loop
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
        ray.get(square_into.remote(n, total))
    return ray.get(total.read.remote())
