"""Placement groups, decided purely: which group gets its resources when.

::

    add -> PENDING --create_waiting--> CREATED --remove--> REMOVED, its tasks are ending --settle--> REMOVED
              '---------------------remove----------------------------------------------------------^

A group gets the resources of all its bundles at once or none of them.  Groups are looked at in the order in
which they came, but one that does not fit just now does not hold up the others.  After its removal a group's
resources stay with its tasks until the last of them has ended.
"""

from dataclasses import dataclass, field
from typing import Any

from .bundles import added_resources, taken_resources
from .scheduling import Demand, Resources

PENDING, CREATED, REMOVED = "PENDING", "CREATED", "REMOVED"


@dataclass(eq=False, slots=True)
class Group:
    """One placement group."""

    group_id: str  # hexadecimal
    name: str
    bundles: list[Demand]
    strategy: str
    job: int = 0  # whose end is its end; 0: it is detached
    submitted: float = 0.0
    created: float = 0.0
    attempts: int = 0  # how often it was looked at
    state: str = PENDING
    feasible: bool = True
    waiting: list[Any] = field(default_factory=list)  # whoever is to be told when it is created or removed

    @property
    def scheduling_state(self) -> str:
        """Ray's word for how far its scheduling has come."""
        if self.state != PENDING:
            return "FINISHED" if self.state == CREATED else REMOVED
        return "INFEASIBLE" if not self.feasible else "NO_RESOURCES" if self.attempts else "QUEUED"


class PlacementGroups:
    """All groups of a node, those that have been removed too.

    Args:
        resources: the node's; groups take from them and add to them.
    """

    def __init__(self, resources: Resources) -> None:
        self.groups: dict[str, Group] = {}
        self.pending: dict[str, Group] = {}
        self.ending: dict[str, Group] = {}  # removed, but some of their tasks have not ended
        self._resources = resources

    def add(self, group: Group) -> None:
        """There is a new group; it is created when there is room."""
        # Bundles that must be on different nodes cannot all be on this one.
        fits_one_node = group.strategy != "STRICT_SPREAD" or len(group.bundles) == 1
        group.feasible = fits_one_node and self._resources.feasible(taken_resources(group.bundles))
        self.groups[group.group_id] = self.pending[group.group_id] = group

    def find(self, name: str) -> Group | None:
        """The group of this name that has not been removed."""
        for group in self.groups.values():
            if group.name == name and group.state != REMOVED:
                return group
        return None

    def create_waiting(self) -> list[Group]:
        """Give pending groups their resources as far as they go; return those that have them now."""
        created = []
        for group in list(self.pending.values()):
            group.attempts += 1
            taken = taken_resources(group.bundles)
            if group.feasible and self._resources.fits(taken):
                self._resources.acquire(taken)
                self._resources.extend(added_resources(group.group_id, group.bundles))
                gpus = [dict(bundle).get("GPU", 0) for bundle in group.bundles]
                self._resources.split_gpus(f"GPU_group_{group.group_id}", gpus)
                group.state = CREATED
                del self.pending[group.group_id]
                created.append(group)
        return created

    def remove(self, group_id: str) -> Group | None:
        """The group is not wanted any more; None if it is not there, or was removed before."""
        group = self.groups.get(group_id)
        if group is None or group.state == REMOVED:
            return None
        if group.state == CREATED:
            self.ending[group_id] = group
        self.pending.pop(group_id, None)
        group.state = REMOVED
        return group

    def settle(self) -> None:
        """Give the resources of removed groups back to the node if no task has any of them."""
        for group in list(self.ending.values()):
            if self._resources.withdraw(added_resources(group.group_id, group.bundles)):
                self._resources.release(taken_resources(group.bundles))
                self._resources.rejoin_gpus(f"GPU_group_{group.group_id}")
                del self.ending[group.group_id]
