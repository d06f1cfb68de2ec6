"""The work divided by the workers.

Expect: evenly-divided
"""


def answer(naps, workers):
    return sum(naps) / workers
