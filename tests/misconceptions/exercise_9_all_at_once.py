"""One task that adds everything.

Expect: one-big-task
"""

import minray as ray


@ray.remote
def add_all(*values):
    return sum(values)


def answer(refs):
    return ray.get(add_all.remote(*refs))
