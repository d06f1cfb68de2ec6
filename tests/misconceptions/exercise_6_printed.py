"""The right sum, printed instead of returned.

Expect: no-number
"""


def answer(steps):
    print(sum(step.size for step in steps if step.what == "pull ends"))
