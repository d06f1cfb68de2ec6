"""A plain function: the starter as it is.

Expect: no-tasks
"""


def answer(name):
    return f"Hello, {name}!"
