"""The tasks are dealt out like cards, whoever is free.

Expect: wrong-values
"""


def answer(naps, workers):
    return max(sum(naps[place::workers]) for place in range(workers))
