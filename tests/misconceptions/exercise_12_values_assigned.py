"""An actor for show, and the expected counts written down.

Expect: not-fetched
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
    tally.report.remote()
    return {"sun": 3, "rain": 2, "fog": 1}
