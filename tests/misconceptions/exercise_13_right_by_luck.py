"""The tasks do not wait for the actor, but a pause makes up for it: right by luck.

Expect: right-by-luck
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
    total.add.remote(n * n)


def answer(numbers):
    total = Total.remote()
    ray.get([square_into.remote(n, total) for n in numbers])
    nap(30)
    return ray.get(total.read.remote())
