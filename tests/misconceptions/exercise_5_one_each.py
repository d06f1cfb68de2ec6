"""A task for every piece.

Expect: too-fine
"""

import minray as ray
from minray.lessons import nap


@ray.remote
def work(units):
    nap(units)
    return units


def answer(units):
    return ray.get([work.remote(piece) for piece in units])
