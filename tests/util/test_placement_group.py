"""Placement groups in a real session: handles, children, removal, and what the errors say."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import minray as ray
from minray.util import placement_group, placement_group_table, remove_placement_group
from minray.util.placement_group import PlacementGroup, get_current_placement_group, get_placement_group
from minray.util.scheduling_strategies import (
    In,
    NodeAffinitySchedulingStrategy,
    NodeLabelSchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)
from minray.wire.ids import PlacementGroupID
from runtime_tools import Gate, session, wait_until


@pytest.fixture(scope="module", autouse=True)
def two_cpus() -> Iterator[None]:
    with session(num_cpus=2, resources={"disk": 1}):
        yield


@pytest.fixture(autouse=True)
def no_group_is_left() -> Iterator[None]:
    """After each test, the resources are back."""
    yield
    for group_id in placement_group_table():
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(group_id)))
    wait_until(lambda: ray.available_resources() == ray.cluster_resources(), "the resources to be back")
    assert not [name for name in ray.cluster_resources() if "_group_" in name]


def strategy(group: PlacementGroup | None, *arguments: object) -> dict[str, object]:
    return {"scheduling_strategy": PlacementGroupSchedulingStrategy(group, *arguments)}  # type: ignore[arg-type]


@ray.remote
def where() -> PlacementGroup | None:
    return get_current_placement_group()


@ray.remote
def parent(**options: object) -> list[PlacementGroup | None]:
    return ray.get([where.remote(), where.options(**options).remote()])


def test_ready_is_the_group_itself_to_get_wait_and_await() -> None:
    group = placement_group([{"CPU": 1}, {"CPU": 1, "disk": 1}])
    assert ray.get(group.ready()) == group
    assert ray.wait([group.ready()])[1] == []

    assert ray.get(group.ready()).bundle_specs == [{"CPU": 1.0}, {"CPU": 1.0, "disk": 1.0}]
    assert group.wait()


def test_a_group_that_cannot_be_is_waited_for_in_vain() -> None:
    group = placement_group([{"CPU": 1}, {"CPU": 1}], strategy="STRICT_SPREAD")
    assert not group.wait(timeout_seconds=0.1)
    row = placement_group_table(group)
    assert (row["state"], row["stats"]["scheduling_state"]) == ("PENDING", "INFEASIBLE")
    assert row["bundles_to_node_id"] == {0: "", 1: ""}
    with pytest.raises(ray.exceptions.GetTimeoutError):
        ray.get(group.ready(), timeout=0.1)


def test_a_task_in_a_group_knows_it_and_the_group_travels_as_a_value() -> None:
    group = placement_group([{"CPU": 1}])
    assert ray.get(where.options(**strategy(group)).remote()) == group
    assert ray.get(where.remote()) is None
    assert get_current_placement_group() is None
    assert ray.get(ray.put({group: 1})) == {group: 1}


def test_children_go_into_the_group_only_if_it_captures_them() -> None:
    group = placement_group([{"CPU": 1}])  # the other CPU is for what runs outside
    captured = parent.options(**strategy(group, -1, True)).remote(**strategy(None))
    assert ray.get(captured) == [group, None]
    default = parent.options(**strategy(group, -1, True)).remote(scheduling_strategy="DEFAULT")
    assert ray.get(default) == [group, None]
    left_alone = parent.options(**strategy(group)).remote()
    assert ray.get(left_alone) == [None, None]


def test_the_older_options_say_what_to_use_instead() -> None:
    group = placement_group([{"CPU": 1}])
    with pytest.warns(DeprecationWarning, match="placement_group parameter is deprecated"):
        assert ray.get(where.options(placement_group=group).remote()) == group
    with pytest.raises(ValueError, match="should be specified via the scheduling_strategy"):
        where.options(placement_group=group, scheduling_strategy="SPREAD")


def test_a_named_group_is_found_until_it_is_removed() -> None:
    group = placement_group([{"CPU": 1}], name="mine")
    assert get_placement_group("mine") == group
    assert get_placement_group("mine").bundle_specs == group.bundle_specs
    with pytest.raises(ray.exceptions.RaySystemError, match="already exists"):
        placement_group([{"CPU": 1}], name="mine")
    remove_placement_group(group)
    with pytest.raises(ValueError, match="Failed to look up"):
        get_placement_group("mine")


def test_a_name_is_a_groups_own_in_its_namespace_only() -> None:
    @ray.remote(num_cpus=0)
    class Elsewhere:
        def make(self) -> PlacementGroup:
            return placement_group([{"disk": 0.5}], name="mine")

        def find(self) -> PlacementGroup:
            return get_placement_group("mine")

    elsewhere = Elsewhere.options(namespace="elsewhere").remote()
    own, other = placement_group([{"disk": 0.5}], name="mine"), ray.get(elsewhere.make.remote())
    assert get_placement_group("mine").id == own.id
    assert ray.get(elsewhere.find.remote()).id == other.id
    remove_placement_group(own)
    with pytest.raises(ValueError, match="Failed to look up"):
        get_placement_group("mine")
    ray.kill(elsewhere)


def test_removal_ends_what_runs_and_fails_what_waits(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    group = placement_group([{"CPU": 1}])
    task = ray.remote(gate.wait.__func__).options(max_retries=0, **strategy(group))
    running, waiting = task.remote(gate), task.remote(gate)
    gate.wait_for_visitors()
    remove_placement_group(group)
    with pytest.raises(ray.exceptions.WorkerCrashedError, match="placement group was removed"):
        ray.get(running)
    with pytest.raises(ray.exceptions.TaskPlacementGroupRemoved):
        ray.get(waiting)
    with pytest.raises(ray.exceptions.TaskPlacementGroupRemoved):
        ray.get(group.ready())
    with pytest.raises(ray.exceptions.RaySystemError, match="does not exist"):
        group.wait()


def test_groups_take_turns_as_room_comes() -> None:
    groups = {group.ready(): group for group in [placement_group([{"CPU": 2}]) for _ in range(4)]}
    while groups:
        (ready, *_), _ = ray.wait(list(groups), timeout=30)
        remove_placement_group(groups.pop(ready))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_cpus": 2}, "cannot fit into any bundles"),
        ({"resources": {"disk": 1}}, "cannot fit into any bundles"),
        ({"placement": 2}, "bundle index 2 is invalid"),
        ({"placement": -2}, "bundle index -2 is invalid"),
    ],
)
def test_a_task_that_fits_no_bundle_is_refused_at_once(options: dict[str, object], message: str) -> None:
    group = placement_group([{"CPU": 1}, {"CPU": 1}])
    index = options.pop("placement", -1)
    with pytest.raises(ValueError, match=message):
        where.options(**options, **strategy(group, index)).remote()


@pytest.mark.parametrize(
    ("bundles", "more", "message"),
    [
        ([], {}, "non-empty list"),
        ("CPU", {}, "must be a list"),
        ([{"CPU": "1"}], {}, "resource dictionaries"),
        ([{"CPU": 0}], {}, "only 0 values"),
        ([{"CPU": 1}], {"strategy": "STRICT"}, "Invalid placement group strategy"),
        ([{"CPU": 1}], {"lifetime": "short"}, "lifetime"),
        ([{"CPU": 1}], {"bundle_label_selector": []}, "should equal the length"),
        ([{"CPU": 1}], {"bundle_label_selector": [{"no label!": "x"}]}, "Invalid label selector"),
    ],
)
def test_a_group_that_makes_no_sense_is_a_value_error(
    bundles: list[dict[str, float]], more: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        placement_group(bundles, **more)  # type: ignore[arg-type]


def test_node_affinity_and_labels_choose_this_node_or_none() -> None:
    here = ray.get_runtime_context().get_node_id()
    label = NodeLabelSchedulingStrategy(hard={"ray.io/node-id": In(here)})
    for wish in (NodeAffinitySchedulingStrategy(here, soft=False), "SPREAD", label):
        assert ray.get(where.options(scheduling_strategy=wish).remote()) is None
    elsewhere = NodeAffinitySchedulingStrategy("ab" * 28, soft=False)
    with pytest.raises(ray.exceptions.TaskUnschedulableError):
        ray.get(where.options(scheduling_strategy=elsewhere).remote())
    with pytest.raises(ValueError, match="Invalid scheduling_strategy value"):
        where.options(scheduling_strategy="SPRAED").remote()
    with pytest.raises(ValueError, match="Invalid node_id"):
        NodeAffinitySchedulingStrategy("here", soft=True)
    with pytest.raises(ValueError, match="cannot both be empty"):
        NodeLabelSchedulingStrategy(hard={})


def test_a_task_can_make_a_group_and_hand_out_its_ready_reference() -> None:
    @ray.remote(num_cpus=0)
    def make() -> list[ray.ObjectRef]:
        return [ray.util.placement_group([{"CPU": 1}]).ready()]

    (ready,) = ray.get(make.remote())
    assert ray.get(ready).bundle_specs == [{"CPU": 1.0}]


def test_numerical_libraries_get_as_many_threads_as_the_bundle_has_cpus() -> None:
    @ray.remote
    def threads() -> str:
        return os.environ["OMP_NUM_THREADS"]

    group = placement_group([{"CPU": 2}])
    assert ray.get(threads.options(num_cpus=2, **strategy(group)).remote()) == "2"
    assert ray.get(threads.options(num_cpus=0.5, **strategy(group)).remote()) == "1"


# --- actors ------------------------------------------------------------------------------------------


@ray.remote
class Member:
    """Says where it is, and what its children find."""

    def where(self) -> PlacementGroup | None:
        return get_current_placement_group()

    def child(self) -> PlacementGroup | None:
        return ray.get(where.options(num_cpus=0).remote())

    def holds(self) -> dict[str, float]:
        return ray.get_runtime_context().get_assigned_resources()


@pytest.mark.parametrize("captures", [True, False])
def test_an_actor_lives_in_a_bundle_and_its_children_do_if_it_captures_them(captures: bool) -> None:
    group = placement_group([{"CPU": 1}])
    member = Member.options(num_cpus=1, **strategy(group, 0, captures)).remote()
    assert ray.get(member.where.remote()) == group
    assert ray.get(member.child.remote()) == (group if captures else None)
    assert ray.get(member.holds.remote()) == {"CPU": 1.0}
    second = Member.options(num_cpus=1, **strategy(group)).remote()
    assert ray.wait([second.where.remote()], timeout=0.2)[0] == []


def test_removal_ends_actors_and_those_that_wait_to_be_made() -> None:
    group = placement_group([{"CPU": 1}])
    members = [Member.options(num_cpus=1, **strategy(group)).remote() for _ in range(2)]
    ray.get(members[0].where.remote())
    remove_placement_group(group)
    with pytest.raises(ray.exceptions.ActorDiedError, match="placement group was removed"):
        ray.get(members[0].where.remote())
    with pytest.raises(ray.exceptions.ActorUnschedulableError, match="placement group was removed"):
        ray.get(members[1].where.remote())


def test_an_actor_that_may_restart_does_not_outlive_its_group() -> None:
    group = placement_group([{"CPU": 1}])
    member = Member.options(num_cpus=1, max_restarts=-1, max_task_retries=-1, **strategy(group)).remote()
    ray.get(member.where.remote())
    remove_placement_group(group)
    with pytest.raises((ray.exceptions.RayActorError, ray.exceptions.ActorUnschedulableError)):
        ray.get(member.where.remote())


def test_an_actor_needs_a_cpu_to_be_created_unless_it_says_otherwise() -> None:
    group = placement_group([{"disk": 1}])
    with pytest.raises(ValueError, match="needs 1 CPU to be created"):
        Member.options(**strategy(group)).remote()
    member = Member.options(num_cpus=0, resources={"disk": 1}, **strategy(group)).remote()
    assert ray.get(member.where.remote()) == group


def test_an_actor_for_a_node_that_is_not_there_cannot_be_scheduled() -> None:
    elsewhere = NodeAffinitySchedulingStrategy("ab" * 28, soft=False)
    member = Member.options(scheduling_strategy=elsewhere).remote()
    with pytest.raises(ray.exceptions.ActorUnschedulableError):
        ray.get(member.where.remote())
