"""A running total: each addition waits for the one before.

Expect: a-chain
"""

import minray as ray


@ray.remote
def add(a, b):
    return a + b


def answer(refs):
    total = refs[0]
    for ref in refs[1:]:
        total = add.remote(total, ref)
    return ray.get(total)
