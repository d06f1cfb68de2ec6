"""Each batch is fetched before the next one is submitted.

Expect: get-in-the-loop
"""

import minray as ray


@ray.remote
def many(batch):
    return [n % 7 for n in batch]


def answer(numbers):
    found = []
    for start in range(0, len(numbers), 50):
        found += ray.get(many.remote(numbers[start : start + 50]))
    return found
