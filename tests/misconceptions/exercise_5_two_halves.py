"""Two halves, of which one has all the long pieces: the starter as it is.

Expect: too-coarse
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def work(part):
    for units in part:
        nap(units)
    return part


def answer(units):
    half = len(units) // 2
    parts = ray.get([work.remote(units[:half]), work.remote(units[half:])])
    return [value for part in parts for value in part]
