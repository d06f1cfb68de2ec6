"""Lost objects: made again by running their tasks again, or an error that says why not."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray.core_worker import current
from minray.exceptions import (
    GetTimeoutError,
    ObjectFreedError,
    ObjectLostError,
    ObjectReconstructionFailedError,
    ObjectReconstructionFailedMaxAttemptsExceededError,
    OwnerDiedError,
    RayTaskError,
    WorkerCrashedError,
)
from minray.session.folders import shared_memory_dir
from runtime_tools import Gate, rows, session, session_dir, stored_bytes, wait_for_rows, wait_until

LENGTH = 100_000  # float64 numbers: 800 kB, in the store

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module", autouse=True)
def own_session() -> Iterator[None]:
    with session(num_cpus=2):
        yield


def lose_all() -> None:
    """Delete the files of all objects, as no program does."""
    for path in shared_memory_dir(session_dir().name).iterdir():
        path.unlink(missing_ok=True)  # the scheduler may have renamed it just now


class Log:
    """A file that counts the runs of tasks."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"

    def add(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{text}\n")

    def lines(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@ray.remote
def make(log: Log, n: int) -> Array:
    log.add(f"make{n}")
    return np.full(LENGTH, n, dtype=np.float64)


@ray.remote
def add(log: Log, array: Array, n: int) -> Array:
    log.add(f"add{n}")
    return array + n


@ray.remote
def total(array: Array) -> float:
    return float(array.sum())


def assert_baseline() -> None:
    gc.collect()
    assert current.core is not None
    wait_until(lambda: stored_bytes() == 0)


# --- made again --------------------------------------------------------------------------------------


def test_a_lost_result_is_made_again_for_the_driver_and_for_a_task(log: Log) -> None:
    reference = make.remote(log, 3)
    assert ray.get(reference)[0] == 3
    lose_all()
    assert ray.get(reference)[-1] == 3
    lose_all()
    assert ray.get(total.remote(reference)) == 3 * LENGTH
    assert log.lines() == ["make3"] * 3
    (attempts,) = rows(
        "SELECT max(attempt) FROM task_events JOIN tasks USING (task) WHERE task_id = ?",
        reference.hex()[:48],
    )
    assert attempts == (2,)
    wait_for_rows("SELECT * FROM object_events WHERE object_id = ? AND state = 'LOST'", reference.hex())
    del reference
    assert_baseline()


def test_arguments_that_are_gone_are_made_again_first(log: Log) -> None:
    array = make.remote(log, 1)
    for n in range(3):
        array = add.remote(log, array, n)
    assert ray.get(array)[0] == 4
    gc.collect()
    lose_all()
    assert ray.get(array, timeout=30)[0] == 4
    assert log.lines() == ["make1", "add0", "add1", "add2"] * 2
    del array
    assert_baseline()


def test_an_argument_that_is_there_is_not_made_again(log: Log) -> None:
    first = make.remote(log, 1)
    second = add.remote(log, first, 1)
    ray.wait([second])
    assert current.core is not None
    (_, (_, name, _)) = current.core.arrivals.values[second.binary()]
    (shared_memory_dir(session_dir().name) / name).unlink()
    assert ray.get(second)[0] == 2
    assert log.lines() == ["make1", "add1", "add1"]


def test_a_reference_inside_an_argument_is_made_again_too(log: Log) -> None:
    @ray.remote
    def open_box(log: Log, box: list[ray.ObjectRef]) -> Array:
        log.add("open")
        return ray.get(box[0])

    inner = make.remote(log, 7)
    outer = open_box.remote(log, [inner])
    ray.wait([outer])
    del inner
    gc.collect()
    lose_all()
    assert ray.get(outer, timeout=30)[0] == 7
    assert sorted(log.lines()) == ["make7", "make7", "open", "open"]


def test_with_one_cpu_a_task_that_waits_for_a_lost_object_lets_it_be_made(log: Log) -> None:
    @ray.remote(num_cpus=2)
    def read(box: list[ray.ObjectRef]) -> float:
        ray.get(box[0])
        lose_all_here(box[1])
        return float(ray.get(box[0]).sum())

    def lose_all_here(folder: str) -> None:
        for path in Path(folder).iterdir():
            path.unlink(missing_ok=True)  # the scheduler may have renamed it just now

    reference = make.options(num_cpus=2).remote(log, 2)
    folder = str(shared_memory_dir(session_dir().name))
    assert ray.get(read.remote([reference, folder]), timeout=30) == 2 * LENGTH


def test_several_results_of_a_task_that_are_lost_are_made_in_one_run(log: Log) -> None:
    @ray.remote(num_returns=3)
    def split(log: Log) -> list[Array]:
        log.add("split")
        return [np.full(LENGTH, n) for n in range(3)]

    references = split.remote(log)
    ray.wait(references, num_returns=3)
    lose_all()
    assert [int(array[0]) for array in ray.get(references, timeout=30)] == [0, 1, 2]
    assert len(log.lines()) == 2
    del references
    assert_baseline()


def test_get_gives_up_after_its_timeout_while_a_lost_object_is_made(log: Log, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def slow(log: Log, gate: Gate) -> Array:
        log.add("slow")
        if len(log.lines()) > 1:
            gate.wait()
        return np.ones(LENGTH)

    reference = slow.remote(log, gate)
    ray.wait([reference])
    lose_all()
    with pytest.raises(GetTimeoutError):
        ray.get(reference, timeout=0.2)
    gate.open()
    assert ray.get(reference)[0] == 1


# --- not made again ----------------------------------------------------------------------------------


def test_what_was_put_cannot_be_made_again() -> None:
    reference = ray.put(np.ones(LENGTH))
    lose_all()
    with pytest.raises(ObjectReconstructionFailedError, match=r"put\(\)"):
        ray.get(reference)
    with pytest.raises(ObjectLostError):
        ray.get(total.remote(reference))


def test_a_task_that_may_not_be_retried_is_not_run_again(log: Log) -> None:
    reference = make.options(max_retries=0).remote(log, 1)
    ray.wait([reference])
    lose_all()
    with pytest.raises(ObjectReconstructionFailedMaxAttemptsExceededError, match="max_retries=0"):
        ray.get(reference)
    assert log.lines() == ["make1"]


def test_a_task_is_run_again_as_often_as_max_retries_allows(log: Log) -> None:
    reference = make.options(max_retries=2).remote(log, 1)
    for _ in range(3):
        assert ray.get(reference)[0] == 1
        lose_all()
    with pytest.raises(ObjectReconstructionFailedMaxAttemptsExceededError, match="as often as"):
        ray.get(reference)
    assert len(log.lines()) == 3


def test_a_task_whose_argument_was_put_and_lost_cannot_be_run_again(log: Log) -> None:
    reference = add.remote(log, ray.put(np.ones(LENGTH)), 1)
    ray.wait([reference])
    lose_all()
    with pytest.raises(ObjectLostError, match=r"put\(\)"):
        ray.get(reference)


def test_what_put_has_made_is_kept_for_those_that_are_made_of_it(log: Log) -> None:
    folder = shared_memory_dir(session_dir().name)
    put = ray.put(np.ones(LENGTH))
    kept = set(folder.iterdir())
    reference = add.remote(log, put, 1)
    ray.wait([reference])
    del put
    gc.collect()
    for path in set(folder.iterdir()) - kept:
        path.unlink(missing_ok=True)
    assert ray.get(reference).sum() == 2 * LENGTH
    del reference
    assert_baseline()


def test_a_run_that_fails_makes_the_lost_object_an_error(log: Log) -> None:
    @ray.remote
    def once(log: Log) -> Array:
        log.add("once")
        if len(log.lines()) > 1:
            raise ValueError("only once")
        return np.ones(LENGTH)

    reference = once.remote(log)
    ray.wait([reference])
    lose_all()
    with pytest.raises(ValueError, match="only once"):
        ray.get(reference)
    del reference
    assert_baseline()


# --- freed by hand, and with their owners ------------------------------------------------------------


@pytest.mark.parametrize("length", [10, LENGTH])
def test_an_object_freed_by_hand_is_gone_for_everybody(log: Log, length: int) -> None:
    put, made = ray.put(np.ones(length)), make.remote(log, 1)
    ray.get([put, made])
    ray.internal.free([put, made])
    for reference in (put, made):
        with pytest.raises(ObjectFreedError):
            ray.get(reference)
        with pytest.raises(ObjectFreedError):
            ray.get(total.remote(reference))
    assert_baseline()


def test_a_task_can_free_the_drivers_objects() -> None:
    @ray.remote
    def free(box: list[ray.ObjectRef]) -> None:
        ray.internal.free(box)

    reference = ray.put(np.ones(LENGTH))
    ray.get(free.remote([reference]))
    with pytest.raises(ObjectFreedError):
        ray.get(reference)


def test_free_takes_references_only() -> None:
    with pytest.raises(TypeError, match="list of ObjectRef"):
        ray.internal.free("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expects references"):
        ray.internal.free([1])  # type: ignore[list-item]


@pytest.mark.parametrize("length", [10, LENGTH])
@pytest.mark.parametrize("by_put", [True, False])
def test_what_a_process_made_is_lost_with_it(length: int, by_put: bool, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote(max_retries=0)
    def give(gate: Gate) -> None:
        inner = ray.put(np.ones(length)) if by_put else ones.remote(length)
        ray.get(keep.remote([inner], str(tmp_path)))
        os._exit(1)

    @ray.remote
    def ones(length: int) -> Array:
        return np.ones(length)

    @ray.remote
    def keep(box: list[ray.ObjectRef], folder: str) -> None:
        (Path(folder) / "kept").touch()

    @ray.remote(max_retries=0)
    def pass_on(gate: Gate) -> list[ray.ObjectRef]:
        return [ray.put(np.ones(length)) if by_put else ones.remote(length), os.getpid()]

    box = ray.get(pass_on.remote(gate))
    ray.wait(box[:1])
    os.kill(box[1], 9)
    wait_for_rows(
        "SELECT * FROM worker_events JOIN workers USING (worker) WHERE pid = ? AND state = 'DEAD'", box[1]
    )
    if length == LENGTH:  # a small value may be here already, as in Ray
        with pytest.raises(OwnerDiedError):
            ray.get(box[0])
        with pytest.raises(RayTaskError):
            ray.get(total.remote(box[0]))
    with pytest.raises(WorkerCrashedError):
        ray.get(give.remote(gate))
    assert (tmp_path / "kept").exists()
    del box
    assert_baseline()


def test_an_idle_worker_that_leaves_takes_nothing_with_it() -> None:
    @ray.remote(max_calls=1)
    def last_words() -> list[ray.ObjectRef]:
        return [ray.put(np.ones(LENGTH))]

    (reference,) = ray.get(last_words.remote())
    wait_for_rows("SELECT * FROM worker_events WHERE state = 'DEAD' AND detail LIKE 'left%'")
    assert ray.get(reference)[0] == 1
