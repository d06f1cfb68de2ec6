"""The arrays are fetched, and handed to the task by value.

Expect: large-copied
"""

import minray as ray


@ray.remote
def add_up(one, other):
    return float(one.sum() + other.sum())


def answer(large, small):
    return ray.get(add_up.remote(ray.get(large), ray.get(small)))
