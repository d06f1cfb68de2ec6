"""`cancel`: tasks that wait, tasks that run, and what becomes of those that depend on them."""

import os
import time
from pathlib import Path
from types import ModuleType

import pytest

import minray as ray
from minray import ObjectRef
from minray.exceptions import RayTaskError, TaskCancelledError, WorkerCrashedError
from runtime_tools import Gate, Tally, rows, session, wait_for_rows, wait_until


@ray.remote
def hold(gate: Gate) -> int:
    return gate.wait()


@ray.remote
def through(value: object, gate: Gate) -> object:
    gate.wait()
    return value


def test_a_queued_task_that_is_cancelled_never_runs(tmp_path: Path) -> None:
    first, second = Gate(tmp_path), Gate(tmp_path)
    with session(num_cpus=1):
        running = hold.remote(first)
        first.wait_for_visitors()
        queued = hold.remote(second)
        ray.cancel(queued)
        with pytest.raises(TaskCancelledError):
            ray.get(queued)
        first.open()
        ray.get(running)
        second.open()
        assert ray.get(hold.remote(first))
        assert second.visitors() == 0


def test_a_task_that_waits_for_its_arguments_can_be_cancelled(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate, never = Gate(tmp_path), Gate(tmp_path)
    held = hold.remote(gate)
    waiting = through.remote(held, never)
    ray_session.cancel(waiting)
    with pytest.raises(TaskCancelledError):
        ray_session.get(waiting)
    gate.open()
    assert ray_session.get(held)
    assert never.visitors() == 0


def test_a_running_task_is_interrupted_and_its_worker_goes_on(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def where() -> int:
        return os.getpid()

    with session(num_cpus=1):
        worker = ray.get(where.remote())
        running = hold.remote(gate)
        gate.wait_for_visitors()
        ray.cancel(running)
        with pytest.raises(TaskCancelledError):
            ray.get(running)
        assert ray.get(where.remote()) == worker


def test_a_running_task_can_clean_up_when_it_is_cancelled(ray_session: ModuleType, tmp_path: Path) -> None:
    gate, tally = Gate(tmp_path), Tally(tmp_path)

    @ray_session.remote
    def careful(gate: Gate, tally: Tally) -> None:
        try:
            gate.wait()
        except KeyboardInterrupt:
            tally.add("interrupted")
            raise
        finally:
            tally.add("cleaned up")

    running = careful.remote(gate, tally)
    gate.wait_for_visitors()
    ray_session.cancel(running)
    with pytest.raises(TaskCancelledError):
        ray_session.get(running)
    assert tally.lines() == ["interrupted", "cleaned up"]


def test_a_task_blocked_in_get_can_be_cancelled(ray_session: ModuleType, tmp_path: Path) -> None:
    gate, outer = Gate(tmp_path), Gate(tmp_path)
    outer.open()

    @ray_session.remote
    def wait_for(references: list[ObjectRef], gate: Gate) -> object:
        gate.wait()
        return ray.get(references[0])

    held = hold.remote(gate)
    blocked = wait_for.remote([held], outer)
    outer.wait_for_visitors()
    ray_session.cancel(blocked)
    with pytest.raises(TaskCancelledError):
        ray_session.get(blocked)
    gate.open()
    assert ray_session.get(held)


def test_force_ends_the_worker_of_a_task_that_does_not_listen(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def deaf(gate: Gate) -> None:
        while True:
            try:
                gate.wait()
            except KeyboardInterrupt:
                continue

    running = deaf.remote(gate)
    gate.wait_for_visitors()
    ray_session.cancel(running, force=True)
    with pytest.raises((WorkerCrashedError, TaskCancelledError)):
        ray_session.get(running)
    assert gate.visitors() == 1
    gate.open()
    assert ray_session.get(hold.remote(gate))


def test_a_cancelled_task_is_not_retried(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    running = hold.options(max_retries=5).remote(gate)
    gate.wait_for_visitors()
    ray_session.cancel(running, force=True)
    with pytest.raises((WorkerCrashedError, TaskCancelledError)):
        ray_session.get(running)
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0)
    assert gate.visitors() == 1


@pytest.mark.parametrize("force", [False, True])
def test_cancelling_a_finished_task_does_nothing(
    ray_session: ModuleType, tmp_path: Path, force: bool
) -> None:
    gate = Gate(tmp_path)
    gate.open()
    done = hold.remote(gate)
    value = ray_session.get(done)
    ray_session.cancel(done, force=force)
    assert ray_session.get(done) == value


def test_tasks_that_depend_on_a_cancelled_one_fail_with_it(ray_session: ModuleType, tmp_path: Path) -> None:
    gate, never = Gate(tmp_path), Gate(tmp_path)
    head = hold.remote(gate)
    gate.wait_for_visitors()
    dependents = [through.remote(head, never) for _ in range(3)]
    last = through.remote(dependents[0], never)
    ray_session.cancel(head)
    for reference in [*dependents, last]:
        with pytest.raises((TaskCancelledError, RayTaskError)) as caught:
            ray_session.get(reference)
        assert isinstance(caught.value, TaskCancelledError)
    assert never.visitors() == 0


def test_cancel_reaches_the_children_of_a_task(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def parent(gate: Gate) -> int:
        return int(ray.get(hold.remote(gate)))

    with session(num_cpus=2):
        family = parent.remote(gate)
        gate.wait_for_visitors()
        ray.cancel(family)
        with pytest.raises(TaskCancelledError):
            ray.get(family)
        wait_for_rows("SELECT 1 FROM task_states WHERE name LIKE '%hold' AND state = 'FAILED'")
        wait_until(lambda: ray.available_resources().get("CPU") == 2.0)


def test_cancel_spares_the_children_when_told_to(tmp_path: Path) -> None:
    gate, tally = Gate(tmp_path), Tally(tmp_path)

    @ray.remote
    def child(gate: Gate, tally: Tally) -> None:
        gate.wait()
        tally.add("child ended")

    @ray.remote
    def parent(gate: Gate, tally: Tally) -> None:
        ray.get(child.remote(gate, tally))

    with session(num_cpus=2):
        family = parent.remote(gate, tally)
        gate.wait_for_visitors()
        ray.cancel(family, recursive=False)
        with pytest.raises(TaskCancelledError):
            ray.get(family)
        gate.open()
        wait_until(lambda: tally.lines() == ["child ended"])


def test_every_result_of_a_cancelled_task_says_so(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote(num_returns=2)
    def pair(gate: Gate) -> tuple[int, int]:
        return gate.wait(), 2

    first, second = pair.remote(gate)
    gate.wait_for_visitors()
    ray_session.cancel(second)
    for reference in (first, second):
        with pytest.raises(TaskCancelledError):
            ray_session.get(reference)


def test_the_event_store_says_that_a_task_was_cancelled(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    running = hold.remote(gate)
    gate.wait_for_visitors()
    ray_session.cancel(running)
    with pytest.raises(TaskCancelledError):
        ray_session.get(running)
    wait_for_rows("SELECT 1 FROM task_states WHERE name LIKE '%hold' AND state = 'FAILED'")
    assert rows("SELECT error_type FROM task_errors") == [("TaskCancelledError",)]


def test_half_of_many_tasks_cancelled_at_random_moments_leaves_the_other_half_right(
    ray_session: ModuleType,
) -> None:
    @ray_session.remote
    def nap(n: int) -> int:
        time.sleep(0.002)
        return n

    references = [nap.remote(n) for n in range(200)]
    for reference in references[::2]:
        ray_session.cancel(reference)
    for n, reference in enumerate(references):
        try:
            assert ray_session.get(reference) == n
        except TaskCancelledError:
            assert n % 2 == 0, "a task that nobody cancelled was"


def test_cancel_of_something_else_than_a_reference_is_a_type_error(ray_session: ModuleType) -> None:
    with pytest.raises(TypeError, match="ObjectRef"):
        ray_session.cancel("task")


def test_cancelling_a_stored_object_is_harmless(ray_session: ModuleType) -> None:
    stored = ray_session.put(1)
    ray_session.cancel(stored)
    assert ray_session.get(stored) == 1
