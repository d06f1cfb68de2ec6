"""References are added up instead of values.

Expect: reference-as-value
"""

import minray as ray


@ray.remote
def half(n):
    return n / 2


def answer(numbers):
    return sum(half.remote(n) for n in numbers)
