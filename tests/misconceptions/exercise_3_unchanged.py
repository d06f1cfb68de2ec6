"""The starter as it stands: a plain loop.

Expect: no-tasks
"""

from minray.lessons import nap


def answer(numbers):
    results = []
    for n in numbers:
        nap(n)
        results.append(n * n)
    return results
