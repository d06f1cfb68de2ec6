"""The endless loop: the list that goes into `wait` never gets shorter.

Expect: list-not-shrinking
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def square_task(n):
    nap(n)
    return n * n


def answer(numbers):
    refs = [square_task.remote(n) for n in numbers]
    results, not_ready = [], refs
    while not_ready:
        ready, not_ready = ray.wait(refs)
        results.extend(ray.get(ready))
    return results
