"""On which nodes the bundles of a placement group go, as one pure function: Ray's four strategies.

Source: https://docs.ray.io/en/latest/ray-core/scheduling/placement-group.html#placement-strategy::

    STRICT_PACK    all on one node             PACK    on one node, else on as few as can be
    STRICT_SPREAD  each on a node of its own   SPREAD  on different nodes, as far as there are enough
"""

from collections.abc import Iterable, Mapping

from ...wire.demand import Demand


class Room:
    """What is free on a node while a plan is made.

    Args:
        number: of the node.
        free: amounts by resource.
    """

    def __init__(self, number: int, free: Mapping[str, int]) -> None:
        self.number = number
        self._free = dict(free)

    def fits(self, demand: Demand) -> bool:
        """Whether the demand can be met."""
        return all(self._free.get(name, 0) >= amount for name, amount in demand)

    def take(self, demand: Demand) -> None:
        """Less is free."""
        for name, amount in demand:
            self._free[name] -= amount

    def copy(self) -> "Room":
        """The same room, for another plan."""
        return Room(self.number, self._free)


Bundles = Mapping[int, Demand]  # by their places in the group
Allowed = Mapping[int, set[int]]  # the nodes that bundles may be on, by place; others may be on any


def plan_bundles(
    bundles: Bundles,
    strategy: str,
    rooms: Iterable[Room],
    used: Iterable[int] = (),
    allowed: Allowed | None = None,
) -> dict[int, int] | None:
    """Find a node for each bundle.

    Args:
        bundles: those to be placed.
        strategy: one of the four.
        rooms: the nodes, the most welcome first.
        used: numbers of the nodes where other bundles of the group are already.
        allowed: conditions on the nodes.

    Returns:
        The numbers of the nodes by bundle; None if there is no room for all.
    """
    nodes = [room.copy() for room in rooms]
    taken, may = set(used), allowed or {}
    if strategy == "STRICT_PACK":
        return _on_one(bundles, [node for node in nodes if not taken or node.number in taken], may)
    if strategy == "STRICT_SPREAD":
        plan = _apart(bundles, [node for node in nodes if node.number not in taken], may)
        return plan if len(plan) == len(bundles) else None
    if strategy == "SPREAD":
        return _spread(bundles, nodes, taken, may)
    return _on_one(bundles, nodes, may) or _pack(bundles, nodes, taken, may)


def _fits(place: int, demand: Demand, node: Room, may: Allowed) -> bool:
    return (place not in may or node.number in may[place]) and node.fits(demand)


def _largest_first(bundles: Bundles) -> list[tuple[int, Demand]]:
    return sorted(bundles.items(), key=lambda item: -sum(amount for _, amount in item[1]))


def _on_one(bundles: Bundles, nodes: list[Room], may: Allowed) -> dict[int, int] | None:
    """All bundles on the first node that has room for them."""
    for node in nodes:
        if len(_as_many_as_fit(bundles, node, may)) == len(bundles):
            return dict.fromkeys(bundles, node.number)
    return None


def _as_many_as_fit(bundles: Bundles, node: Room, may: Allowed) -> list[int]:
    trial, places = node.copy(), []
    for place, demand in _largest_first(bundles):
        if _fits(place, demand, trial, may):
            trial.take(demand)
            places.append(place)
    return places


def _pack(bundles: Bundles, nodes: list[Room], used: set[int], may: Allowed) -> dict[int, int] | None:
    """The node that takes most of the bundles, those in use first; and so on with the rest."""
    plan: dict[int, int] = {}
    rest = dict(bundles)
    left = list(nodes)
    while rest and left:
        fitting = {node.number: _as_many_as_fit(rest, node, may) for node in left}
        node = max(left, key=lambda room: (room.number in used, len(fitting[room.number])))
        for place in fitting[node.number]:
            plan[place] = node.number
            del rest[place]
        left.remove(node)
    return None if rest else plan


def _apart(bundles: Bundles, nodes: list[Room], may: Allowed) -> dict[int, int]:
    """As many bundles as can be, each on a node of its own: a matching, made larger by one path at a time."""
    owner: dict[int, int] = {}  # by node: its bundle

    def place_one(place: int, seen: set[int]) -> bool:
        for node in nodes:
            if node.number not in seen and _fits(place, bundles[place], node, may):
                seen.add(node.number)
                if node.number not in owner or place_one(owner[node.number], seen):
                    owner[node.number] = place
                    return True
        return False

    for place, _ in _largest_first(bundles):
        place_one(place, set())
    return {place: number for number, place in owner.items()}


def _spread(bundles: Bundles, nodes: list[Room], used: set[int], may: Allowed) -> dict[int, int] | None:
    """Apart as far as can be; the rest where there is room, the nodes with fewest bundles first."""
    plan = _apart(bundles, [node for node in nodes if node.number not in used], may)
    rooms = {node.number: node for node in nodes}
    for place, number in plan.items():
        rooms[number].take(bundles[place])
    counts = {node.number: int(node.number in used) for node in nodes}
    for number in plan.values():
        counts[number] += 1
    for place, demand in _largest_first(bundles):
        if place in plan:
            continue
        fitting = [node for node in nodes if _fits(place, demand, node, may)]
        if not fitting:
            return None
        node = min(fitting, key=lambda room: counts[room.number])
        node.take(demand)
        counts[node.number] += 1
        plan[place] = node.number
    return plan
