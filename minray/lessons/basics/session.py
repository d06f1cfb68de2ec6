"""The session that the lesson runs in: the only module of `minray.lessons` that asks the runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ... import api
from ...driver import initialization
from ...frontend import decorator
from ...frontend.scheduling_strategies import NodeAffinitySchedulingStrategy

TASK_ID_DIGITS = 48  # an object's id begins with the id of the task that makes it, in minray as in Ray


def event_store() -> Path:
    """The event store of the running session, with everything in it that has happened up to now.

    Raises:
        RaySystemError: no session is running.
    """
    return api.session_database()


def is_running() -> bool:
    """Whether there is a session."""
    return initialization.is_initialized()


def start(nodes: int) -> None:
    """Begin a new session with two CPUs on each node; one that runs is ended."""
    initialization.shutdown()
    if nodes > 1:
        initialization.init(num_cpus=2, num_nodes=nodes, include_dashboard=False)
    else:
        initialization.init(num_cpus=2, include_dashboard=False)


def end() -> None:
    """End the session, if there is one."""
    initialization.shutdown()


def cpus() -> int:
    """How many tasks of one CPU each can run at the same time."""
    return int(api.cluster_resources()["CPU"])


def remote(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - the runtime's own type
    """Make a task of a function."""
    return decorator.remote(function)


def node_ids() -> list[str]:
    """The ids of the living nodes, the driver's first."""
    return [str(node["NodeID"]) for node in api.nodes() if node["Alive"]]


def remote_on(function: Callable[..., Any], node: str) -> Any:  # noqa: ANN401 - the runtime's own type
    """Make a task of a function that runs on this node."""
    return remote(function).options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))


def task_id(ref: Any) -> str:  # noqa: ANN401 - minray's ObjectRef or Ray's
    """The id of the task that makes this object, as the event store writes it."""
    return str(ref.hex()[:TASK_ID_DIGITS])


def record_point(name: str, series: str, x: float, y: float) -> None:
    """Add a measured point to the session's events."""
    api.record_experiment(name, series, x, y)
