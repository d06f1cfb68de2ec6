"""The nodes of a session that live, and the workers on them."""

from collections.abc import Iterator

from .records import Node, Peer, Worker
from .resources import Resources
from .worker_pool import Kind, WorkerPool


class Nodes:
    """The nodes by number; the head's is 0.

    Args:
        numbers: where the numbers of processes come from.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self.home: Node  # the head's
        self.alive: dict[int, Node] = {}
        self.several = False  # whether there is, or was, a node beside the head
        self._numbers = numbers

    def add(self, number: int, info: dict[str, object], resources: dict[str, float], zygote: Peer) -> Node:
        """There is a new node with these resources."""
        node = Node(number, info, Resources(resources), zygote)
        node.pool = WorkerPool(int(resources.get("CPU", 0)), lambda kind: self._new_worker(node, kind))
        self.alive[number] = node
        self.several = number > 0
        if not number:
            self.home = node
        return node

    def _new_worker(self, node: Node, kind: Kind) -> Worker:
        return Worker(next(self._numbers), node, kind)

    def workers(self) -> Iterator[Worker]:
        """The workers of all nodes."""
        for node in self.alive.values():
            yield from node.pool.workers.values()

    def find_worker(self, number: int) -> Worker | None:
        """The worker of this number, if it lives."""
        for node in self.alive.values():
            if number in node.pool.workers:
                return node.pool.workers[number]
        return None


def summed(parts: Iterator[dict[str, float]]) -> dict[str, float]:
    """Amounts of several nodes by resource, together."""
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total
