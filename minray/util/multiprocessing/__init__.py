"""A drop-in for `multiprocessing.Pool` whose processes are actors.

    >>> from minray.util.multiprocessing import Pool
    >>> with Pool(4) as pool:
    ...     pool.map(abs, [-1, 2, -3])
    [1, 2, 3]

- pool: `Pool`, which owns its actors and cuts the calls into chunks for them
- results: what it hands out while they work: `AsyncResult`, and the iterators of `imap`

Source: https://docs.ray.io/en/latest/ray-more-libs/multiprocessing.html and, for the interface,
https://docs.python.org/3/library/multiprocessing.html#module-multiprocessing.pool.
"""

from multiprocessing import JoinableQueue, TimeoutError

from .pool import Pool

__all__ = ["JoinableQueue", "Pool", "TimeoutError"]
