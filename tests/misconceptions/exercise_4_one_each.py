"""A task for every number: the starter as it is.

Expect: too-many-tasks
"""

import minray as ray


@ray.remote
def remainder(n):
    return n % 7


def answer(numbers):
    return ray.get([remainder.remote(n) for n in numbers])
