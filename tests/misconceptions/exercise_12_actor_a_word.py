"""The actor is made inside the loop, once for each word.

Expect: several-actors
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
    for word in words:
        tally = Tally.remote()
        tally.add.remote(word)
    return ray.get(tally.report.remote())
