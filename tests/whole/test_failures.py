"""Processes that die: workers while they run, wait or idle, and parts of the runtime itself."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import psutil
import pytest

import minray as ray
from minray.exceptions import RayError, RayTaskError, WorkerCrashedError
from runtime_tools import (
    Gate,
    Tally,
    in_thread,
    parts_of_the_runtime,
    rows,
    session,
    wait_for_rows,
    wait_until,
)


@ray.remote
def where() -> int:
    return os.getpid()


@ray.remote
def die(tally: Tally, how: str) -> None:
    tally.add()
    if how == "exit":
        os._exit(7)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    ctypes.string_at(0)


@pytest.mark.parametrize(("retries", "runs"), [({}, 4), ({"max_retries": 0}, 1), ({"max_retries": 1}, 2)])
def test_a_task_whose_worker_dies_is_retried_and_then_given_up(
    ray_session: ModuleType, tmp_path: Path, retries: dict[str, int], runs: int
) -> None:
    tally = Tally(tmp_path)
    with pytest.raises(WorkerCrashedError):
        ray_session.get(die.options(**retries).remote(tally, "exit"))
    assert len(tally.lines()) == runs


@pytest.mark.parametrize(("how", "sign"), [("exit", "7"), ("kill", "SIGKILL"), ("segfault", "SIGSEGV")])
def test_the_error_says_which_task_and_how_its_worker_died(
    ray_session: ModuleType, tmp_path: Path, how: str, sign: str
) -> None:
    with pytest.raises(WorkerCrashedError) as caught:
        ray_session.get(die.options(max_retries=0).remote(Tally(tmp_path), how))
    assert "die" in str(caught.value)
    assert sign in str(caught.value)


def test_a_task_that_succeeds_at_the_second_try_has_a_result(ray_session: ModuleType, tmp_path: Path) -> None:
    @ray_session.remote
    def second_time_lucky(tally: Tally) -> str:
        if tally.add() == 1:
            os._exit(1)
        return "lucky"

    tally = Tally(tmp_path)
    assert ray_session.get(second_time_lucky.remote(tally)) == "lucky"
    wait_for_rows("SELECT 1 FROM task_states WHERE state = 'FINISHED'")
    states = rows(
        "SELECT attempt, state FROM task_states WHERE state IN ('RUNNING', 'FINISHED') ORDER BY seq"
    )
    assert states[-2:] == [(1, "RUNNING"), (1, "FINISHED")]


def test_exceptions_are_not_retried(ray_session: ModuleType, tmp_path: Path) -> None:
    @ray_session.remote
    def fail(tally: Tally) -> None:
        tally.add()
        raise ValueError("once")

    tally = Tally(tmp_path)
    with pytest.raises(ValueError, match="once"):
        ray_session.get(fail.remote(tally))
    assert len(tally.lines()) == 1


@pytest.mark.parametrize("which", [True, [ValueError], [KeyError, ValueError]])
def test_exceptions_are_retried_when_asked_for(
    ray_session: ModuleType, tmp_path: Path, which: object
) -> None:
    @ray_session.remote(max_retries=2, retry_exceptions=which)
    def third_time_lucky(tally: Tally) -> str:
        if tally.add() < 3:
            raise ValueError("not yet")
        return "lucky"

    assert ray_session.get(third_time_lucky.remote(Tally(tmp_path))) == "lucky"


def test_other_exceptions_than_those_named_are_not_retried(ray_session: ModuleType, tmp_path: Path) -> None:
    @ray_session.remote(max_retries=5, retry_exceptions=[KeyError])
    def fail(tally: Tally) -> None:
        tally.add()
        raise ValueError("other")

    tally = Tally(tmp_path)
    with pytest.raises(ValueError, match="other"):
        ray_session.get(fail.remote(tally))
    assert len(tally.lines()) == 1


def test_tasks_that_need_the_lost_result_fail_with_the_same_error(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    @ray_session.remote
    def use(value: object) -> object:
        return value

    with pytest.raises(WorkerCrashedError):
        ray_session.get(use.remote(die.options(max_retries=0).remote(Tally(tmp_path), "exit")))


def test_one_dead_worker_does_not_disturb_the_others(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> str:
        gate.wait()
        return "unharmed"

    held = hold.remote(gate)
    gate.wait_for_visitors()
    with pytest.raises(WorkerCrashedError):
        ray_session.get(die.remote(Tally(tmp_path), "kill"))
    gate.open()
    assert ray_session.get(held) == "unharmed"


def test_an_idle_worker_that_is_killed_is_replaced(ray_session: ModuleType) -> None:
    pids = set(ray_session.get([where.remote() for _ in range(50)]))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    again = set(ray_session.get([where.remote() for _ in range(50)]))
    assert not again & pids


def test_a_worker_killed_while_its_task_waits_for_another_is_retried(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate, tally = Gate(tmp_path), Tally(tmp_path)

    @ray_session.remote
    def child(gate: Gate) -> str:
        gate.wait()
        return "child"

    @ray_session.remote
    def parent(gate: Gate, tally: Tally) -> str:
        tally.add(os.getpid())
        return str(ray.get(child.remote(gate)))

    family = parent.remote(gate, tally)
    gate.wait_for_visitors()
    os.kill(int(tally.lines()[0]), signal.SIGKILL)
    wait_until(lambda: len(tally.lines()) == 2)
    gate.open()
    assert ray_session.get(family) == "child"
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0)


def test_a_large_result_survives_the_worker_that_made_it(ray_session: ModuleType) -> None:
    @ray_session.remote
    def make() -> tuple[int, bytes]:
        return os.getpid(), bytes(1_000_000)

    reference = make.remote()
    pid, _ = ray_session.get(reference)
    os.kill(pid, signal.SIGKILL)
    assert ray_session.get(where.remote()) != pid
    assert len(ray_session.get(reference)[1]) == 1_000_000


def test_all_results_are_right_while_workers_are_killed_at_random(ray_session: ModuleType) -> None:
    @ray_session.remote(max_retries=-1)
    def square(n: int) -> int:
        time.sleep(0.005)
        return n * n

    tasks = [square.remote(n) for n in range(300)]
    killed = 0

    def kill_some() -> None:
        nonlocal killed
        chance = random.Random(7)
        while killed < 8 and ray_session.wait(tasks, num_returns=len(tasks), timeout=0.05)[1]:
            pids = rows("SELECT pid FROM workers WHERE kind = 'WORKER' ORDER BY worker DESC LIMIT 2")
            victim = chance.choice(pids)[0] if pids else 0  # the event store may not know of any yet
            if victim and psutil.pid_exists(victim):
                os.kill(victim, signal.SIGKILL)
                killed += 1

    with in_thread(kill_some):
        assert ray_session.get(tasks) == [n * n for n in range(300)]
    assert killed > 0


def test_workers_that_died_are_marked_dead_with_the_reason(ray_session: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(WorkerCrashedError):
        ray_session.get(die.options(max_retries=0).remote(Tally(tmp_path), "kill"))
    ((detail,),) = wait_for_rows("SELECT detail FROM worker_events WHERE state = 'DEAD'")
    assert "SIGKILL" in detail


def test_a_process_that_a_task_leaves_behind_does_not_hang_the_runtime(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    @ray_session.remote
    def start() -> int:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid

    pid = ray_session.get(start.remote())
    assert ray_session.get(where.remote())
    os.kill(pid, signal.SIGKILL)


def test_a_task_may_fork_and_use_multiprocessing(ray_session: ModuleType) -> None:
    @ray_session.remote
    def fork() -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(5)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert ray_session.get([fork.remote() for _ in range(4)]) == [5] * 4


def test_a_task_finds_itself_in_the_only_thread(ray_session: ModuleType) -> None:
    @ray_session.remote
    def count() -> tuple[int, bool]:
        return threading.active_count(), threading.current_thread() is threading.main_thread()

    assert ray_session.get([count.remote() for _ in range(100)]) == [(1, True)] * 100


@pytest.mark.parametrize("part", range(4))
def test_a_dead_part_of_the_runtime_is_a_clear_error_and_not_a_hang(tmp_path: Path, part: int) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def hold(gate: Gate) -> int:
        return gate.wait()

    with session(num_cpus=1):
        held = hold.remote(gate)
        gate.wait_for_visitors()
        parts = parts_of_the_runtime()
        assert len(parts) == 4
        parts[part].kill()
        with pytest.raises(RayError) as caught:
            ray.get([held, where.remote()], timeout=20)
        assert not isinstance(caught.value, (TimeoutError, RayTaskError))
        assert "init" in str(caught.value), "the message should say how to go on"
    with session(num_cpus=1):
        assert ray.get(where.remote())
