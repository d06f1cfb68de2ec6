"""One part after the other.

Expect: get-in-the-loop
"""

import numpy as np

import minray as ray


@ray.remote
def sum_of(part):
    return float(part.sum())


def answer(array):
    total = 0.0
    for part in np.array_split(array, 4):
        total += ray.get(sum_of.remote(part))
    return total
