"""The batches leave out what does not fill the last one.

Expect: wrong-values
"""

import minray as ray


@ray.remote
def many(batch):
    return [n % 7 for n in batch]


def answer(numbers):
    parts = ray.get(
        [many.remote(numbers[place * 60 : (place + 1) * 60]) for place in range(len(numbers) // 60)]
    )
    return [value for part in parts for value in part]
