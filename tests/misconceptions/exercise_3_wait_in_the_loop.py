"""`wait` right after each submission: as serial as a `get` there.

Expect: get-in-the-loop
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    results = []
    for n in numbers:
        ready, _ = ray.wait([square_task.remote(n)])
        results.extend(ray.get(ready))
    return results
