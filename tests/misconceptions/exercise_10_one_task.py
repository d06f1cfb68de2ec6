"""One task that adds up everything.

Expect: one-big-task
"""

import minray as ray


@ray.remote
def sum_of(part):
    return float(part.sum())


def answer(array):
    return ray.get(sum_of.remote(array))
