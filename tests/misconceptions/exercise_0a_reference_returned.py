"""The reference is returned.

Expect: references-returned
"""

import minray as ray


@ray.remote
def greeting(name):
    return f"Hello, {name}!"


def answer(name):
    return greeting.remote(name)
