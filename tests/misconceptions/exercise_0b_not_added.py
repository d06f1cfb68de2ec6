"""The results are not added up.

Expect: not-added
"""

import minray as ray


@ray.remote
def half(n):
    return n / 2


def answer(numbers):
    return ray.get([half.remote(n) for n in numbers])
