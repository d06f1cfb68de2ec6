"""Only what the addition needed; the result travelled as well.

Expect: wrong-values
"""


def answer(steps):
    return sum(step.size for step in steps if step.what == "pull ends" and step.name != "total")
