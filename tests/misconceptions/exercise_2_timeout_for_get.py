"""The timeout handed to `get`, which raises when it is over.

Expect: get-with-a-timeout
"""

import minray as ray


def answer(refs, timeout):
    return ray.get(refs, timeout=timeout)
