"""Both arrays are fetched, and added in the notebook.

Expect: added-here
"""

import minray as ray


def answer(large, small):
    return float(ray.get(large).sum() + ray.get(small).sum())
