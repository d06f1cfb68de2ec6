"""A driver in trouble: the runtime dies under it, its own code forks it, many threads use it at once."""

import gc
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import minray as ray
from minray.exceptions import RaySystemError, TaskCancelledError
from runtime_tools import PATIENCE, Gate, parts_of_the_runtime, run_good_script, session, wait_until

CALLS: dict[str, Callable[[ray.ObjectRef], object]] = {
    "get": lambda held: ray.get(held),
    "get with a timeout": lambda held: ray.get(held, timeout=PATIENCE),
    "wait": lambda held: ray.wait([held]),
    "put": lambda held: ray.put(1),
    "put of much": lambda held: ray.put(bytes(1_000_000)),
    "remote": lambda held: increment.remote(1),
    "cancel": lambda held: ray.cancel(increment.remote(1)),
    "available_resources": lambda held: ray.available_resources(),
}


@ray.remote
def increment(n: int) -> int:
    return n + 1


@ray.remote
def hold(gate: Gate) -> int:
    return gate.wait()


class Caller(threading.Thread):
    """Calls something over and over until it raises."""

    def __init__(self, name: str, call: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self.call = call
        self.error: BaseException | None = None
        self.ended = 0.0
        self.start()

    def run(self) -> None:
        try:
            while True:
                self.call()
                time.sleep(0.005)  # leave something of the processor to the others
        except BaseException as error:
            self.error = error
            self.ended = time.monotonic()


@pytest.mark.parametrize("part", ["supervisor", "gcs", "zygote", "scheduler"])
def test_when_a_part_dies_every_call_of_every_thread_says_so_within_two_seconds(
    tmp_path: Path, part: str
) -> None:
    gate = Gate(tmp_path)
    with session(num_cpus=1):
        held = hold.remote(gate)
        gate.wait_for_visitors()
        callers = [Caller(name, lambda call=call: call(held)) for name, call in CALLS.items()]
        parts = dict(zip(["supervisor", "gcs", "zygote", "scheduler"], parts_of_the_runtime(), strict=True))
        began = time.monotonic()
        parts[part].kill()
        for caller in callers:
            caller.join(PATIENCE)
            assert not caller.is_alive(), f"{caller.name} hangs"
            assert isinstance(caller.error, RaySystemError), (caller.name, caller.error)
            assert "init()" in str(caller.error), "the message should say how to go on"
            assert caller.ended - began < 2.0, caller.name
        for name, call in CALLS.items():  # and so does the main thread, from then on
            with pytest.raises(RaySystemError):
                call(held)
            assert name
        began = time.monotonic()
    assert time.monotonic() - began < 2.0, "shutting down takes no longer than usual"
    with session(num_cpus=1):
        assert ray.get(increment.remote(1)) == 2


# --- a driver that is forked -------------------------------------------------------------------------

FORKING = """
import os, sys, gc
import minray as ray
ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")

@ray.remote
def square(n):
    return n * n

def in_child(body):
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        body()
    except BaseException as error:
        print(type(error).__name__, error)
    sys.exit(0)  # with all exit handlers, as a child that just returns from main

references = [square.remote(n) for n in range(100)]
kept = ray.put("kept" * 100_000)
"""


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("lambda: None", ""),
        ("lambda: (references.clear(), globals().pop('kept'), gc.collect())", ""),
        ("lambda: print('initialized:', ray.is_initialized())", "initialized: False"),
        ("lambda: ray.get(references[0])", "ValueError"),
        ("lambda: square.remote(7) and square.remote(references[0])", "ValueError"),
        ("lambda: print('of its own:', ray.get(square.remote(7)))", "of its own: 49"),
        ("lambda: (ray.shutdown(), print('shut down'))", "shut down"),
    ],
)
def test_a_forked_child_does_not_disturb_the_session(tmp_path: Path, body: str, answer: str) -> None:
    output = run_good_script(
        tmp_path,
        f"""{FORKING}
status = in_child({body})
print("status", status)
print("still", sum(ray.get(references)), len(ray.get(kept)), ray.get(square.remote(3)))
""",
    )
    assert answer in output
    assert "status 0" in output
    assert f"still {sum(n * n for n in range(100))} 400000 9" in output


def test_children_forked_while_results_stream_in_take_none_of_them(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        f"""{FORKING}
more = [square.remote(n) for n in range(3000)]
statuses = [in_child(lambda: None) for _ in range(5)]
print("right:", ray.get(more) == [n * n for n in range(3000)], statuses)
""",
    )
    assert "right: True [0, 0, 0, 0, 0]" in output


def test_processes_of_multiprocessing_in_a_driver_may_run_sessions_of_their_own(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        f"""{FORKING}
import multiprocessing

def work(n):
    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR")
    try:
        return ray.get(square.remote(n))
    finally:
        ray.shutdown()

with multiprocessing.get_context("fork").Pool(2) as pool:
    print("pool", pool.map(work, [2, 3]))
print("still", len(ray.get(references)))
""",
    )
    assert "pool [4, 9]" in output
    assert "still 100" in output


# --- threads -----------------------------------------------------------------------------------------


def use_everything(seed: int, rounds: int) -> None:
    """What one thread does: a mixture of all calls, each checked against plain Python."""
    chance = random.Random(seed)
    for n in range(rounds):
        what = chance.randrange(6)
        if what == 0:
            assert ray.get(increment.remote(n)) == n + 1
        elif what == 1:
            data = bytes([n % 256]) * chance.choice([10, 200_000])
            assert ray.get(ray.put(data)) == data
        elif what == 2:
            references = [increment.remote(k) for k in range(20)]
            ready, rest = ray.wait(references, num_returns=7)
            assert (len(ready), len(rest)) == (7, 13)
            assert ray.get(ready) == [references.index(reference) + 1 for reference in ready]
        elif what == 3:
            assert ray.get([increment.remote(k) for k in range(20)]) == list(range(1, 21))
        elif what == 4:
            reference = increment.remote(increment.remote(ray.put(n)))
            assert ray.get(reference, timeout=PATIENCE) == n + 2
        else:
            reference = increment.remote(n)
            ray.cancel(reference)
            try:
                assert ray.get(reference) == n + 1
            except TaskCancelledError:
                continue


def run_in_threads(count: int, body: Callable[[int], None]) -> None:
    """Run something in several threads at once; raise what one of them raises."""
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            body(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]


def test_many_threads_of_a_driver_may_use_everything_at_once(ray_session: ModuleType) -> None:
    run_in_threads(8, lambda seed: use_everything(seed, rounds=60))
    gc.collect()
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0, "all CPUs to be free")


def test_many_threads_of_a_task_may_use_everything_at_once(ray_session: ModuleType) -> None:
    @ray_session.remote
    def many_threads() -> int:
        run_in_threads(4, lambda seed: use_everything(seed, rounds=30))
        return os.getpid()

    assert all(ray_session.get([many_threads.remote(), many_threads.remote()], timeout=2 * PATIENCE))
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0, "all CPUs to be free")


def test_a_thread_that_outlives_its_task_may_go_on_using_the_runtime(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate, done = Gate(tmp_path), Gate(tmp_path)

    @ray_session.remote
    def leave_a_thread(gate: Gate, done: Gate) -> str:
        def go_on() -> None:
            gate.wait()
            assert ray.get([increment.remote(n) for n in range(10)]) == list(range(1, 11))
            done.wait()

        threading.Thread(target=go_on, daemon=True).start()
        return "left"

    assert ray_session.get(leave_a_thread.remote(gate, done)) == "left"
    gate.wait_for_visitors()
    gate.open()
    done.wait_for_visitors()
    done.open()
    assert ray_session.get([increment.remote(n) for n in range(100)]) == list(range(1, 101))
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0, "all CPUs to be free")


def test_shutting_down_ends_the_calls_of_other_threads(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with session(num_cpus=1):
        held = hold.remote(gate)
        gate.wait_for_visitors()
        callers = [Caller(name, lambda name=name: CALLS[name](held)) for name in ("get", "wait")]
        time.sleep(0.05)  # not a condition: whether they wait already or are about to, both must end
    for caller in callers:
        caller.join(PATIENCE)
        assert not caller.is_alive(), f"{caller.name} hangs"
        assert isinstance(caller.error, (RaySystemError, ValueError)), caller.error
    assert "minray" in sys.modules


def test_what_needs_a_session_says_so_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ENABLE_AUTO_CONNECT", "0")
    for call in (ray.kill, ray.cancel):
        with pytest.raises(ray.exceptions.RaySystemError, match="has not been started yet"):
            call(None)
