"""Small parts, one after the other.

Expect: get-in-the-loop
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def work(part):
    for units in part:
        nap(units)
    return part


def answer(units):
    found = []
    for start in range(0, len(units), 4):
        found += ray.get(work.remote(units[start : start + 4]))
    return found
