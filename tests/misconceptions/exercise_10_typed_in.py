"""Tasks run, but the total comes from elsewhere.

Expect: not-fetched
"""

import numpy as np

import minray as ray


@ray.remote
def sum_of(part):
    return float(part.sum())


def answer(array):
    for part in np.array_split(array, 4):
        sum_of.remote(part)
    return float(array.sum())
