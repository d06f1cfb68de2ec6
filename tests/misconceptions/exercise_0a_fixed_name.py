"""The name of the example instead of the one that was given.

Expect: wrong-values
"""

import minray as ray


@ray.remote
def greeting(name):
    return f"Hello, {name}!"


def answer(name):
    return ray.get(greeting.remote("Grace"))
