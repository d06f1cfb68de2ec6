"""Which node a task is to run on, as one pure function: Ray's rules.

Sources: https://docs.ray.io/en/latest/ray-core/scheduling/index.html.

1. Only a node that has the task's resources free now is chosen; so no node is ever over-committed, and as
   long as one fits the task does not wait.
2. A placement may narrow the choice: to one node (`NodeAffinitySchedulingStrategy`), to nodes with certain
   labels, to those that hold a placement group's bundles (their resources have names of their own).
3. Without a placement, a task that needs no GPU goes to a node without any, if one fits.
4. "SPREAD" takes the nodes in turn.  Else the node with most of the task's large arguments is best (what lies
   there need not be copied), then the node that the task was submitted on, and when that is full, the one
   that is least used ("spillback").
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from ...wire.placement import Placement, fulfils
from .queue import Demand, Resources

# Arguments of fewer bytes are copied sooner than waited for.
LEAST_LOCAL_BYTES = 1024 * 1024


class Choosable(Protocol):
    """What there is to know of a node."""

    number: int
    resources: Resources

    @property
    def id(self) -> str:
        """The node's id, in hexadecimal."""

    @property
    def labels(self) -> dict[str, str]:
        """The node's labels."""


NodeT = TypeVar("NodeT", bound=Choosable)


def feasible_nodes(nodes: Iterable[NodeT], demand: Demand, where: Placement) -> list[NodeT]:
    """The nodes that could run such a task if they were empty.

    A node that is only wished for is required as long as it could run the task.
    """
    able = [node for node in nodes if node.resources.feasible(demand)]
    kind = where[0] if where else ""
    if kind == "node":
        named = [node for node in able if node.id == where[1]]
        return named if named or not where[2] else able
    if kind == "labels":
        return [node for node in able if fulfils(node.labels, where[1])]
    return able


def choose_node(
    nodes: Iterable[NodeT],
    demand: Demand,
    where: Placement,
    *,
    origin: int,
    local_bytes: Mapping[int, int],
    last: int,
) -> NodeT | None:
    """Choose a node for a task.

    Args:
        nodes: those that live.
        demand: what the task needs.
        where: its placement.
        origin: the number of the node that it was submitted on.
        local_bytes: bytes of its large arguments, by the numbers of the nodes where they are.
        last: the number of the node that was chosen last for "SPREAD".

    Returns:
        The node; None if none of those that may run it has the resources free.
    """
    fitting = [node for node in feasible_nodes(nodes, demand, where) if node.resources.fits(demand)]
    if not fitting:
        return None
    if not where and not any(name == "GPU" for name, _ in demand):
        fitting = [node for node in fitting if not node.resources.has("GPU")] or fitting
    if where and where[0] == "labels":
        fitting = [node for node in fitting if fulfils(node.labels, where[2])] or fitting
    if where and where[0] == "spread":
        return min(fitting, key=lambda node: (node.number <= last, node.number))
    return min(
        fitting,
        key=lambda node: (
            -(local_bytes.get(node.number, 0) // LEAST_LOCAL_BYTES),
            node.number != origin,
            node.resources.share_used(),
            node.number,
        ),
    )
