"""Schedules foretold: the rule by which tasks get workers, and loops of `wait`."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.lessons import simulate, wait_rounds
from minray.lessons.watching.schedule import Schedule, Slot, most_at_once

UNITS = st.lists(st.integers(0, 20), min_size=1, max_size=20)


def test_sixteen_tasks_on_eight_workers_take_22_units() -> None:
    plan = simulate(range(16), workers=8)
    assert plan.total == 22
    by_row = [[slot.label for slot in plan.work if slot.row == row] for row in plan.rows]
    assert by_row == [[str(n), str(n + 8)] for n in range(8)]


def test_one_worker_takes_the_sum_and_many_take_the_longest() -> None:
    assert simulate(range(5), workers=1).total == 10
    assert simulate(range(5), workers=5).total == 4
    assert simulate(range(5), workers=50).total == 4


def test_a_sum_of_two_arrays_takes_4_units_and_not_6() -> None:
    assert simulate([2, 2, 2], workers=2, after={2: [0, 1]}).total == 4
    assert simulate([2, 2, 2], workers=1, after={2: [0, 1]}).total == 6


def test_a_waiting_task_lets_others_pass() -> None:
    plan = simulate([3, 1, 1], workers=2, after={1: [0]})
    assert [(slot.start, slot.end) for slot in plan.work] == [(0, 3), (3, 4), (0, 1)]


def test_nothing_to_do_takes_no_time() -> None:
    assert simulate([], workers=3).total == 0


@given(UNITS, st.integers(1, 8))
def test_no_worker_does_two_things_at_once(units: list[int], workers: int) -> None:
    plan = simulate(units, workers)
    assert plan.at_once <= workers
    for row in plan.rows:
        mine = sorted((slot.start, slot.end) for slot in plan.work if slot.row == row)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(mine))


@given(UNITS, st.integers(1, 8))
def test_the_total_lies_within_the_bounds_of_list_scheduling(units: list[int], workers: int) -> None:
    total = simulate(units, workers).total
    shortest = max(max(units), math.ceil(sum(units) / workers))
    assert shortest <= total <= sum(units) / workers + max(units) * (1 - 1 / workers)


@given(UNITS, st.integers(1, 8))
def test_tasks_start_in_the_order_of_submission(units: list[int], workers: int) -> None:
    starts = [slot.start for slot in simulate(units, workers).work]
    assert starts == sorted(starts)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], dict[int, list[int]]]:
    units = draw(UNITS)
    after = {
        task: draw(st.lists(st.integers(0, task - 1), unique=True, max_size=3))
        for task in range(1, len(units))
    }
    return units, after


@given(graphs(), st.integers(1, 5))
def test_no_task_starts_before_what_it_needs_and_none_waits_for_nothing(
    graph: tuple[list[int], dict[int, list[int]]], workers: int
) -> None:
    units, after = graph
    slots = simulate(units, workers, after).work
    for task, slot in enumerate(slots):
        needed = max((slots[other].end for other in after.get(task, [])), default=0)
        assert slot.start >= needed
        # If it started later than it could have, then every worker was busy just before.
        busy = sum(other.start < slot.start <= other.end for other in slots)
        assert slot.start == needed or busy >= workers


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        simulate([1, 1], workers=1, after={0: [1], 1: [0]})


@pytest.mark.parametrize(
    ("units", "workers", "after"), [([1], 0, {}), ([-1], 1, {}), ([1], 1, {0: [7]}), ([1], 1, {7: [0]})]
)
def test_nonsense_is_refused(units: list[float], workers: int, after: dict[int, list[int]]) -> None:
    with pytest.raises(ValueError, match=r"worker|no time|do not exist"):
        simulate(units, workers, after)


def test_a_loop_of_wait_brings_one_result_a_round() -> None:
    rounds = wait_rounds([0, 2, 4, 6, 8], num_returns=1)
    assert [(call.returned, call.ready) for call in rounds] == [(0, 1), (2, 1), (4, 1), (6, 1), (8, 1)]


def test_two_at_a_time_ends_with_a_single_one() -> None:
    rounds = wait_rounds([0, 2, 4, 6, 8], num_returns=2)
    assert [(call.returned, call.ready, call.wanted) for call in rounds] == [(2, 2, 2), (6, 2, 2), (8, 1, 1)]


def test_a_short_timeout_brings_less_than_asked() -> None:
    rounds = wait_rounds([0, 2, 4, 6, 8], num_returns=2, timeout=2.5)
    assert [(call.returned, call.ready) for call in rounds] == [(2, 2), (4.5, 1), (7, 1), (8, 1)]


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_every_result_comes_once_and_none_before_it_is_ready(
    finished: list[int], num_returns: int, timeout: int | None
) -> None:
    rounds = wait_rounds(finished, num_returns, timeout)
    assert sum(call.ready for call in rounds) == len(finished)
    assert rounds[-1].returned >= max(finished)
    so_far = 0
    for call in rounds:
        so_far += call.ready
        assert so_far <= sum(moment <= call.returned for moment in finished)
        assert timeout is None or call.returned - call.asked <= timeout


def test_a_timeout_of_nothing_would_never_end_and_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        wait_rounds([1], num_returns=1, timeout=0)


def test_intervals_that_only_touch_do_not_overlap() -> None:
    assert most_at_once([(0, 1), (1, 2)]) == 1
    assert most_at_once([(0, 2), (1, 3), (1, 1)]) == 2
    assert most_at_once([]) == 0


def test_names_are_taken_over_only_if_there_are_as_many() -> None:
    plan = simulate([1, 2], workers=1)
    assert [slot.name for slot in plan.with_names(["make", "add"]).work] == ["make", "add"]
    assert plan.with_names(["make"]) is plan


def test_the_total_leaves_out_the_driver() -> None:
    slots = (Slot("driver", "get", "get", 0, 9), Slot("worker 1", "2", "task", 0, 2))
    assert Schedule("", slots).total == 2
