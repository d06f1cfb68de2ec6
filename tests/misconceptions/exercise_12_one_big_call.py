"""All words in a single call.

Expect: too-few-calls
"""

import minray as ray


@ray.remote
class Tally:
    def __init__(self):
        self.counts = {}

    def add(self, words):
        for word in words:
            self.counts[word] = self.counts.get(word, 0) + 1

    def report(self):
        return self.counts


def answer(words):
    tally = Tally.remote()
    tally.add.remote(words)
    return ray.get(tally.report.remote())
