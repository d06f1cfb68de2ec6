"""Groups of an actor's calls: at most so many at once, in order of arrival, cancelled in time."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from minray.wire.messages import RunTask
from minray.worker.call_groups import AsyncGroup, CallGroup, ThreadGroup
from runtime_tools import wait_until


def call(number: int) -> RunTask:
    return RunTask(b"%d" % number, b"", None, f"call {number}", b"", (), 1, b"", number, 1, (), ())


class Calls:
    """Notes which calls begin and end, and holds them until they are let go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.refused: list[int] = []
        self.threads: set[int] = set()
        self.gates = {number: threading.Event() for number in range(10)}

    def run(self, call: RunTask) -> None:
        self.begun.append(call.task)
        self.threads.add(threading.get_ident())
        self.gates[call.task].wait(30)
        self.ended.append(call.task)

    async def run_async(self, call: RunTask) -> None:
        self.begun.append(call.task)
        while not self.gates[call.task].is_set():
            await asyncio.sleep(0.001)
        self.ended.append(call.task)

    def refuse(self, call: RunTask) -> None:
        self.refused.append(call.task)


@pytest.fixture
def loops() -> Iterator[list[AsyncGroup]]:
    """Groups put in here are stopped at the end."""
    groups: list[AsyncGroup] = []
    yield groups
    for group in groups:
        group._loop.call_soon_threadsafe(group._loop.stop)


@pytest.mark.parametrize("kind", ["threads", "loop"])
def test_at_most_so_many_run_at_once_and_the_others_follow_in_order(
    kind: str, loops: list[AsyncGroup]
) -> None:
    calls = Calls()
    group: CallGroup = ThreadGroup("", 2, calls.run)
    if kind == "loop":
        loops.append(AsyncGroup("", 2, calls.run_async, calls.refuse))
        group = loops[0]
    for number in range(5):
        group.add(call(number))
    wait_until(lambda: sorted(calls.begun) == [0, 1])
    calls.gates[1].set()
    wait_until(lambda: calls.begun[2:] == [2])
    calls.gates[2].set()
    wait_until(lambda: calls.begun[3:] == [3])
    for gate in calls.gates.values():
        gate.set()
    wait_until(lambda: len(calls.ended) == 5)
    assert calls.begun[2:] == [2, 3, 4]


@pytest.mark.parametrize(("limit", "threads"), [(5, 5), (100, 8)])
def test_the_first_calls_have_a_thread_each_and_further_ones_use_those_that_are_idle(
    limit: int, threads: int
) -> None:
    calls = Calls()
    for gate in calls.gates.values():
        gate.set()
    group = ThreadGroup("", limit, calls.run)
    for number in range(10):
        group.add(call(number))
        wait_until(lambda done=number + 1: len(calls.ended) == done)
        started = min(number + 1, threads)
        wait_until(lambda started=started: group._idle == started)
    assert len(calls.threads) == threads


@pytest.mark.parametrize("limit", [0, -1])
def test_a_group_in_which_nothing_can_run_is_refused(limit: int, loops: list[AsyncGroup]) -> None:
    calls = Calls()
    with pytest.raises(ValueError, match="max_concurrency must be greater than 0"):
        ThreadGroup("io", limit, calls.run)
    with pytest.raises(ValueError, match="max_concurrency must be greater than 0"):
        AsyncGroup("io", limit, calls.run_async, calls.refuse)


def test_a_call_that_waits_for_a_thread_can_be_cancelled() -> None:
    calls = Calls()
    group = ThreadGroup("", 1, calls.run)
    group.add(call(0))
    group.add(call(1))
    wait_until(lambda: calls.begun == [0])
    assert group.cancel(b"1") == call(1)
    assert group.cancel(b"0") is None, "it runs"
    calls.gates[0].set()
    wait_until(lambda: calls.ended == [0])
    assert calls.begun == [0]


def test_a_call_in_an_event_loop_can_be_cancelled_wherever_it_is(loops: list[AsyncGroup]) -> None:
    calls, interrupted = Calls(), threading.Event()

    async def run(call: RunTask) -> None:
        try:
            await calls.run_async(call)
        except asyncio.CancelledError:
            interrupted.set()

    group = AsyncGroup("", 1, run, calls.refuse)
    loops.append(group)
    group.add(call(0))
    group.add(call(1))
    wait_until(lambda: calls.begun == [0])
    group.cancel(b"1")
    wait_until(lambda: calls.refused == [1])
    group.cancel(b"0")
    assert interrupted.wait(30)
    group.add(call(2))
    group.cancel(b"2")
    wait_until(lambda: calls.refused == [1, 2] or calls.begun == [0, 2])
