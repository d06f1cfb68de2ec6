"""`ray.cloudpickle`: the pickler that tasks and objects use, under Ray's name for it.

>>> import minray.cloudpickle as pickle
>>> pickle.loads(pickle.dumps(lambda n: n + 1))(4)
5
"""

from cloudpickle import *  # noqa: F403
from cloudpickle import dump, dumps, load, loads

__all__ = ["dump", "dumps", "load", "loads"]
