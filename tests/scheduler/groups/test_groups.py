"""Placement groups as a state machine: all of a group's resources or none, and never more than there are."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_node import FakeChannel, Node, result
from minray.exceptions import (
    OwnerDiedError,
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
    WorkerCrashedError,
)
from minray.scheduler.groups.policy import CREATED, PENDING, REMOVED, Group, PlacementGroups
from minray.scheduler.tables.records import Node as NodeRecord
from minray.scheduler.tables.resources import Resources
from minray.wire.demand import (
    ANY_BUNDLE,
    UNIT,
    Demand,
    added_resources,
    group_demand,
    plain_demand,
    taken_resources,
    to_demand,
)
from minray.wire.messages import (
    ERROR,
    INLINE,
    AwaitPlacementGroup,
    CreatePlacementGroup,
    HoldReferences,
    RemovePlacementGroup,
    SubmitTask,
    Subscribe,
)
from minray.wire.placement import fulfils

NAMES = ["CPU", "GPU", "disk"]
demands = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3 * UNIT), min_size=1).map(
    lambda wanted: tuple(sorted(wanted.items()))
)
group_ids = st.binary(min_size=18, max_size=18).map(bytes.hex)


def cpus(amount: float) -> Demand:
    return to_demand({"CPU": amount})


def one_node(resources: Resources) -> dict[int, NodeRecord]:
    """The nodes of a session with one."""
    return {0: NodeRecord(0, {"NodeID": "00"}, resources, FakeChannel())}


def group(name: str, *bundles: Demand, strategy: str = "PACK") -> Group:
    return Group(name, "", list(bundles), strategy)


# --- names of a bundle's resources -------------------------------------------------------------------


@given(demands, group_ids, st.integers(ANY_BUNDLE, 3))
def test_a_demand_in_a_group_can_be_read_back(demand: Demand, group_id: str, index: int) -> None:
    assert plain_demand(group_demand(demand, group_id, index)) == demand


@given(st.lists(demands, min_size=1, max_size=3), group_ids, st.data())
def test_what_fits_into_a_bundle_fits_into_what_its_group_adds(
    bundles: list[Demand], group_id: str, data: st.DataObject
) -> None:
    resources = Resources({})
    resources.extend(added_resources(group_id, dict(enumerate(bundles))))
    index = data.draw(st.integers(0, len(bundles) - 1))
    assert resources.fits(group_demand(bundles[index], group_id, index))
    assert resources.fits(group_demand(bundles[index], group_id, ANY_BUNDLE))
    assert not resources.fits(bundles[index])


def test_a_task_that_needs_nothing_waits_for_its_group_all_the_same() -> None:
    demand = group_demand((), "ab", ANY_BUNDLE)
    assert demand
    assert not Resources({"CPU": 1}).fits(demand)


# --- the policy --------------------------------------------------------------------------------------


def test_a_group_takes_from_the_node_what_it_adds_under_its_own_name() -> None:
    resources = Resources({"CPU": 4})
    groups = PlacementGroups(one_node(resources))
    groups.add(group("ab", cpus(1), cpus(2)))
    groups.create_waiting()
    left = resources.available()
    assert (left["CPU"], left["CPU_group_ab"], left["CPU_group_0_ab"], left["CPU_group_1_ab"]) == (1, 3, 1, 2)


def test_a_group_that_does_not_fit_just_now_does_not_hold_up_the_next() -> None:
    groups = PlacementGroups(one_node(Resources({"CPU": 4})))
    for new in (group("a1", cpus(3)), group("a2", cpus(2)), group("a3", cpus(1))):
        groups.add(new)
    assert [new.group_id for new in groups.create_waiting()] == ["a1", "a3"]


@pytest.mark.parametrize(
    ("strategy", "feasible"), [("SPREAD", True), ("STRICT_PACK", True), ("STRICT_SPREAD", False)]
)
def test_bundles_that_must_be_on_different_nodes_wait_for_ever(strategy: str, feasible: bool) -> None:
    groups = PlacementGroups(one_node(Resources({"CPU": 4})))
    groups.add(group("ab", cpus(1), cpus(1), strategy=strategy))
    assert bool(groups.create_waiting()) is feasible


def test_a_removed_group_keeps_its_resources_until_its_last_task_has_ended() -> None:
    resources = Resources({"CPU": 2})
    groups = PlacementGroups(one_node(resources))
    groups.add(group("ab", cpus(2)))
    groups.create_waiting()
    task = group_demand(cpus(1), "ab", ANY_BUNDLE)
    resources.acquire(task)
    groups.remove("ab")
    groups.settle()
    assert "CPU" not in resources.available()
    resources.release(task)
    groups.settle()
    assert resources.available() == resources.total() == {"CPU": 2}


class Model:
    """A node with groups and tasks that come and go at random; checks what must always hold."""

    def __init__(self, total: dict[str, float]) -> None:
        self.total = total
        self.resources = Resources(total)
        self.groups = PlacementGroups(one_node(self.resources))
        self.running: list[Demand] = []
        self.count = 0

    def add(self, bundles: list[Demand]) -> None:
        self.count += 1
        self.groups.add(group(f"{self.count:02x}", *bundles))

    def remove(self, place: int) -> None:
        ids = list(self.groups.groups)
        if ids:
            self.groups.remove(ids[place % len(ids)])

    def start(self, place: int, index: int) -> None:
        created = [new for new in self.groups.groups.values() if new.state == CREATED]
        if created:
            chosen = created[place % len(created)]
            bundle = chosen.bundles[index % len(chosen.bundles)]
            demand = group_demand(bundle, chosen.group_id, index % len(chosen.bundles))
            if self.resources.fits(demand):
                self.resources.acquire(demand)
                self.running.append(demand)

    def end(self, place: int) -> None:
        if self.running:
            self.resources.release(self.running.pop(place % len(self.running)))

    def check(self) -> None:
        holding = [new for new in self.groups.groups.values() if new.state == CREATED]
        holding += self.groups.ending.values()
        free = self.resources.available()
        for name, amount in self.total.items():
            held = sum(dict(taken_resources(new.bundles)).get(name, 0) for new in holding)
            assert round(free.get(name, 0) * UNIT) == round(amount * UNIT) - held >= 0, "never over-committed"
        for new in self.groups.groups.values():
            there = [name for name in self.resources.total() if name.endswith(f"_{new.group_id}")]
            assert bool(there) == (new in holding), "all of a group or nothing of it"
            if new.state == PENDING and new.feasible:
                assert not self.resources.fits(taken_resources(new.bundles)), "no group waits without need"
            if new in self.groups.ending.values():
                assert any(plain for task in self.running for plain in task if new.group_id in plain[0])


steps = st.one_of(
    st.tuples(st.just("add"), st.lists(demands, min_size=1, max_size=3)),
    st.tuples(st.just("remove"), st.integers(0, 20)),
    st.tuples(st.just("start"), st.integers(0, 20), st.integers(0, 3)),
    st.tuples(st.just("end"), st.integers(0, 20)),
)


@given(st.lists(steps, max_size=40))
def test_groups_are_created_whole_as_soon_as_there_is_room_and_never_too_many(steps: list[Any]) -> None:
    model = Model({"CPU": 6.0, "GPU": 4.0, "disk": 2.5})
    for name, *arguments in steps:
        getattr(model, name)(*arguments)
        model.groups.settle()
        model.groups.create_waiting()
        model.check()


def error_of(node: Node, task: SubmitTask) -> Any:  # noqa: ANN401
    """The error that is the task's result."""
    kind, payload = node.values()[result(task)]
    assert kind == ERROR
    return pickle.loads(payload)


# --- in the scheduler --------------------------------------------------------------------------------


def create(node: Node, group_id: str, *bundles: Demand, **changes: Any) -> None:  # noqa: ANN401
    message = CreatePlacementGroup(0, group_id, "", bundles, "PACK", False)
    node.tell(node.driver, message._replace(**changes))


def in_group(group_id: str, amount: float = 1, index: int = ANY_BUNDLE) -> dict[str, Any]:
    """The changes that put a task spec into a group."""
    return {
        "resources": group_demand(cpus(amount), group_id, index),
        "placement": ("group", group_id, index, False),
    }


def test_a_task_runs_in_its_bundle_although_the_node_has_nothing_left() -> None:
    node = Node(cpus=2)
    create(node, "ab", cpus(2))
    outside, inside = node.submit(), node.submit(**in_group("ab"))
    assert node.running() == [inside]
    node.tell(node.driver, RemovePlacementGroup("ab"))
    node.die(node.runner(inside))
    assert node.running() == [outside]


def test_tasks_of_a_group_wait_until_it_is_created() -> None:
    node = Node(cpus=2)
    blocker = node.submit(cpus=1)
    create(node, "ab", cpus(2))
    inside = node.submit(**in_group("ab"))
    assert node.running() == [blocker]
    node.finish(blocker)
    assert node.running() == [inside]


def test_no_more_tasks_run_in_a_group_than_its_bundles_have_room_for() -> None:
    node = Node(cpus=4)
    create(node, "ab", cpus(1), cpus(2))
    first = [node.submit(**in_group("ab", index=0)) for _ in range(2)]
    anywhere = [node.submit(**in_group("ab")) for _ in range(3)]
    assert {spec.name for spec in node.running()} == {first[0].name, anywhere[0].name, anywhere[1].name}


def test_removal_fails_what_waits_and_ends_the_workers_of_what_runs() -> None:
    node = Node(cpus=2)
    create(node, "ab", cpus(1))
    running, retried = node.submit(**in_group("ab")), node.submit(**in_group("ab"), max_retries=3)
    worker = node.runner(running)
    node.tell(node.driver, RemovePlacementGroup("ab"))
    assert isinstance(error_of(node, retried), TaskPlacementGroupRemoved)
    assert node.scheduler.processes.signals == [(worker.pid, 9)]
    node.die(worker)
    assert isinstance(error_of(node, running), WorkerCrashedError)
    assert "placement group was removed" in str(error_of(node, running))
    assert node.available() == {"CPU": 2.0}


def test_a_task_that_may_be_retried_is_not_if_its_group_is_gone() -> None:
    node = Node(cpus=2)
    create(node, "ab", cpus(1))
    task = node.submit(**in_group("ab"), max_retries=3)
    worker = node.runner(task)
    node.tell(node.driver, RemovePlacementGroup("ab"))
    node.die(worker)
    assert isinstance(error_of(node, task), TaskPlacementGroupRemoved)


def test_a_task_for_a_group_that_is_gone_fails_when_its_arguments_are_there() -> None:
    node = Node(cpus=2)
    create(node, "ab", cpus(1))
    argument = node.submit()
    task = node.submit(result(argument), **in_group("ab"))
    node.tell(node.driver, RemovePlacementGroup("ab"))
    node.finish(argument)
    assert isinstance(error_of(node, task), TaskPlacementGroupRemoved)


def test_whoever_waits_for_a_group_is_told_when_it_is_there_or_gone() -> None:
    node = Node(cpus=1)
    create(node, "a1", cpus(1))
    create(node, "a2", cpus(1))
    waits = {name: bytes([place]) * 28 for place, name in enumerate(["a1", "a2", "unknown"])}
    for name, object_id in waits.items():
        node.tell(node.driver, AwaitPlacementGroup(name, object_id, name.encode()))
    assert node.values()[waits["a1"]] == (INLINE, b"a1")
    assert waits["a2"] not in node.values()
    assert node.values()[waits["unknown"]][0] == ERROR
    node.tell(node.driver, RemovePlacementGroup("a2"))
    assert node.values()[waits["a2"]][0] == ERROR


def test_what_a_process_asked_for_is_lost_when_it_dies() -> None:
    node = Node(cpus=2)
    create(node, "a1", cpus(2))
    create(node, "a2", cpus(2))
    task = node.submit(**in_group("a1"))
    worker, key = node.runner(task), bytes(28)
    assert worker is not None
    node.tell(worker, AwaitPlacementGroup("a2", key, b"a2"))
    node.tell(node.driver, HoldReferences((key,)), Subscribe((key,)))
    node.die(worker)
    kind, payload = node.values()[key]
    assert (kind, type(pickle.loads(payload))) == (ERROR, OwnerDiedError)
    node.tell(node.driver, RemovePlacementGroup("a1"))
    assert node.scheduler.groups.table()["a2"]["state"] == CREATED


def test_two_groups_may_not_have_one_name_at_one_time() -> None:
    node = Node()
    for group_id in ("a1", "a2"):
        create(node, group_id, cpus(1), name="mine")
    assert list(node.scheduler.groups.table()) == ["a1"]
    node.tell(node.driver, RemovePlacementGroup("a1"))
    create(node, "a3", cpus(1), name="mine")
    assert node.scheduler.groups.table()["a3"]["state"] == CREATED


def test_every_change_of_a_group_is_an_event() -> None:
    node = Node(cpus=1)
    create(node, "ab", cpus(1))
    node.tell(node.driver, RemovePlacementGroup("ab"))
    states = [row[1] for row in node.rows["placement_group_events"]]
    assert states == [PENDING, CREATED, REMOVED]


# --- nodes and labels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("placement", "runs"),
    [
        (("node", bytes(28).hex(), False), True),
        (("node", "ab" * 28, True), True),
        (("labels", (("zone", "not in", ("a",)),), ()), True),
        (("labels", (("zone", "exists", ()),), ()), False),
    ],
)
def test_a_task_runs_if_this_node_is_one_that_it_may_run_on(placement: Any, runs: bool) -> None:  # noqa: ANN401
    node = Node()
    task = node.submit(placement=placement)
    assert (node.running() == [task]) is runs
    assert result(task) not in node.values()


@pytest.mark.parametrize(("node_id", "amount"), [("ab" * 28, 1), (bytes(28).hex(), 100)])
def test_a_task_for_another_node_or_a_larger_one_is_unschedulable(node_id: str, amount: int) -> None:
    node = Node()
    task = node.submit(cpus=amount, placement=("node", node_id, False))
    assert isinstance(error_of(node, task), TaskUnschedulableError)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (("zone", "in", ("a", "b")), True),
        (("zone", "in", ("b",)), False),
        (("zone", "not in", ("b",)), True),
        (("rack", "not in", ("b",)), True),
        (("rack", "in", ("b",)), False),
        (("zone", "exists", ()), True),
        (("rack", "does not exist", ()), True),
        (("zone", "does not exist", ()), False),
    ],
)
def test_conditions_on_labels(condition: Any, holds: bool) -> None:  # noqa: ANN401
    assert fulfils({"zone": "a"}, (condition,)) is holds


# --- GPUs --------------------------------------------------------------------------------------------


def test_each_group_has_gpus_of_its_own_and_gives_them_back() -> None:
    resources = Resources({"CPU": 1, "GPU": 3})
    groups = PlacementGroups(one_node(resources))
    one = to_demand({"GPU": 1})
    for group_id in ("a1", "a2"):
        groups.add(group(group_id, one))
    groups.create_waiting()
    inside = [group_demand(one, group_id, ANY_BUNDLE) for group_id in ("a1", "a2")]
    used = [resources.take_gpus(demand) for demand in (*inside, one)]
    assert sorted(used) == [(0,), (1,), (2,)]
    assert not resources.fits(inside[0])
    for demand, gpus in zip((*inside, one), used, strict=True):
        resources.give_gpus(gpus, demand)
    for group_id in ("a1", "a2"):
        groups.remove(group_id)
    groups.settle()
    assert resources.take_gpus(to_demand({"GPU": 3})) == (0, 1, 2)
