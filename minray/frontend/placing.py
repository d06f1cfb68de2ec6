"""From the options of a task or actor to its placement, and to the resources that it asks for there."""

import warnings

from ..session import here
from ..wire.demand import UNIT, Demand, group_demand
from ..wire.placement import SPREAD, Placement
from .actor_options import ActorOptions
from .options import TaskOptions
from .placement_group import PlacementGroup, get_current_placement_group
from .scheduling_strategies import (
    SIMPLE_STRATEGIES,
    NodeAffinitySchedulingStrategy,
    NodeLabelSchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

PlacementOptions = TaskOptions | ActorOptions


def place(
    options: PlacementOptions, demand: Demand, what: str, to_start: Demand = ()
) -> tuple[Demand, Placement]:
    """Find out where a task or actor is to run.

    Args:
        options: the task's or actor's.
        demand: the resources that it needs, by their ordinary names.
        what: the task's or actor's name, for messages.
        to_start: what an actor needs beside that, but only while it is being created.

    Returns:
        The resources by the names under which to ask for them, and the placement.

    Raises:
        ValueError: there is no such strategy, bundle, or no bundle has such resources.
    """
    strategy = options.scheduling_strategy
    if isinstance(strategy, str):
        if strategy not in SIMPLE_STRATEGIES:
            raise ValueError(
                f'Invalid scheduling_strategy value {strategy}. Valid values are ["DEFAULT" | "SPREAD" | '
                "PlacementGroupSchedulingStrategy | NodeAffinitySchedulingStrategy | "
                "NodeLabelSchedulingStrategy]."
            )
        return demand, SPREAD if strategy == "SPREAD" else ()
    if isinstance(strategy, NodeAffinitySchedulingStrategy):
        return demand, ("node", strategy.node_id, strategy.soft)
    if isinstance(strategy, NodeLabelSchedulingStrategy):
        return demand, ("labels", strategy.hard, strategy.soft)
    if isinstance(strategy, PlacementGroupSchedulingStrategy):
        return _place_in_group(strategy, demand, what, to_start)
    if _names_a_group(options):
        _warn_of_old_options(options)
    elif not captures(here.placement()):  # as in nearly all calls
        return demand, ()
    return _place_in_group(options, demand, what, to_start)


def places_itself(options: PlacementOptions) -> bool:
    """Whether the options say where it is to run; if not, it runs anywhere, or in its submitter's group."""
    return options.scheduling_strategy is not None or _names_a_group(options)


def _names_a_group(options: PlacementOptions) -> bool:
    """Whether any of Ray's older options for placement groups is used."""
    index, child = options.placement_group_bundle_index, options.placement_group_capture_child_tasks
    return bool(options.placement_group != "default" or index != -1 or child)


def _place_in_group(
    chosen: PlacementOptions | PlacementGroupSchedulingStrategy, demand: Demand, what: str, to_start: Demand
) -> tuple[Demand, Placement]:
    """The group that was chosen, or that of the task that submits this one, if any."""
    index, child = chosen.placement_group_bundle_index, chosen.placement_group_capture_child_tasks
    if child is None:
        child = captures(here.placement())
    group = chosen.placement_group
    if isinstance(group, str) and group == "default":
        group = get_current_placement_group() if child else None
    if group is not None and not isinstance(group, PlacementGroup):
        raise TypeError(f"placement_group must be a PlacementGroup or None, but it is {group!r}.")
    if group is None or group.is_empty:
        if index != -1:
            raise ValueError("If placement group is not set, the value of bundle index must be -1.")
        return demand, ()
    _check_fit(group, index, demand, to_start, what)
    return group_demand(demand, group.id.hex(), index), ("group", group.id.hex(), index, child)


def captures(placement: Placement) -> bool:
    """Whether tasks that a task of this placement submits go into its group."""
    return bool(placement) and placement[0] == "group" and bool(placement[3])


def _check_fit(group: PlacementGroup, index: int, demand: Demand, to_start: Demand, what: str) -> None:
    """There must be such a bundle, and one into which the task fits."""
    if not -1 <= index < group.bundle_count:
        raise ValueError(
            f"placement group bundle index {index} is invalid. Valid placement group indexes: "
            f"0-{group.bundle_count}"
        )
    for wanted in (demand, to_start):
        if not any(_fits(wanted, bundle) for bundle in group.bundle_specs):
            resources = {name: _shown(amount) for name, amount in wanted}
            advice = (
                ""
                if wanted is demand
                else " An actor needs 1 CPU to be created, unless num_cpus=0 is given: add a CPU to a bundle."
            )
            raise ValueError(
                f"Cannot schedule {what} with the placement group because the resource request {resources} "
                f"cannot fit into any bundles for the placement group, {group.bundle_specs}.{advice}"
            )


def _shown(amount: int) -> float:
    return amount // UNIT if amount % UNIT == 0 else amount / UNIT


def _fits(demand: Demand, bundle: dict[str, float]) -> bool:
    return all(round(bundle.get(name, 0) * UNIT) >= amount for name, amount in demand)


def _warn_of_old_options(options: PlacementOptions) -> None:
    old = {
        "placement_group": options.placement_group != "default",
        "placement_group_bundle_index": options.placement_group_bundle_index != -1,
        "placement_group_capture_child_tasks": bool(options.placement_group_capture_child_tasks),
    }
    for name, is_used in old.items():
        if is_used:
            warnings.warn(
                f"{name} parameter is deprecated. Use scheduling_strategy="
                "PlacementGroupSchedulingStrategy(...) instead.",
                DeprecationWarning,
                stacklevel=5,
            )
