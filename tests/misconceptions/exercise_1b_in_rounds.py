"""All workers wait for each other.

Expect: in-rounds
"""


def answer(naps, workers):
    total = 0
    while naps:
        total += max(naps[:workers])
        naps = naps[workers:]
    return total
