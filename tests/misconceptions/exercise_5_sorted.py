"""The long pieces are sorted to the end, and the results stay in that order.

Expect: wrong-order
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def work(part):
    for units in part:
        nap(units)
    return part


def answer(units):
    units = sorted(units)
    parts = ray.get([work.remote(units[start : start + 4]) for start in range(0, len(units), 4)])
    return [value for part in parts for value in part]
