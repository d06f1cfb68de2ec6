"""What may be given as `scheduling_strategy`, and how it becomes the placement that a task spec carries.

The names are Ray's (https://docs.ray.io/en/latest/ray-core/scheduling/index.html); users find them in
`ray.util.scheduling_strategies`.
"""

from dataclasses import dataclass
from typing import Any

from ..wire.ids import NODE_ID_SIZE
from ..wire.placement import Condition
from .labels import conditions_of
from .placement_group import PlacementGroup

SIMPLE_STRATEGIES = ("DEFAULT", "SPREAD")


@dataclass(eq=False, repr=False)
class PlacementGroupSchedulingStrategy:
    """Run in a placement group.

    Args:
        placement_group: the group; None for none, also where the caller's own group would be taken.
        placement_group_bundle_index: which of its bundles; -1 for any.
        placement_group_capture_child_tasks: whether tasks that the task submits go into the group too; None:
            as in the task that asks.

    Example:
        >>> group = ray.util.placement_group([{"CPU": 1}])
        >>> f.options(scheduling_strategy=PlacementGroupSchedulingStrategy(group)).remote()
    """

    placement_group: PlacementGroup | None
    placement_group_bundle_index: int = -1
    placement_group_capture_child_tasks: bool | None = None


class NodeAffinitySchedulingStrategy:
    """Run on a certain node.

    Args:
        node_id: the node's id, in hexadecimal; see `ray.nodes()`.
        soft: whether another node will do if this one is gone or too small; if not, `get` raises
            `TaskUnschedulableError` then.

    Raises:
        ValueError: this is no node id.
    """

    def __init__(
        self,
        node_id: str | bytes,
        soft: bool,
        _spill_on_unavailable: bool = False,
        _fail_on_unavailable: bool = False,
    ) -> None:
        self.node_id = node_id if isinstance(node_id, str) else node_id.hex()
        self.soft, self._spill_on_unavailable = soft, _spill_on_unavailable
        self._fail_on_unavailable = _fail_on_unavailable
        try:
            right = len(bytes.fromhex(self.node_id)) == NODE_ID_SIZE and set(self.node_id) != {"f"}
        except ValueError:
            right = False
        if not right:
            raise ValueError(
                f"Invalid node_id '{self.node_id}'. Node ID must be a valid hex string. To get a list of all "
                "nodes and their IDs in your cluster, use ray.nodes()."
            )
        if _spill_on_unavailable and not soft:
            raise ValueError("_spill_on_unavailable cannot be set when soft is False.")
        if _fail_on_unavailable and soft:
            raise ValueError("_fail_on_unavailable cannot be set when soft is True.")


class _Operator:
    """One condition on a label's value."""

    name = ""

    def __init__(self) -> None:
        self.values: list[str] = []

    def condition(self, label: str) -> Condition:
        """As a placement carries it."""
        return label, self.name, tuple(self.values)


class _WithValues(_Operator):
    def __init__(self, *values: str) -> None:
        kind = type(self).__name__
        if not values:
            raise ValueError(
                f"The variadic parameter of the {kind} operator must be a non-empty tuple, as in "
                f'{kind}("value1", "value2").'
            )
        for place, value in enumerate(values):
            if not isinstance(value, str):
                raise ValueError(
                    f"Type of value in position {place} for the {kind} operator must be str, but got {value} "
                    f"of type {type(value)}."
                )
        self.values = list(values)


class In(_WithValues):
    """The label has one of these values."""

    name = "in"


class NotIn(_WithValues):
    """The label has none of these values, or is not there."""

    name = "not in"


class Exists(_Operator):
    """The label is there."""

    name = "exists"


class DoesNotExist(_Operator):
    """The label is not there."""

    name = "does not exist"


class NodeLabelSchedulingStrategy:
    """Run on a node with certain labels.

    Args:
        hard: what must hold, by label: `In(...)`, `NotIn(...)`, `Exists()` or `DoesNotExist()`. The task
            waits as long as there is no such node.
        soft: what would be nice; with one node, that makes no difference.

    Raises:
        ValueError: both are empty, or are no such mappings.

    Example:
        >>> NodeLabelSchedulingStrategy(hard={"zone": In("a", "b")})
    """

    def __init__(self, hard: dict[str, Any], *, soft: dict[str, Any] | None = None) -> None:
        self.hard = _conditions(hard, "hard")
        self.soft = _conditions(soft, "soft")
        if not (self.hard or self.soft):
            raise ValueError(
                "The `hard` and `soft` parameter of NodeLabelSchedulingStrategy cannot both be empty."
            )


def strategy_of_selector(selector: dict[str, str]) -> NodeLabelSchedulingStrategy:
    """What the option `label_selector` means.

    Args:
        selector: by label, what its value must be: "value", "!value", "in(a, b)" or "!in(a, b)".

    Raises:
        ValueError: a condition is none of these.

    Example:
        >>> strategy_of_selector({"zone": "!in(a, b)"}).hard
        (('zone', 'not in', ('a', 'b')),)
    """
    operators = {"in": In, "not in": NotIn}
    found = {label: operators[name](*values) for label, name, values in conditions_of(selector)}
    return NodeLabelSchedulingStrategy(found)


def _conditions(expressions: dict[str, Any] | None, parameter: str) -> tuple[Condition, ...]:
    example = '(e.g. {"key1": In("value1")})'
    if expressions is None:
        return ()
    if not isinstance(expressions, dict):
        raise ValueError(f"The {parameter} parameter must be a map {example} but got {type(expressions)}.")
    for key, value in expressions.items():
        if not isinstance(key, str):
            raise ValueError(f"The map key of the {parameter} parameter must be of type str {example}.")
        if not isinstance(value, _Operator):
            raise ValueError(
                f"The map value for key {key} of the {parameter} parameter must be one of the `In`, `NotIn`, "
                f"`Exists` or `DoesNotExist` operator {example} but got {value} of type {type(value)}."
            )
    return tuple(value.condition(key) for key, value in expressions.items())


STRATEGY_TYPES = (
    PlacementGroupSchedulingStrategy,
    NodeAffinitySchedulingStrategy,
    NodeLabelSchedulingStrategy,
)
