"""What stands on top of the core API: everything here is built from tasks, actors, `get` and `wait` alone.

It runs wherever users call it, in drivers and workers, and its names are Ray's.  Where to look:

- helpers: `as_completed`, `map_unordered`: results in the order in which they come
- actor_pool: `ActorPool`, a few actors that share the work
- actor_group: `ActorGroup`, actors of one class that are called all at once
- queue: `Queue` between tasks, actors and the driver
- multiprocessing: `Pool` as in Python's multiprocessing
- joblib: the same for joblib and scikit-learn
- iter: the parallel iterators of earlier versions of Ray
- iter_shards: their shards, the actors that hold the items
- local_iterator: the items of shards in the process that reads them, and what is done to them there
- iter_metrics: counters and timers that the operators of one iterator share
- metrics: counters, gauges and histograms, kept in the process that records them
- serialization: how values of your classes travel
- check_serialize: why a value does not travel
- placement_group: resources reserved for tasks and actors that belong together
- scheduling_strategies: where tasks and actors run
- state: tasks, actors, objects, workers and nodes of a session as tables, from its event store
- debug: messages that are logged once
- annotations: decorators that say how stable an interface is, for code that imports them from Ray
- accelerators: names of accelerators, for code that imports them from Ray
"""

import importlib
import os
from typing import Any

from .. import left_out
from ..api import wait
from ..frontend.named_actors import list_named_actors
from ..session import here
from . import accelerators, scheduling_strategies
from .actor_pool import ActorPool
from .check_serialize import inspect_serializability
from .debug import disable_log_once_globally, enable_periodic_logging, log_once
from .helpers import as_completed, map_unordered
from .placement_group import (
    get_current_placement_group,
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from .serialization import deregister_serializer, register_serializer

__all__ = [
    "ActorPool",
    "accelerators",
    "as_completed",
    "deregister_serializer",
    "disable_log_once_globally",
    "enable_periodic_logging",
    "get_current_placement_group",
    "get_node_instance_id",
    "get_node_ip_address",
    "get_placement_group",
    "inspect_serializability",
    "list_named_actors",
    "log_once",
    "map_unordered",
    "placement_group",
    "placement_group_table",
    "register_serializer",
    "remove_placement_group",
    "scheduling_strategies",
    "wait",
]


_left_out = left_out.attributes_of(__name__)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """`util.iter` and `util.state` are there without being imported, as in Ray, but loaded only when used."""
    return importlib.import_module(f".{name}", __name__) if name in ("iter", "state") else _left_out(name)


def get_node_ip_address() -> str:
    """The address of this node; without a session, of this machine as it calls itself.

    Example:
        >>> ray.util.get_node_ip_address()
        '127.0.0.1'
    """
    address: str = here.info.get("node_ip_address", "127.0.0.1")
    return address


def get_node_instance_id() -> str:
    """What a cloud calls this machine, from the variable RAY_CLOUD_INSTANCE_ID; empty where nobody set it."""
    return os.environ.get("RAY_CLOUD_INSTANCE_ID", "")
