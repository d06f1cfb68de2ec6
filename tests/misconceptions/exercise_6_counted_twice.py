"""The beginning and the end of each copy.

Expect: counted-twice
"""


def answer(steps):
    return sum(step.size for step in steps if step.what.startswith("pull"))
