"""The tasks are put in order first.

Expect: longest-first
"""


def answer(naps, workers):
    free = [0] * workers
    for nap in sorted(naps, reverse=True):
        first = free.index(min(free))
        free[first] += nap
    return max(free)
