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

from ...exceptions import TaskUnschedulableError
from ...wire.demand import UNIT, Demand, plain_demand
from ...wire.placement import SPREAD, UNSCHEDULABLE, Placement, fulfils
from .records import Node, Task
from .resources import Resources

# Arguments of fewer bytes are copied sooner than waited for.
LEAST_LOCAL_BYTES = 1024 * 1024


def feasible_nodes(nodes: Iterable[Node], demand: Demand, where: Placement) -> list[Node]:
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
    nodes: Iterable[Node],
    demand: Demand,
    where: Placement,
    *,
    origin: int,
    local_bytes: Mapping[int, int],
    last: int,
) -> Node | None:
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


def where_of(task: Task) -> Placement:
    """A task's placement; as in Ray, actors that hold nothing for life are spread."""
    holds_nothing = task.constructs is not None and not task.demand and not task.where
    return SPREAD if holds_nothing else task.where


def lasting_demand(task: Task) -> Demand | None:
    """What a node must have for the task to be placed there; None if its placement group says that."""
    if task.spec.placement[:1] == ("group",):
        return None
    return task.demand if task.constructs is None else task.constructs.spec.needs


def obstacle(task: Task, nodes: Mapping[int, Node]) -> TaskUnschedulableError | str:
    """Why no node can ever run the task: the error it fails with, or what to tell the user while it waits.

    Empty if there is a node for it.
    """
    demand = lasting_demand(task)
    if demand is None or feasible_nodes(nodes.values(), demand, task.where):
        return ""
    kind, *details = task.where or ("",)
    if kind == "node" and not details[1]:
        return TaskUnschedulableError(UNSCHEDULABLE)
    if kind == "labels":
        return f"No node has the labels, and the resources, that {task.spec.name!r} asks for. It waits."
    return _infeasible(task, demand, nodes.values())


def _infeasible(task: Task, demand: Demand, nodes: Iterable[Node]) -> str:
    """What to tell the user when no node can ever meet the demand of a task."""
    wanted = ", ".join(f"{amount / UNIT:g} {name}" for name, amount in plain_demand(demand))
    offers = ["this node has only " + _countable(node.resources) for node in nodes]
    has = offers[0] if len(offers) == 1 else f"none of the {len(offers)} nodes has that"
    return (
        f"The task {task.spec.name!r} asks for {wanted}, but {has}. It waits, and "
        "will go on waiting: ask for less with num_cpus=..., or start with init(num_cpus=...) large "
        "enough."
    )


def _countable(resources: Resources) -> str:
    """A node's resources without memory and without those that name the node itself."""
    return ", ".join(
        f"{amount:g} {name}"
        for name, amount in resources.total().items()
        if not any(part in name for part in ("memory", ":", "_group_"))
    )
