"""Which task may start next: exact arithmetic, and a queue that is fair, deep first and never idle."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.scheduler.tables.queue import Line, TaskQueue, line_of
from minray.scheduler.tables.resources import Resources
from minray.wire.demand import UNIT, Demand, to_demand

amounts = st.integers(1, 5 * UNIT)
demands = st.dictionaries(st.sampled_from(["CPU", "GPU", "disk"]), amounts, max_size=3).map(
    lambda wanted: tuple(sorted(wanted.items()))
)
TOTAL = {"CPU": 4.0, "GPU": 2.0, "disk": 0.3}


def cpus(amount: float) -> Demand:
    return to_demand({"CPU": amount})


# --- amounts -----------------------------------------------------------------------------------------


def first(queue: TaskQueue, resources: Resources) -> Any:  # noqa: ANN401
    """The task that a node with these resources would start: what `tasks/schedule` does with the queue."""
    held_up: set[Line] = set()
    while (task := queue.peek(held_up)) is not None and not resources.fits(task.demand):
        held_up.add(line_of(task))
    return task


def test_an_amount_is_kept_in_ten_thousandths() -> None:
    assert to_demand({"GPU": 0.25, "CPU": 1}) == (("CPU", 10_000), ("GPU", 2_500))


def test_an_amount_of_zero_is_no_demand() -> None:
    assert to_demand({"CPU": 0, "GPU": 0.0}) == ()


@pytest.mark.parametrize("amount", [-1, -0.0001, 0.00001, math.nan, math.inf])
def test_an_amount_that_makes_no_sense_is_a_value_error_naming_the_resource(amount: float) -> None:
    with pytest.raises(ValueError, match="disk"):
        to_demand({"disk": amount})


@given(st.integers(1, 1000))
def test_a_unit_cut_into_equal_parts_is_used_up_by_all_of_them(parts: int) -> None:
    """Ten times 0.1 CPU is one CPU, which it would not be in floating point."""
    resources = Resources({"CPU": 1})
    demand = cpus(round(1 / parts, 4))
    fitting = 0
    while resources.fits(demand):
        resources.acquire(demand)
        fitting += 1
    assert fitting == UNIT // demand[0][1]


def test_ten_tenths_are_one() -> None:
    resources = Resources({"CPU": 1})
    for _ in range(10):
        assert resources.fits(cpus(0.1))
        resources.acquire(cpus(0.1))
    assert not resources.fits(cpus(0.0001))
    assert resources.available() == {}


# --- resources ---------------------------------------------------------------------------------------


@given(st.lists(demands, max_size=20))
def test_what_is_released_is_free_again(taken: list[Demand]) -> None:
    resources = Resources(TOTAL)
    acquired = []
    for demand in taken:
        if resources.fits(demand):
            resources.acquire(demand)
            acquired.append(demand)
        assert all(0 < amount <= TOTAL[name] for name, amount in resources.available().items())
    for demand in acquired:
        resources.release(demand)
    assert resources.available() == TOTAL == resources.total()


@given(demands)
def test_what_is_feasible_fits_an_empty_node(demand: Demand) -> None:
    resources = Resources(TOTAL)
    assert resources.feasible(demand) == resources.fits(demand)


@given(demands, demands)
def test_feasible_asks_what_the_node_has_and_not_what_is_free(taken: Demand, demand: Demand) -> None:
    resources = Resources(TOTAL)
    before = resources.feasible(demand)
    if resources.fits(taken):
        resources.acquire(taken)
    assert resources.feasible(demand) == before


def test_a_resource_that_the_node_does_not_have_is_never_there() -> None:
    resources = Resources({"CPU": 4})
    assert not resources.feasible(to_demand({"TPU": 1}))
    assert not resources.fits(to_demand({"CPU": 1, "TPU": 1}))
    assert resources.fits(())


def test_a_cpu_taken_back_although_none_is_free_is_missing_until_one_is_released() -> None:
    resources = Resources({"CPU": 1})
    resources.acquire(cpus(1))  # lent out by a task in `get`, taken by another
    resources.acquire(cpus(1))  # the first one goes on
    assert resources.available() == {}
    resources.release(cpus(1))
    assert not resources.fits(cpus(1))
    resources.release(cpus(1))
    assert resources.fits(cpus(1))


# --- the queue ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class Item:
    """A task, as far as the queue knows it."""

    number: int
    depth: int
    demand: Demand
    kind: str = ""
    where: tuple[()] = ()


items = st.tuples(st.integers(0, 3), demands)


def queue_of(contents: Iterable[tuple[int, Demand]]) -> tuple[TaskQueue, list[Item]]:
    """A queue with these tasks, pushed in order, and the tasks."""
    queue = TaskQueue()
    tasks = [Item(number, depth, demand) for number, (depth, demand) in enumerate(contents)]
    for task in tasks:
        queue.push(task)
    return queue, tasks


def test_an_empty_queue_has_nothing_to_start() -> None:
    queue, _ = queue_of([])
    assert first(queue, Resources(TOTAL)) is None
    assert queue.length == 0
    assert not list(queue.tasks())


def test_tasks_of_one_kind_start_in_the_order_in_which_they_came() -> None:
    queue, tasks = queue_of([(0, cpus(1))] * 5)
    started = []
    while (task := first(queue, Resources(TOTAL))) is not None:
        queue.pop(task)
        started.append(task)
    assert started == tasks


def test_a_deeper_task_goes_first_even_if_it_came_last() -> None:
    queue, tasks = queue_of([(0, cpus(1)), (1, cpus(1)), (2, cpus(2)), (1, cpus(1))])
    order = []
    while (task := first(queue, Resources(TOTAL))) is not None:
        queue.pop(task)
        order.append(task.depth)
    assert order == [2, 1, 1, 0]
    assert len(tasks) == 4


def test_a_task_that_does_not_fit_does_not_hold_up_one_that_does() -> None:
    queue, (_large, small) = queue_of([(0, cpus(4)), (0, cpus(1))])
    resources = Resources({"CPU": 4})
    resources.acquire(cpus(2))
    assert first(queue, resources) is small


def test_a_task_without_a_demand_fits_when_nothing_is_free() -> None:
    queue, (_busy, free) = queue_of([(0, cpus(1)), (0, ())])
    assert first(queue, Resources({"CPU": 0})) is free


@given(st.lists(items, max_size=30))
def test_the_queue_is_work_conserving(contents: list[tuple[int, Demand]]) -> None:
    """If any task fits what is free, one is found; what is found fits."""
    queue, tasks = queue_of(contents)
    resources = Resources(TOTAL)
    waiting = set(tasks)
    while (task := first(queue, resources)) is not None:
        assert resources.fits(task.demand)
        resources.acquire(task.demand)
        queue.pop(task)
        waiting.remove(task)
        assert set(queue.tasks()) == waiting
        assert queue.length == len(waiting)
        if not task.demand and len(waiting) == 0:
            break
    assert not any(resources.fits(task.demand) for task in waiting)


@given(st.lists(items, max_size=30), st.data())
def test_whatever_happens_each_line_keeps_its_order_and_the_deepest_that_fits_goes_first(
    contents: list[tuple[int, Demand]], data: st.DataObject
) -> None:
    """Tasks are started, finished and discarded at random, against a list as the model."""
    queue = TaskQueue()
    resources = Resources(TOTAL)
    waiting: list[Item] = []
    running: list[Item] = []
    coming = [Item(number, depth, demand) for number, (depth, demand) in enumerate(contents)]
    while coming or running or waiting:
        steps = ["push"] * bool(coming) + ["finish"] * bool(running) + ["discard"] * bool(waiting) + ["start"]
        step = data.draw(st.sampled_from(steps))
        if step == "push":
            waiting.append(coming.pop(0))
            queue.push(waiting[-1])
        elif step == "finish":
            task = running.pop(data.draw(st.integers(0, len(running) - 1)))
            resources.release(task.demand)
        elif step == "discard":
            task = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            assert queue.discard(task)
            assert not queue.discard(task)
        else:
            found = first(queue, resources)
            fitting = [task for task in waiting if resources.fits(task.demand)]
            assert (found is None) == (not fitting)
            if found is None:
                continue
            assert found.depth == max(task.depth for task in fitting)
            line = [task for task in waiting if (task.depth, task.demand) == (found.depth, found.demand)]
            assert found is line[0]
            queue.pop(found)
            waiting.remove(found)
            resources.acquire(found.demand)
            running.append(found)
        assert queue.length == len(waiting)
        assert set(queue.tasks()) == set(waiting)
    assert resources.available() == TOTAL


def test_a_queue_does_not_remember_the_kinds_of_tasks_it_had() -> None:
    """Else every peek would go through all the demands and depths there ever were."""
    queue = TaskQueue()
    for number in range(100):
        task = Item(number, number % 7, cpus(1 + number / 100))
        queue.push(task)
        if number % 2:
            queue.discard(task)
        else:
            queue.pop(task)
    assert len(queue._lines) <= 1


def test_a_mix_of_demands_is_served_until_everything_is_taken() -> None:
    queue, tasks = queue_of([(0, cpus(1)), (0, cpus(2)), (0, to_demand({"GPU": 1})), (0, cpus(1))] * 2)
    resources = Resources(TOTAL)
    started: dict[Demand, int] = defaultdict(int)
    while (task := first(queue, resources)) is not None:
        queue.pop(task)
        resources.acquire(task.demand)
        started[task.demand] += 1
    assert started == {cpus(1): 4, to_demand({"GPU": 1}): 2}
    assert queue.length == len(tasks) - 6
