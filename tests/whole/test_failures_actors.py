"""Actors in trouble: killed at random under load, fed with what cannot be loaded, called by many at once."""

import asyncio
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

import minray as ray
from leaks import is_gone
from minray.exceptions import (
    ActorDiedError,
    ActorHandleNotFoundError,
    RayActorError,
    RayTaskError,
    UnserializableException,
)
from runtime_tools import PATIENCE, rows, session, wait_until


class Squarer:
    """Computes, a little slowly."""

    def square(self, n: int) -> int:
        time.sleep(0.002)
        return n * n


class AsyncSquarer:
    """The same with coroutines."""

    async def square(self, n: int) -> int:
        await asyncio.sleep(0.01)
        return n * n


@ray.remote
class Notebook:
    """Writes down what it is told, in the order in which it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, int]] = []

    def write(self, who: int, number: int) -> int:
        self.lines.append((who, number))
        return len(self.lines)

    def read(self) -> list[tuple[int, int]]:
        return self.lines


def kill_workers(until: Callable[[], object], most: int) -> int:
    """Kill workers at random until a condition is true; return how many."""
    chance, killed = random.Random(5), 0
    while not until():
        pids = rows("SELECT pid FROM workers WHERE kind = 'WORKER' ORDER BY worker DESC LIMIT 4")
        if pids and killed < most:
            victim = chance.choice(pids)[0]
            if psutil.pid_exists(victim):
                os.kill(victim, signal.SIGKILL)
                killed += 1
    return killed


@pytest.mark.parametrize("cls", [Squarer, AsyncSquarer])
def test_calls_of_actors_that_come_back_are_right_while_workers_are_killed(
    ray_session: ModuleType, cls: type
) -> None:
    actor_class: Any = ray_session.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(cls)
    actors = [actor_class.remote() for _ in range(2)]
    calls = [actors[n % 2].square.remote(n) for n in range(400)]

    def all_done() -> bool:
        return not ray_session.wait(calls, num_returns=len(calls), timeout=0.05)[1]

    assert kill_workers(all_done, most=6) > 0
    assert ray_session.get(calls, timeout=PATIENCE) == [n * n for n in range(400)]


def test_an_actor_that_does_not_come_back_fails_all_its_calls_and_nobody_hangs(
    ray_session: ModuleType,
) -> None:
    actor = ray_session.remote(Squarer).remote()
    calls = [actor.square.remote(n) for n in range(300)]
    assert ray_session.get(calls[0]) == 0
    ray_session.kill(actor)
    ready, rest = ray_session.wait(calls, num_returns=len(calls), timeout=PATIENCE)
    assert not rest
    for n, call in enumerate(ready):
        try:
            assert ray_session.get(call) == n * n
        except RayActorError:
            continue
    with pytest.raises(ActorDiedError):
        ray_session.get(actor.square.remote(1), timeout=PATIENCE)


def in_order(lines: list[tuple[int, int]], callers: int, count: int) -> bool:
    """Whether each caller's lines are there, in its order."""
    return all([n for who, n in lines if who == k] == list(range(count)) for k in range(callers))


def test_an_actor_keeps_the_order_of_each_thread_of_a_driver(ray_session: ModuleType) -> None:
    notebook = Notebook.remote()

    def write(who: int) -> None:
        for n in range(50):
            notebook.write.remote(who, n)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert in_order(ray_session.get(notebook.read.remote(), timeout=PATIENCE), callers=6, count=50)


def test_an_actor_keeps_the_order_of_each_task_that_calls_it(ray_session: ModuleType) -> None:
    notebook = Notebook.remote()

    @ray_session.remote
    def write(notebook: Any, who: int) -> int:  # noqa: ANN401
        lines: int = ray.get([notebook.write.remote(who, n) for n in range(50)])[-1]
        return lines

    assert max(ray_session.get([write.remote(notebook, who) for who in range(4)], timeout=PATIENCE)) == 200
    assert in_order(ray_session.get(notebook.read.remote()), callers=4, count=50)


class Unloadable:
    """Pickles well; loading it raises."""

    def __reduce__(self) -> Any:  # noqa: ANN401
        return eval, ("1/0",)


class TwoArgumentsError(Exception):
    """Its constructor wants something else than `args`."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


@ray.remote
class Delicate:
    """Takes anything, and fails in several ways."""

    def __init__(self, value: object = None) -> None:
        self.value = value

    def use(self, value: object) -> object:
        return value

    def return_a_lock(self) -> object:
        return threading.Lock()

    def raise_oddly(self) -> None:
        raise TwoArgumentsError(1, 2)


def test_what_cannot_be_loaded_or_sent_fails_the_call_and_spares_the_actor(ray_session: ModuleType) -> None:
    actor = Delicate.remote()
    for argument in (Unloadable(), ray_session.put(Unloadable())):
        with pytest.raises(ZeroDivisionError) as caught:
            ray_session.get(actor.use.remote(argument), timeout=PATIENCE)
        assert isinstance(caught.value, RayTaskError)
    with pytest.raises(TypeError):
        ray_session.get(actor.return_a_lock.remote(), timeout=PATIENCE)
    with pytest.raises(UnserializableException, match="TwoArgumentsError"):
        ray_session.get(actor.raise_oddly.remote(), timeout=PATIENCE)
    assert ray_session.get(actor.use.remote("still here"), timeout=PATIENCE) == "still here"


def test_an_attribute_that_bears_a_methods_name_does_not_take_its_place(ray_session: ModuleType) -> None:
    @ray_session.remote
    class Ambiguous:
        def __init__(self) -> None:
            self.ready = False  # type: ignore[method-assign, assignment]

        def ready(self) -> str:
            return "method"

    assert ray_session.get(Ambiguous.remote().ready.remote()) == "method"


def test_a_constructor_whose_argument_cannot_be_loaded_is_a_dead_actor(ray_session: ModuleType) -> None:
    actor = Delicate.remote(Unloadable())
    with pytest.raises(ActorDiedError, match="division by zero"):
        ray_session.get(actor.use.remote(1), timeout=PATIENCE)
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0, "all CPUs to be free")


def test_handles_of_a_session_that_has_ended_say_so() -> None:
    ray.shutdown()
    with session(num_cpus=1):
        actor = Delicate.remote()
    with session(num_cpus=1):
        with pytest.raises(ActorHandleNotFoundError, match="not valid across Ray sessions"):
            ray.kill(actor)
        with pytest.raises(ActorDiedError, match="might be dead or it's from a different cluster"):
            ray.get(actor.use.remote(1))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell who started whom")
@pytest.mark.parametrize("daemon", [False, True], ids=["its child", "a daemon"])
@pytest.mark.parametrize("way", ["kill", "exit_actor", "crash", "out of scope"])
def test_what_an_actor_has_started_ends_with_it(ray_session: ModuleType, way: str, daemon: bool) -> None:
    @ray.remote
    class Starter:
        def start(self) -> int:
            if daemon:
                command = "nohup sleep 1000 >/dev/null 2>&1 & echo $!"
                return int(subprocess.check_output(command, shell=True))
            self.process = subprocess.Popen(["sleep", "1000"])
            return self.process.pid

        def ping(self) -> int:
            return os.getpid()

        def leave(self) -> None:
            ray.actor.exit_actor()

    actor, other = Starter.remote(), Starter.remote()
    pid, of_other = ray.get([actor.start.remote(), other.start.remote()])
    assert not is_gone(pid)
    if way == "kill":
        ray.kill(actor)
    elif way == "exit_actor":
        actor.leave.remote()
    elif way == "crash":
        os.kill(ray.get(actor.ping.remote()), signal.SIGKILL)
    else:
        del actor
    wait_until(lambda: is_gone(pid))
    assert not is_gone(of_other), "what others have started goes on"
