"""How many tasks go with one lease."""

from hypothesis import given
from hypothesis import strategies as st

from minray.scheduler.tables.run_times import RunTimes
from minray.wire.config import LEASE_SECONDS, LEASE_TASKS


def test_an_unknown_function_gets_one_task_at_a_time() -> None:
    assert RunTimes().lease_size(b"f", waiting=10_000, workers=2) == 1


def test_short_tasks_go_together() -> None:
    times = RunTimes()
    times.observe(b"f", 0.00001)
    assert times.lease_size(b"f", waiting=10_000, workers=2) == LEASE_TASKS
    assert times.lease_size(b"g", waiting=10_000, workers=2) == 1


def test_one_long_run_ends_it_at_once_and_many_short_ones_bring_it_back() -> None:
    times = RunTimes()
    times.observe(b"f", 0.00001)
    times.observe(b"f", 1.0)
    assert times.lease_size(b"f", waiting=10_000, workers=2) == 1
    for _ in range(100):
        times.observe(b"f", 0.00001)
    assert times.lease_size(b"f", waiting=10_000, workers=2) == LEASE_TASKS


@given(st.lists(st.floats(0, 10), min_size=1), st.integers(0, 10_000), st.integers(0, 64))
def test_a_lease_is_never_empty_never_too_large_and_leaves_work_for_the_others(
    runs: list[float], waiting: int, workers: int
) -> None:
    times = RunTimes()
    for seconds in runs:
        times.observe(b"f", seconds)
    size = times.lease_size(b"f", waiting, workers)
    assert 1 <= size <= LEASE_TASKS
    assert size == 1 or size * 2 * max(workers, 1) <= waiting
    assert size == 1 or size * min(runs) <= LEASE_SECONDS * (1 + 1e-9)
