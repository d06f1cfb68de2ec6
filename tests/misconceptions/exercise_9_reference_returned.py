"""The tree is right, but its root is not fetched.

Expect: references-returned
"""

import minray as ray


@ray.remote
def add(a, b):
    return a + b


def answer(refs):
    refs = list(refs)
    while len(refs) > 1:
        refs.append(add.remote(refs.pop(0), refs.pop(0)))
    return refs[0]
