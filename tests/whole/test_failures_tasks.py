"""Tasks that behave badly: they ignore signals, eat memory, return what cannot be loaded, or are too many."""

import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import minray as ray
from minray.exceptions import (
    ActorDiedError,
    GetTimeoutError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)
from runtime_tools import PATIENCE, Gate, in_thread, rows, session, wait_until

MB = 2**20


@ray.remote
def increment(n: int) -> int:
    return n + 1


def all_is_well() -> bool:
    """Whether the session still does what it should: right results, and all CPUs free after a while."""
    assert ray.get([increment.remote(n) for n in range(50)], timeout=PATIENCE) == list(range(1, 51))
    wait_until(lambda: ray.available_resources().get("CPU") == 2.0, "all CPUs to be free")
    return True


# --- signals -----------------------------------------------------------------------------------------


@ray.remote
def ignore_signals(gate: Gate) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gate.wait()


@ray.remote
def swallow_interrupts(gate: Gate) -> None:
    while True:
        try:
            gate.wait()
            return
        except KeyboardInterrupt:
            continue


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("stubborn", [ignore_signals, swallow_interrupts])
def test_a_task_that_ignores_signals_ends_when_cancelled_by_force(
    tmp_path: Path, stubborn: ray.remote_function.RemoteFunction
) -> None:
    gate = Gate(tmp_path)
    reference = stubborn.remote(gate)
    gate.wait_for_visitors()
    ray.cancel(reference)
    with pytest.raises(GetTimeoutError):
        ray.get(reference, timeout=0.2)
    ray.cancel(reference, force=True)
    with pytest.raises(TaskCancelledError):
        ray.get(reference, timeout=PATIENCE)
    assert all_is_well()


@pytest.mark.parametrize("stubborn", [ignore_signals, swallow_interrupts])
def test_shutting_down_does_not_wait_for_a_task_that_ignores_signals(
    tmp_path: Path, stubborn: ray.remote_function.RemoteFunction
) -> None:
    gate = Gate(tmp_path)
    with session(num_cpus=1):
        reference = stubborn.remote(gate)
        gate.wait_for_visitors()
        ray.cancel(reference)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0


# --- memory ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ray_session")
def test_a_task_that_asks_for_more_memory_than_it_may_have_fails_and_nothing_else() -> None:
    @ray.remote(max_retries=0)
    def eat() -> None:
        used = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (used + 200 * MB, used + 200 * MB))
        eaten = []
        while True:
            eaten.append(bytearray(20 * MB))

    with pytest.raises(MemoryError) as caught:
        ray.get(eat.remote(), timeout=PATIENCE)
    assert isinstance(caught.value, RayTaskError)
    assert all_is_well()


@pytest.mark.usefixtures("ray_session")
def test_a_worker_ended_by_the_system_for_want_of_memory_is_reported_as_such(tmp_path: Path) -> None:
    """The system's way is SIGKILL, without a word: the message has to name the likely cause."""

    @ray.remote(max_retries=1)
    def grow(attempts: str) -> None:
        with open(attempts, "a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    attempts = tmp_path / "attempts"
    with pytest.raises(WorkerCrashedError, match="memory"):
        ray.get(grow.remote(str(attempts)), timeout=PATIENCE)
    assert attempts.read_text() == "xx", "it was tried again once"
    assert all_is_well()


# --- what cannot be loaded ---------------------------------------------------------------------------


class Unloadable:
    """Pickles well; loading it does something else."""

    def __init__(self, what: Callable[..., object], *arguments: object) -> None:
        self.what = what
        self.arguments = arguments

    def __reduce__(self) -> Any:  # noqa: ANN401
        return self.what, self.arguments


RAISES = Unloadable(eval, "1/0")
EXITS = Unloadable(os._exit, 3)


@ray.remote(max_retries=1)
def use(value: object) -> object:
    return value


@pytest.mark.usefixtures("ray_session")
def test_an_argument_whose_loading_raises_fails_its_task() -> None:
    for argument in (RAISES, [RAISES], ray.put(RAISES)):
        with pytest.raises(ZeroDivisionError) as caught:
            ray.get(use.remote(argument), timeout=PATIENCE)
        assert isinstance(caught.value, RayTaskError)
    with pytest.raises(ZeroDivisionError):
        ray.get(use.remote(value=RAISES), timeout=PATIENCE)
    assert all_is_well()


@pytest.mark.usefixtures("ray_session")
def test_an_argument_whose_loading_ends_the_worker_is_a_crash() -> None:
    with pytest.raises(WorkerCrashedError, match="exit code 3"):
        ray.get(use.remote(EXITS), timeout=PATIENCE)
    assert all_is_well()


@pytest.mark.usefixtures("ray_session")
def test_a_value_whose_loading_raises_does_so_in_get_and_hurts_nobody_else() -> None:
    @ray.remote
    def make() -> object:
        return Unloadable(eval, "1/0")

    for reference in (make.remote(), ray.put(RAISES)):
        assert ray.wait([reference], timeout=PATIENCE)[0] == [reference]
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                ray.get(reference, timeout=PATIENCE)
            with pytest.raises(ZeroDivisionError):
                ray.get([increment.remote(1), reference], timeout=PATIENCE)
    assert all_is_well()


@pytest.mark.usefixtures("ray_session")
def test_a_function_whose_loading_raises_fails_each_of_its_tasks() -> None:
    culprit = RAISES

    @ray.remote
    def carries() -> object:
        return culprit

    for reference in [carries.remote() for _ in range(5)]:
        with pytest.raises(RuntimeError, match="remote function failed to import on the worker"):
            ray.get(reference, timeout=PATIENCE)

    @ray.remote
    class Carrier:
        CULPRIT = culprit

        def ready(self) -> None:
            """Never called."""

    with pytest.raises(ActorDiedError, match="actor with name Carrier failed to import on the worker"):
        ray.get(Carrier.remote().ready.remote(), timeout=PATIENCE)
    assert all_is_well()


# --- too deep, too many ------------------------------------------------------------------------------


@pytest.mark.usefixtures("ray_session")
def test_tasks_may_wait_for_tasks_two_hundred_deep() -> None:
    @ray.remote
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + ray.get(depth.remote(n - 1))

    assert ray.get(depth.remote(200), timeout=4 * PATIENCE) == 200


@pytest.mark.usefixtures("ray_session")
def test_a_task_may_submit_itself_over_and_over() -> None:
    @ray.remote
    def go_on(n: int) -> object:
        return "the end" if n == 0 else go_on.remote(n - 1)

    value, steps = ray.get(go_on.remote(300), timeout=PATIENCE), 0
    while isinstance(value, ray.ObjectRef):
        value, steps = ray.get(value, timeout=PATIENCE), steps + 1
    assert (value, steps) == ("the end", 300)


@pytest.mark.usefixtures("ray_session")
def test_a_chain_of_a_thousand_dependent_tasks_runs_to_its_end() -> None:
    reference = increment.remote(0)
    for _ in range(999):
        reference = increment.remote(reference)
    assert ray.get(reference, timeout=PATIENCE) == 1000


def test_a_hundred_thousand_queued_tasks_need_bounded_memory(tmp_path: Path) -> None:
    """Per queued task: in the driver, and in the processes of the node; measured while all of them wait."""
    gate, count = Gate(tmp_path), 100_000

    @ray.remote
    def hold(gate: Gate) -> None:
        gate.wait()

    def used() -> int:
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        return sum(process.memory_info().rss for process in family)

    with session(num_cpus=1):
        held = hold.remote(gate)
        gate.wait_for_visitors()
        before = used()
        references = [increment.remote(n) for n in range(count)]
        assert ray.available_resources().get("CPU") is None, "the scheduler has taken them all in"
        assert (used() - before) / count < 6000, "bytes per queued task"
        gate.open()
        assert ray.get(references, timeout=4 * PATIENCE) == list(range(1, count + 1))
        ray.get(held)


# --- everything at once ------------------------------------------------------------------------------


@ray.remote(max_retries=-1)
def node_of_tree(depth: int, seed: int) -> int:
    """Adds up numbers by a tree of tasks, of which some are large and some pass references on."""
    if depth == 0:
        return seed % 7
    children = [node_of_tree.remote(depth - 1, 3 * seed + k) for k in range(3)]
    total: int = sum(ray.get(children))
    return total + len(ray.get(ray.put(bytes(200_000)))) // 200_000


def sum_of_tree(depth: int, seed: int) -> int:
    """The same without tasks."""
    if depth == 0:
        return seed % 7
    return sum(sum_of_tree(depth - 1, 3 * seed + k) for k in range(3)) + 1


def test_trees_of_tasks_come_out_right_while_workers_are_killed_and_tasks_cancelled() -> None:
    chance = random.Random(11)
    finished = threading.Event()
    killed = 0

    def kill_and_cancel() -> None:
        nonlocal killed
        while not finished.wait(0.02):
            pids = rows("SELECT pid FROM workers WHERE kind = 'WORKER' ORDER BY worker DESC LIMIT 4")
            if pids and chance.random() < 0.3 and killed < 12:
                victim = chance.choice(pids)[0]
                if psutil.pid_exists(victim):
                    os.kill(victim, signal.SIGKILL)
                    killed += 1
            doomed = node_of_tree.remote(2, 1)
            ray.cancel(doomed, force=chance.random() < 0.3)
            if chance.random() < 0.5:
                ray.wait([doomed], timeout=0.05)

    with session(num_cpus=2):
        with in_thread(kill_and_cancel):
            try:
                for first in range(0, 1000, 10):
                    seeds = range(first, first + 10)
                    trees = [node_of_tree.remote(3, seed) for seed in seeds]
                    assert ray.get(trees, timeout=4 * PATIENCE) == [sum_of_tree(3, seed) for seed in seeds]
                    if killed:  # on a quick machine, the first trees are there before that
                        break
            finally:
                finished.set()
        assert killed, "some workers were killed while the trees grew"
        assert all_is_well()
