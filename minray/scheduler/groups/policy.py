"""Placement groups, decided purely: which group gets its resources when, and on which nodes.

::

    add -> PENDING --create_waiting--> CREATED --remove--> REMOVED, its tasks are ending --settle--> REMOVED
              |                         |  ^ create_waiting             ^
              |          a node has died v |                            |
              |                     RESCHEDULING -----------------------|
              '---------------------------------------------------------'

A group gets the resources of all its bundles at once or none of them.  Groups are looked at in the order in
which they came, but one that does not fit just now does not hold up the others.  After its removal a group's
resources stay with its tasks until the last of them has ended.  Which bundle goes where: see `bundle_plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...wire.demand import Demand, added_resources, taken_resources
from ...wire.placement import Condition, fulfils
from ..tables.records import Node
from .bundle_plan import Room, plan_bundles

PENDING, CREATED, REMOVED, RESCHEDULING = "PENDING", "CREATED", "REMOVED", "RESCHEDULING"


@dataclass(eq=False, slots=True)
class Group:
    """One placement group."""

    group_id: str  # hexadecimal
    name: str
    bundles: list[Demand]
    strategy: str
    namespace: str = ""
    job: int = 0  # whose end is its end; 0: it is detached
    actor: bytes = b""  # the actor that made it, if one did: then both must have ended
    job_ended: bool = False
    submitted: float = 0.0
    created: float = 0.0
    attempts: int = 0  # how often it was looked at
    state: str = PENDING
    feasible: bool = True
    waiting: list[tuple[bytes, bytes]] = field(
        default_factory=list
    )  # whoever is to be told when it is created or removed
    conditions: tuple[tuple[Condition, ...], ...] = ()  # on the labels of each bundle's node
    target: str = ""  # the id of the node that is most welcome
    places: dict[int, int] = field(default_factory=dict)  # by bundle: the number of its node

    def on(self, node: int) -> dict[int, Demand]:
        """The bundles that are on a node."""
        return {index: self.bundles[index] for index, number in self.places.items() if number == node}

    @property
    def scheduling_state(self) -> str:
        """Ray's word for how far its scheduling has come."""
        if self.state in (CREATED, REMOVED):
            return "FINISHED" if self.state == CREATED else REMOVED
        return "INFEASIBLE" if not self.feasible else "NO_RESOURCES" if self.attempts else "QUEUED"


class PlacementGroups:
    """All groups of a session, those that have been removed too.

    Args:
        nodes: those that live, by number; groups take from their resources and add to them.
    """

    def __init__(self, nodes: Mapping[int, Node]) -> None:
        self.groups: dict[str, Group] = {}
        self.pending: dict[str, Group] = {}
        self.ending: dict[str, Group] = {}  # removed, but some of their tasks have not ended
        self._nodes = nodes

    def add(self, group: Group) -> None:
        """There is a new group; it is created when there is room."""
        self.groups[group.group_id] = self.pending[group.group_id] = group
        group.feasible = self._plan(group, empty=True) is not None

    def find(self, name: str, namespace: str) -> Group | None:
        """The group of this name that has not been removed."""
        for group in self.groups.values():
            if (group.name, group.namespace) == (name, namespace) and group.state != REMOVED:
                return group
        return None

    def _plan(self, group: Group, empty: bool = False) -> dict[int, int] | None:
        """Nodes for those bundles of a group that have none; as if the nodes were empty, or as they are."""
        missing = {index: bundle for index, bundle in enumerate(group.bundles) if index not in group.places}
        nodes = sorted(self._nodes.values(), key=lambda node: (node.id != group.target, node.number))
        rooms = [Room(node.number, node.resources.amounts(empty)) for node in nodes]
        allowed = {
            index: {node.number for node in nodes if fulfils(node.labels, conditions)}
            for index, conditions in enumerate(group.conditions)
            if conditions
        }
        plan = plan_bundles(missing, group.strategy, rooms, group.places.values(), allowed)
        if plan is None or empty:
            return plan
        for number in set(plan.values()):  # GPUs are things: a part of one must be free in one piece
            taken = taken_resources(missing[index] for index, at in plan.items() if at == number)
            if not self._nodes[number].resources.fits(taken):
                return None
        return plan

    def create_waiting(self) -> list[Group]:
        """Give pending groups their resources as far as they go; return those that have them now."""
        created = []
        for group in list(self.pending.values()):
            group.attempts += 1
            plan = self._plan(group) if group.feasible else None
            if plan is None:
                continue
            for number in set(plan.values()):
                bundles = {index: group.bundles[index] for index, at in plan.items() if at == number}
                resources = self._nodes[number].resources
                resources.acquire(taken_resources(bundles.values()))
                resources.extend(added_resources(group.group_id, bundles))
                gpus = [dict(bundle).get("GPU", 0) for bundle in bundles.values()]
                resources.split_gpus(f"GPU_group_{group.group_id}", gpus)
            group.places |= plan
            group.state = CREATED
            del self.pending[group.group_id]
            created.append(group)
        return created

    def nodes_changed(self) -> None:
        """There are more nodes now, or fewer."""
        for group in self.pending.values():
            group.feasible = self._plan(group, empty=True) is not None

    def node_died(self, number: int) -> list[Group]:
        """A node is gone; return the groups that have lost bundles, which wait for room elsewhere."""
        hit = []
        for group in self.groups.values():
            if number in group.places.values():
                group.places = {index: at for index, at in group.places.items() if at != number}
                if group.state != REMOVED:
                    group.state = RESCHEDULING
                    self.pending[group.group_id] = group
                    hit.append(group)
        self.nodes_changed()
        return hit

    def remove(self, group_id: str) -> Group | None:
        """The group is not wanted any more; None if it is not there, or was removed before."""
        group = self.groups.get(group_id)
        if group is None or group.state == REMOVED:
            return None
        if group.places:
            self.ending[group_id] = group
        self.pending.pop(group_id, None)
        group.state = REMOVED
        return group

    def settle(self) -> None:
        """Give the resources of removed groups back to their nodes, where no task has any of them."""
        for group in list(self.ending.values()):
            for number in set(group.places.values()):
                bundles, resources = group.on(number), self._nodes[number].resources
                if resources.withdraw(added_resources(group.group_id, bundles)):
                    resources.release(taken_resources(bundles.values()))
                    resources.rejoin_gpus(f"GPU_group_{group.group_id}")
                    group.places = {index: at for index, at in group.places.items() if at != number}
            if not group.places:
                del self.ending[group.group_id]
