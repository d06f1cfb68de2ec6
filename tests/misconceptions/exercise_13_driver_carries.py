"""The driver fetches the squares and adds them itself.

Expect: driver-in-between
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
def square(n):
    nap(n)
    return n * n


def answer(numbers):
    total = Total.remote()
    for amount in ray.get([square.remote(n) for n in numbers]):
        total.add.remote(amount)
    return ray.get(total.read.remote())
