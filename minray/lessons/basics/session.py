"""The session that the lesson runs in: the only module of `minray.lessons` that asks the runtime.

It uses what users use, and two functions of `api` that are minray's own: the lessons' names for the rest.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import minray

from ... import api

TASK_ID_DIGITS = 48  # an object's id begins with the id of the task that makes it, in minray as in Ray


def event_store() -> Path:
    """The event store of the running session, with everything in it that has happened up to now.

    Raises:
        RaySystemError: no session is running.
    """
    return api.session_database()


def is_running() -> bool:
    """Whether there is a session."""
    return minray.is_initialized()


def start(nodes: int) -> None:
    """Begin a new session with two CPUs on each node; one that runs is ended."""
    minray.shutdown()
    if nodes > 1:
        minray.init(num_cpus=2, num_nodes=nodes, include_dashboard=False)
    else:
        minray.init(num_cpus=2, include_dashboard=False)


def end() -> None:
    """End the session, if there is one."""
    minray.shutdown()


def cpus() -> int:
    """How many tasks of one CPU each can run at the same time."""
    return int(minray.cluster_resources()["CPU"])


def remote(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - the runtime's own type
    """Make a task of a function."""
    return minray.remote(function)


def node_ids() -> list[str]:
    """The ids of the living nodes, the driver's first."""
    return [str(node["NodeID"]) for node in minray.nodes() if node["Alive"]]


def only_on(node: str) -> object:
    """The scheduling strategy of tasks that run on this node and nowhere else."""
    from minray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


def value_of(ref: Any) -> Any:  # noqa: ANN401 - whatever the task returned
    """Wait for a task's result."""
    return minray.get(ref)


def task_id(ref: Any) -> str:  # noqa: ANN401 - minray's ObjectRef or Ray's
    """The id of the task that makes this object, as the event store writes it."""
    return str(ref.hex()[:TASK_ID_DIGITS])


def record_point(name: str, series: str, x: float, y: float) -> None:
    """Add a measured point to the session's events."""
    api.record_experiment(name, series, x, y)
