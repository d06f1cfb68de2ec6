"""Waiting for every call before the next one.

Expect: get-in-the-loop
"""

import minray as ray


@ray.remote
class Tally:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1

    def report(self):
        return self.counts


def answer(words):
    tally = Tally.remote()
    for word in words:
        ray.get(tally.add.remote(word))
    return ray.get(tally.report.remote())
