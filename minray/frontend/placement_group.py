"""Placement groups as users see them: a handle, and the functions that make, find and remove groups.

Source: https://docs.ray.io/en/latest/ray-core/scheduling/placement-group.html.  The decisions are made by the
local scheduler: see scheduler/groups, and wire/demand for how tasks ask for a bundle's resources.
"""

import warnings
from typing import Any

from ..core_worker import current
from ..exceptions import GetTimeoutError, RaySystemError, TaskPlacementGroupRemoved
from ..session import here
from ..values.ref import ObjectRef
from ..values.serialization import serialize
from ..wire.demand import MARKER, to_demand
from ..wire.ids import PlacementGroupID
from ..wire.messages import AwaitPlacementGroup, CreatePlacementGroup, RemovePlacementGroup
from .labels import conditions_of, wrong_selector

VALID_PLACEMENT_GROUP_STRATEGIES = {"PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"}
_EXAMPLE = 'For example: `[{"CPU": 1.0}, {"GPU": 1.0}]`.'


class PlacementGroup:
    """A handle to a placement group; can be sent to tasks and actors.

    Args:
        id: the group's id.
        bundle_cache: its bundles; None: ask when they are needed.
    """

    def __init__(self, id: PlacementGroupID, bundle_cache: list[dict[str, float]] | None = None) -> None:
        self.id, self.bundle_cache = id, bundle_cache

    @staticmethod
    def empty() -> "PlacementGroup":
        """A handle to no group at all."""
        return PlacementGroup(PlacementGroupID.nil())

    @property
    def is_empty(self) -> bool:
        """Whether this is a handle to no group."""
        return self.id.is_nil()

    @property
    def bundle_specs(self) -> list[dict[str, float]]:
        """The group's bundles: amounts by resource."""
        if self.bundle_cache is None:
            self.bundle_cache = list(placement_group_table(self).get("bundles", {}).values())
        return self.bundle_cache

    @property
    def bundle_count(self) -> int:
        """How many bundles the group has."""
        return len(self.bundle_specs)

    def ready(self) -> ObjectRef:
        """A reference whose value, this group, is there as soon as the group has its resources.

        `get` raises `TaskPlacementGroupRemoved` if the group is removed.

        Example:
            >>> ray.get(ray.util.placement_group([{"CPU": 1}]).ready()).bundle_count
            1
        """
        core = current.connected_core()
        if self.is_empty:
            return core.putting.put(self)
        ref = core.putting.expected_ref()
        core.outbox.send(AwaitPlacementGroup(self.id.hex(), ref.binary(), serialize(self).to_bytes()))
        return ref

    def wait(self, timeout_seconds: float = 30) -> bool:
        """Wait until the group has its resources.

        Args:
            timeout_seconds: how long at most.

        Returns:
            Whether it has them.

        Raises:
            RaySystemError: the group has been removed.
        """
        core, ref = current.connected_core(), self.ready()
        try:
            core.getting.get([ref.binary()], timeout_seconds)
        except GetTimeoutError:
            return False
        except TaskPlacementGroupRemoved as removed:
            raise RaySystemError(f"Placement group {self.id!r} does not exist.") from removed
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlacementGroup) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


def placement_group(
    bundles: list[dict[str, float]],
    strategy: str = "PACK",
    name: str = "",
    lifetime: str | None = None,
    _soft_target_node_id: str | None = None,
    bundle_label_selector: list[dict[str, str]] | None = None,
) -> PlacementGroup:
    """Reserve resources for tasks and actors that belong together; return at once.

    Args:
        bundles: what to reserve: a list of amounts by resource. All are reserved at once, or none.
        strategy: "PACK" and "SPREAD": together or apart, if that can be; "STRICT_PACK": all on one node;
            "STRICT_SPREAD": each on a node of its own. A group for which there are not enough nodes waits.
        name: under which `get_placement_group` finds it.
        lifetime: None, or "detached": the group outlives its creator.
        bundle_label_selector: conditions on the labels of each bundle's node.

    Returns:
        A handle. Wait for its `ready()` before relying on the resources.

    Raises:
        ValueError: an argument makes no sense.
        RaySystemError: there is another group of this name.

    Example:
        >>> group = ray.util.placement_group([{"CPU": 1}, {"CPU": 1}], strategy="PACK")
        >>> group.wait(timeout_seconds=10)
        True
    """
    validate_placement_group(bundles, strategy, lifetime, _soft_target_node_id, bundle_label_selector)
    if any(MARKER in bundle for bundle in bundles):
        raise RaySystemError(f"{MARKER!r} is a system reserved resource, which no placement group may have.")
    demands = tuple(to_demand(bundle) for bundle in bundles)
    core = current.connected_core()
    amounts = [{resource: float(amount) for resource, amount in bundle.items()} for bundle in bundles]
    group = PlacementGroup(PlacementGroupID.from_random(), amounts)
    conditions = tuple(map(conditions_of, bundle_label_selector or ()))
    namespace = current.own_namespace() if name else ""
    problem = core.outbox.request(
        lambda number: CreatePlacementGroup(
            number,
            group.id.hex(),
            name,
            demands,
            strategy,
            lifetime == "detached",
            conditions,
            _soft_target_node_id or "",
            namespace,
        )
    )
    if problem:
        raise RaySystemError(problem)
    return group


def remove_placement_group(placement_group: PlacementGroup) -> None:
    """Give a group's resources back. Its actors and running tasks are ended; tasks that wait for it fail.

    Args:
        placement_group: the group; nothing happens if it has been removed before.
    """
    core = current.connected_core()
    core.outbox.send(RemovePlacementGroup(placement_group.id.hex()))


def get_placement_group(placement_group_name: str) -> PlacementGroup:
    """Find a group of the caller's namespace by its name.

    Raises:
        ValueError: there is none of that name, or it has been removed.
    """
    if not placement_group_name:
        raise ValueError("Please supply a non-empty value to get_placement_group")
    wanted = (placement_group_name, current.own_namespace())
    for row in _query_groups().values():
        if (row["name"], row["namespace"]) == wanted and row["state"] != "REMOVED":
            return _handle(row["placement_group_id"])
    raise ValueError(f"Failed to look up placement group with name: {placement_group_name}")


def get_current_placement_group() -> PlacementGroup | None:
    """The group that the calling task or actor runs in; None outside of one, as in a driver."""
    current.connected_core()
    placement = here.placement()
    return _handle(placement[1]) if placement and placement[0] == "group" else None


def placement_group_table(placement_group: PlacementGroup | None = None) -> dict[str, Any]:
    """What is known of placement groups, removed ones too.

    Args:
        placement_group: the group in question; None for all.

    Returns:
        One mapping with Ray's keys (state, bundles, bundles_to_node_id, stats, ...), empty if there is no
        such group; for all groups, those mappings by id.
    """
    table = _query_groups()
    for row in table.values():
        del row["namespace"]  # which Ray's has not
    return table if placement_group is None else table.get(placement_group.id.hex(), {})


def _query_groups() -> dict[str, Any]:
    return dict(current.connected_core().query("placement_groups"))


def _handle(group_id: str) -> PlacementGroup:
    return PlacementGroup(PlacementGroupID(bytes.fromhex(group_id)))


def validate_placement_group(
    bundles: list[dict[str, float]],
    strategy: str = "PACK",
    lifetime: str | None = None,
    _soft_target_node_id: str | None = None,
    bundle_label_selector: list[dict[str, str]] | None = None,
) -> bool:
    """Check what `placement_group` is given.

    Raises:
        ValueError: something makes no sense.
    """
    if _soft_target_node_id and strategy != "STRICT_PACK":
        raise ValueError(f"_soft_target_node_id currently only works with STRICT_PACK but got {strategy}")
    _validate_bundles(bundles)
    if bundle_label_selector is not None:
        if len(bundles) != len(bundle_label_selector):
            raise ValueError(
                f"Invalid bundle label selector {bundle_label_selector}. The length of "
                "`bundle_label_selector` should equal the length of `bundles`."
            )
        _validate_bundle_label_selector(bundle_label_selector)
    if strategy not in VALID_PLACEMENT_GROUP_STRATEGIES:
        raise ValueError(
            f"Invalid placement group strategy {strategy}. Supported strategies are: "
            f"{sorted(VALID_PLACEMENT_GROUP_STRATEGIES)}."
        )
    if lifetime not in (None, "detached"):
        raise ValueError(
            f"Placement group `lifetime` argument must be either `None` or 'detached'. Got {lifetime}."
        )
    return True


def _validate_bundles(bundles: list[dict[str, float]]) -> None:
    """Raise a ValueError if this is no list of bundles."""
    if not isinstance(bundles, list):
        raise ValueError(f"Placement group bundles must be a list, got {type(bundles)}.")
    if not bundles:
        raise ValueError(
            f"Bundles must be a non-empty list of resource dictionaries. {_EXAMPLE} Got empty list instead."
        )
    for bundle in bundles:
        if not isinstance(bundle, dict) or not all(
            isinstance(name, str) and isinstance(amount, (int, float)) for name, amount in bundle.items()
        ):
            raise ValueError(f"Bundles must be a non-empty list of resource dictionaries. {_EXAMPLE}")
        if not any(bundle.values()):
            raise ValueError(
                f"Bundles cannot be an empty dictionary or resources with only 0 values. Bundles: {bundles}"
            )
        if "object_store_memory" in bundle:
            warnings.warn(
                "Setting 'object_store_memory' for bundles is deprecated since it doesn't actually reserve "
                "the required object store memory.",
                DeprecationWarning,
                stacklevel=4,
            )


def _validate_bundle_label_selector(bundle_label_selector: list[dict[str, str]]) -> None:
    """Raise a ValueError if these are no conditions on labels."""
    if not isinstance(bundle_label_selector, list):
        raise ValueError(
            f"Placement group bundle_label_selector must be a list, got {type(bundle_label_selector)}."
        )
    for selector in bundle_label_selector:
        if not isinstance(selector, dict) or not all(
            isinstance(key, str) and isinstance(value, str) for key, value in selector.items()
        ):
            raise ValueError(
                "Bundle label selector must be a list of string dictionary label selectors. For example: "
                '`[{"ray.io/market_type": "spot"}, {"ray.io/accelerator-type": "A100"}]`.'
            )
        if wrong := wrong_selector(selector):
            raise ValueError(
                f"Invalid label selector provided in bundle_label_selector list. Detailed error: '{wrong}'"
            )
