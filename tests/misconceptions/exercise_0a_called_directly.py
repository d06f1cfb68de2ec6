"""The task is called like a function.

Expect: called-directly
"""

import minray as ray


@ray.remote
def greeting(name):
    return f"Hello, {name}!"


def answer(name):
    return greeting(name)
