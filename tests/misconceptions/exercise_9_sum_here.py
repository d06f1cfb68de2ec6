"""Everything is fetched and added up in the notebook.

Expect: fetched-in-between
"""

import minray as ray


def answer(refs):
    return sum(ray.get(refs))
