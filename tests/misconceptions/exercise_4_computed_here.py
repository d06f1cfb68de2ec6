"""Tasks run, but the values are computed beside them.

Expect: not-fetched
"""

import minray as ray


@ray.remote
def many(batch):
    return [n % 7 for n in batch]


def answer(numbers):
    for start in range(0, len(numbers), 50):
        many.remote(numbers[start : start + 50])
    return [n % 7 for n in numbers]
