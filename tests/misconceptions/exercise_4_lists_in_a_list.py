"""Batches, but their results are not put together.

Expect: not-flattened
"""

import minray as ray


@ray.remote
def many(batch):
    return [n % 7 for n in batch]


def answer(numbers):
    return ray.get([many.remote(numbers[start : start + 50]) for start in range(0, len(numbers), 50)])
