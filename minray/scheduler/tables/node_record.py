"""What the scheduler that decides knows of one node: what it has, which workers it has, how to reach it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .queue import Resources
from .worker_pool import WorkerPool


@dataclass(eq=False, slots=True)
class NodeRecord:
    """One node of the session; the head's has the number 0."""

    number: int
    info: dict[str, Any]  # what `nodes()` shows
    resources: Resources
    pool: WorkerPool
    zygote: Any  # has send(message): takes orders for new workers
    link: Any = None  # has send(message): the node's process; None for the head itself
    alive: bool = True
    heard: float = 0.0  # when it last said something
    store_used: float = 0.0  # the share of its object store's memory, from 0 to 1
    folder: str = ""  # where its objects are
    pids: tuple[int, ...] = ()  # of its own processes

    @property
    def id(self) -> str:
        """The node's id, in hexadecimal."""
        return str(self.info["NodeID"])

    @property
    def labels(self) -> dict[str, str]:
        """The node's labels."""
        labels: dict[str, str] = self.info.get("Labels", {})
        return labels

    def describe(self) -> dict[str, Any]:
        """The node as `nodes()` shows it; a dead one has no resources."""
        return self.info if self.alive else self.info | {"Alive": False, "alive": False, "Resources": {}}


def summed(parts: Iterator[dict[str, float]]) -> dict[str, float]:
    """Amounts of several nodes by resource, together."""
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total


def node_died_message(node: NodeRecord, name: str) -> str:
    """Why a task failed that ran on a node that has died; the first words are Ray's."""
    return (
        "Task failed because the node it was running on is dead or unavailable. Node IP: "
        f"{node.info['NodeManagerAddress']}, node ID: {node.id}; what happened to it: "
        f"{node.info['DeathReasonMessage']}. How often the task {name!r} may be tried again "
        "elsewhere, max_retries says."
    )
