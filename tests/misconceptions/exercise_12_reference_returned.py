"""The reference to the counts rather than the counts.

Expect: references-returned
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
        tally.add.remote(word)
    return tally.report.remote()
