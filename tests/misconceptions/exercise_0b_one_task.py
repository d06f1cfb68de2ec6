"""One task for the sum of all.

Expect: too-few-tasks
"""

import minray as ray


@ray.remote
def half(n):
    return n / 2


def answer(numbers):
    return ray.get(half.remote(sum(numbers)))
