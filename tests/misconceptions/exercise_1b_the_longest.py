"""The longest task, as with enough workers.

Expect: the-longest-only
"""


def answer(naps, workers):
    return max(naps)
