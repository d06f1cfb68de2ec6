"""The number of copies instead of their sizes.

Expect: a-count
"""


def answer(steps):
    return len([step for step in steps if step.what == "pull ends"])
