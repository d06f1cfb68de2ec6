"""Placement groups and scheduling strategies on one node of two CPUs; see ``behaviours.py``."""

import shutil
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any


def outcome(call: Callable[[], Any]) -> object:
    """What a call returns, or the name of the class that it raises: of Ray's, if it has one of Ray's."""
    try:
        return call()
    except Exception as error:
        ours = [cls.__name__ for cls in type(error).__mro__ if cls.__module__.startswith(("ray.", "minray."))]
        return {"raised": (ours or [type(error).__name__])[0]}


def in_group(ray: ModuleType, group: Any, *more: Any) -> dict[str, Any]:  # noqa: ANN401
    """The option that puts a task into a group."""
    strategies = import_module(f"{ray.__name__}.util.scheduling_strategies")
    return {"scheduling_strategy": strategies.PlacementGroupSchedulingStrategy(group, *more)}


def gone(ray: ModuleType, *groups: Any) -> None:  # noqa: ANN401
    """Remove groups, and wait until the node has its resources back."""
    for group in groups:
        ray.util.remove_placement_group(group)
    while any("_group_" in name for name in ray.available_resources()) or (
        ray.available_resources().get("CPU") != 2
    ):
        time.sleep(0.05)


def a_group_and_its_table(ray: ModuleType) -> object:
    """What a handle and the table say of a group, before and after its removal."""
    group = ray.util.placement_group([{"CPU": 1}, {"CPU": 0.5}], name="mine")
    same = ray.get(group.ready())
    row = ray.util.placement_group_table(group)
    found = [
        same == group,
        group.bundle_specs,
        group.bundle_count,
        group.wait(5),
        ray.util.get_placement_group("mine") == group,
        {name: row[name] for name in ("name", "bundles", "strategy", "state")},
        sorted(row),
        sorted(row["stats"]),
        row["stats"]["scheduling_state"],
    ]
    gone(ray, group)
    row = ray.util.placement_group_table(group)
    return [
        *found,
        (row["state"], row["stats"]["scheduling_state"]),
        outcome(lambda: ray.util.get_placement_group("mine")),
        outcome(lambda: ray.get(group.ready(), timeout=10)),
    ]


def groups_that_cannot_be(ray: ModuleType) -> object:
    """Apart on one node, too large, and such as make no sense."""
    apart = ray.util.placement_group([{"CPU": 1}, {"CPU": 1}], strategy="STRICT_SPREAD")
    large = ray.util.placement_group([{"CPU": 3}])
    found = [
        (group.wait(0.5), ray.util.placement_group_table(group)["stats"]["scheduling_state"])
        for group in (apart, large)
    ]
    gone(ray, apart, large)
    wrong: list[tuple[Any, ...]] = [([],), ("CPU",), ([{"CPU": 0}],), ([{"CPU": "1"}],), ([{"bundle": 1}],)]
    wrong += [([{"CPU": 1}], "STRICT"), ([{"CPU": 1}], "PACK", "", "short")]
    return [*found, *[outcome(lambda args=args: ray.util.placement_group(*args)) for args in wrong]]


def tasks_in_groups(ray: ModuleType) -> object:
    """Where a task is, what it holds, and which tasks are refused."""

    @ray.remote
    def look() -> object:
        context = ray.get_runtime_context()
        return ray.util.get_current_placement_group() is not None, context.get_assigned_resources()

    @ray.remote(num_cpus=0)
    def parent(**options: object) -> object:
        return ray.get(look.options(**options).remote())

    group = ray.util.placement_group([{"CPU": 1}])
    ray.get(group.ready())
    inside = in_group(ray, group)
    found = [
        ray.get(look.options(**inside).remote()),
        ray.get(look.options(**in_group(ray, group, 0)).remote()),
        ray.get(look.remote()),
        ray.get(parent.options(**inside).remote()),
        ray.get(parent.options(**in_group(ray, group, -1, True)).remote()),
        ray.get(parent.options(**in_group(ray, group, -1, True)).remote(**in_group(ray, None))),
        ray.get(parent.options(**in_group(ray, group, -1, True)).remote(scheduling_strategy="DEFAULT")),
        outcome(lambda: look.options(num_cpus=2, **inside).remote()),
        outcome(lambda: look.options(**in_group(ray, group, 1)).remote()),
        outcome(lambda: look.options(**in_group(ray, group, -2)).remote()),
        outcome(lambda: look.options(placement_group_bundle_index=0).remote()),
        outcome(lambda: look.options(scheduling_strategy="SPRAED").remote()),
        outcome(lambda: look.options(placement_group=group, scheduling_strategy="SPREAD").remote()),
    ]
    gone(ray, group)
    return found


def removal(ray: ModuleType) -> object:
    """What becomes of tasks and actors when their group is removed."""

    began = Path(tempfile.mkdtemp()) / "began"

    @ray.remote(max_retries=0)
    def sleep() -> None:
        began.touch()
        time.sleep(100)

    @ray.remote(num_cpus=0.5)
    class Member:
        def say(self) -> str:
            return "here"

    group = ray.util.placement_group([{"CPU": 1.5}])
    ray.get(group.ready())
    inside = in_group(ray, group)
    member = Member.options(**inside).remote()
    found = [ray.get(member.say.remote())]
    tasks = [sleep.options(**inside).remote() for _ in range(2)]  # there is room for one of them
    while not began.exists():
        time.sleep(0.05)
    gone(ray, group)
    shutil.rmtree(began.parent)
    results = [outcome(lambda ref=ref: ray.get(ref)) for ref in (*tasks, member.say.remote())]
    return [*found, *sorted(results[:2], key=str), results[2]]


def nodes_that_are_not_there(ray: ModuleType) -> object:
    """Affinity to this node, to one that is too small, and to none."""
    affinity = import_module(f"{ray.__name__}.util.scheduling_strategies").NodeAffinitySchedulingStrategy
    here = ray.get_runtime_context().get_node_id()

    @ray.remote
    def one() -> int:
        return 1

    return [
        outcome(lambda: ray.get(one.options(scheduling_strategy=affinity(here, False)).remote())),
        outcome(lambda: ray.get(one.options(scheduling_strategy=affinity("ab" * 28, True)).remote())),
        outcome(lambda: ray.get(one.options(scheduling_strategy=affinity("ab" * 28, False)).remote())),
        outcome(
            lambda: ray.get(one.options(num_cpus=9, scheduling_strategy=affinity(here, False)).remote()),
        ),
        outcome(lambda: affinity("x", True)),
    ]


BEHAVIOURS = [
    a_group_and_its_table,
    groups_that_cannot_be,
    tasks_in_groups,
    removal,
    nodes_that_are_not_there,
]
