"""What a task asks for: amounts by resource; in a placement group, by the names that Ray gives its bundles.

Amounts are in 1/10,000 of a unit, as in Ray, so that ten times 0.1 is exactly 1.  A group takes its bundles'
resources away from the node and adds as much to it under names of its own.  A task in the group asks for
those instead, so the scheduler counts them like any other resource, and nobody outside can have them::

    bundle 0 of group ab..: {"CPU": 2}    CPU            - 2
                                          CPU_group_0_ab + 2     for tasks that want this very bundle
                                          CPU_group_ab   + 2     for tasks that take any bundle of the group

A task in bundle 0 asks for both, so that the group's sum stays right.  Each bundle also has 1000 of a
resource called `bundle`, and each task takes 0.001 of it: so a task that needs nothing waits for its group
too.
"""

import math
import re
from collections.abc import Iterable, Mapping

UNIT = 10_000
Demand = tuple[tuple[str, int], ...]
MARKER = "bundle"  # no bundle may have a resource of this name
ANY_BUNDLE = -1
_MARKS_OF_A_BUNDLE = 1000 * UNIT
_MARKS_OF_A_TASK = UNIT // 1000
_NAME = re.compile(r"(.+)_group_(?:(\d+)_)?([0-9a-f]+)")


def to_demand(amounts: dict[str, float]) -> Demand:
    """Resource amounts as a task spec carries them; zero amounts are left out.

    Raises:
        ValueError: an amount is negative, infinite, not a number, or finer than 1/10,000.
    """
    demand = []
    for name, amount in sorted(amounts.items()):
        if not 0 <= amount < math.inf:
            raise ValueError(f"The amount of {name} must be a number from 0 up, but it is {amount}.")
        units = round(amount * UNIT)
        if amount and not units:
            raise ValueError(f"The amount {amount} of {name} is too small: the smallest is {1 / UNIT}.")
        if units:
            demand.append((name, units))
    return tuple(demand)


def group_demand(demand: Demand, group: str, index: int) -> Demand:
    """What a task of this demand asks for when it runs in a group.

    Args:
        demand: what it would ask for outside.
        group: the group's id, in hexadecimal.
        index: of the bundle; `ANY_BUNDLE` for any.

    Example:
        >>> group_demand((("CPU", 10000),), "ab", ANY_BUNDLE)
        (('CPU_group_ab', 10000), ('bundle_group_ab', 10))
    """
    names = [f"_group_{group}"] + ([f"_group_{index}_{group}"] if index != ANY_BUNDLE else [])
    parts = (*demand, (MARKER, _MARKS_OF_A_TASK))
    return tuple(sorted((part + name, amount) for part, amount in parts for name in names))


def plain_demand(demand: Demand) -> Demand:
    """The demand of a task without the names of its group: what `group_demand` was given."""
    plain = []
    for name, amount in demand:
        match = _NAME.fullmatch(name)
        if match is None:
            plain.append((name, amount))
        elif match[1] != MARKER and match[2] is None:
            plain.append((match[1], amount))
    return tuple(plain)


def added_resources(group: str, bundles: Mapping[int, Demand]) -> Demand:
    """What a node with these bundles of a group (by their places in it) has more, under the group's names."""
    added: dict[str, int] = {}
    for index, bundle in bundles.items():
        for part, amount in (*bundle, (MARKER, _MARKS_OF_A_BUNDLE)):
            for name in (f"{part}_group_{group}", f"{part}_group_{index}_{group}"):
                added[name] = added.get(name, 0) + amount
    return tuple(sorted(added.items()))


def taken_resources(bundles: Iterable[Demand]) -> Demand:
    """What a node with these bundles has less, under the ordinary names."""
    taken: dict[str, int] = {}
    for bundle in bundles:
        for name, amount in bundle:
            taken[name] = taken.get(name, 0) + amount
    return tuple(sorted(taken.items()))


def is_cpu(name: str) -> bool:
    """Whether this is the CPU, of the node or of a bundle."""
    return name == "CPU" or name.startswith("CPU_group_")
