"""How many tasks run at once: logical CPUs, fractions of them, and none."""

import os
import time
from pathlib import Path
from types import ModuleType

import pytest

import minray as ray
from runtime_tools import Gate, session, wait_until


@ray.remote
def hold(gate: Gate) -> tuple[float, float]:
    """Wait at the gate; return when that began and ended, on the clock that all processes share."""
    began = time.monotonic()
    gate.wait()
    return began, time.monotonic()


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """How many of the spans overlap where most do."""
    return max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)


@pytest.mark.parametrize(
    ("num_cpus", "expected"), [(1, 4), (2, 2), (3, 1), (4, 1), (0.5, 8), (1.5, 2), (0, 12)]
)
def test_as_many_tasks_run_at_once_as_their_cpus_allow(
    tmp_path: Path, num_cpus: float, expected: int
) -> None:
    gate = Gate(tmp_path)
    with session(num_cpus=4):
        tasks = [hold.options(num_cpus=num_cpus).remote(gate) for _ in range(12)]
        gate.wait_for_visitors(expected)
        gate.open()
        assert most_at_once(ray.get(tasks)) == expected


def test_no_task_runs_on_no_cpus_but_those_that_need_none(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with session(num_cpus=0):
        stuck = hold.remote(gate)
        free = hold.options(num_cpus=0).remote(gate)
        gate.wait_for_visitors()
        gate.open()
        ray.get(free)
        assert ray.wait([stuck], timeout=0.1) == ([], [stuck])


def test_more_workers_than_cores_of_this_machine_can_be_had(tmp_path: Path) -> None:
    count = 2 * (os.cpu_count() or 1) + 2
    gate = Gate(tmp_path)
    with session(num_cpus=count):
        tasks = [hold.remote(gate) for _ in range(count)]
        gate.wait_for_visitors(count)
        gate.open()
        assert most_at_once(ray.get(tasks)) == count


def test_workers_are_kept_and_used_again(ray_session: ModuleType) -> None:
    @ray_session.remote
    def where() -> int:
        return os.getpid()

    pids = set(ray_session.get([where.remote() for _ in range(100)]))
    assert len(pids) <= 2
    assert os.getpid() not in pids


def test_a_task_that_fits_overtakes_one_that_does_not(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def small() -> str:
        return "small"

    with session(num_cpus=2):
        held = hold.remote(gate)
        gate.wait_for_visitors()
        big = small.options(num_cpus=2).remote()
        assert ray.get(small.remote()) == "small"
        assert ray.wait([big], timeout=0.05) == ([], [big])
        gate.open()
        assert ray.get(big) == "small"
        ray.get(held)


def test_resources_return_after_success_failure_and_nesting(ray_session: ModuleType) -> None:
    @ray_session.remote
    def fail() -> None:
        raise ValueError

    @ray_session.remote
    def parent() -> None:
        ray.wait([fail.remote()])

    ray_session.wait([fail.remote(), parent.remote(), fail.remote()], num_returns=3)
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0)


@pytest.mark.parametrize("wrong", [-1, "one"])
def test_a_wrong_number_of_cpus_is_refused_when_the_task_is_defined(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError), match="num_cpus"):
        ray.remote(num_cpus=wrong)(lambda: None)
