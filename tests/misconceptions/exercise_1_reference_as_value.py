"""Calculating with a reference as if it were the number.

Expect: reference-as-value
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def slow_number(n):
    nap(n)
    return n


def answer(numbers):
    refs = [slow_number.remote(n) for n in numbers]
    return [ref * ref for ref in refs]
