"""One call of `wait` that asks for everything: `get` in disguise.

Expect: waited-for-all
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    refs = [square_task.remote(n) for n in numbers]
    ready, _ = ray.wait(refs, num_returns=len(refs))
    return ray.get(ready)
