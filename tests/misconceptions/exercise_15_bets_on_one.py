"""A bet on one of the tasks.

Expect: no-wait
"""

import minray as ray


def answer(refs):
    value = ray.get(refs[1])
    for ref in (refs[0], refs[2]):
        ray.cancel(ref)
    return value
