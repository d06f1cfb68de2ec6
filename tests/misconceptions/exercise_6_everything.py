"""All sizes there are.

Expect: other-events
"""


def answer(steps):
    return sum(step.size for step in steps)
