"""Equal parts, and what does not fit is left out.

Expect: wrong-values
"""

import minray as ray


@ray.remote
def sum_of(part):
    return float(part.sum())


def answer(array):
    size = len(array) // 4
    return sum(ray.get([sum_of.remote(array[n * size : (n + 1) * size]) for n in range(4)]))
