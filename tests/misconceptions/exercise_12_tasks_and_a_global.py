"""A global dictionary: each worker has one of its own, and the driver another.

Expect: no-actor
"""

import minray as ray

counts = {}


@ray.remote
def add(word):
    counts[word] = counts.get(word, 0) + 1


def answer(words):
    ray.get([add.remote(word) for word in words])
    return counts
