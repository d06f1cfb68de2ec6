"""Where the calls of an actor run when several may be under way at once: threads, or an event loop.

::

    call -> group "io", limit 2      -> waits in line -> one of 2 threads, or one of 2 coroutines
         -> default group, limit n   -> waits in line -> ...

Each group has a line, in order of arrival, and threads or an event loop of its own, so that a group that is
held up holds up no other.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ..wire.messages import RunTask

# In Ray, a group's threads are all there from the start, so that its first calls do not share any.
_AT_LEAST = 8


def check_limit(name: str, limit: int) -> None:
    """Refuse a group in which nothing could ever run.

    Raises:
        ValueError: its limit is 0.
    """
    if limit <= 0:
        raise ValueError(f"max_concurrency must be greater than 0; for the group {name!r} it is {limit}.")


class ThreadGroup:
    """Runs calls in threads, which are started as they are needed and then stay.

    Args:
        name: of the group, for the names of its threads.
        limit: how many calls may be under way at once.
        run: runs a call in the calling thread.
    """

    def __init__(self, name: str, limit: int, run: Callable[[RunTask], None]) -> None:
        check_limit(name, limit)
        self._name, self._limit, self._run = name, limit, run
        self._line: deque[RunTask] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._threads = 0

    def add(self, call: RunTask) -> None:
        """Run a call as soon as its turn has come."""
        with self._changed:
            enough = self._threads >= _AT_LEAST and self._idle > len(self._line)
            if enough or self._threads == self._limit:
                self._line.append(call)
                self._changed.notify()
                return
            self._threads += 1
        name = f"{self._name or 'call'}-{self._threads}"
        threading.Thread(target=self._work, args=(call,), name=name, daemon=True).start()

    def cancel(self, task_id: bytes) -> RunTask | None:
        """Take a call out of the line; a thread that runs it already cannot be interrupted."""
        with self._changed:
            for call in self._line:
                if call.task_id == task_id:
                    self._line.remove(call)
                    return call
        return None

    def _work(self, call: RunTask) -> None:
        while True:
            self._run(call)
            with self._changed:
                while not self._line:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                call = self._line.popleft()


@dataclass(eq=False)
class AsyncGroup:
    """Runs calls as coroutines of one event loop, in a thread of its own.

    Args:
        name: of the group, for the name of its thread.
        limit: how many calls may be under way at once.
        run: runs a call in the event loop.
        refuse: called with a call that was cancelled before it could begin.
    """

    _name: str
    _limit: int
    _run: Callable[[RunTask], Coroutine[Any, Any, None]]
    _refuse: Callable[[RunTask], None]

    def __post_init__(self) -> None:
        check_limit(self._name, self._limit)
        self._arrived: deque[RunTask] = deque()  # of these the event loop does not know yet
        self._called = False  # but it will look
        self._line: deque[RunTask] = deque()
        self._running: dict[bytes, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, name=f"{self._name or 'call'}-loop", daemon=True).start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            self._loop.run_forever()

    def add(self, call: RunTask) -> None:
        """Run a call as soon as its turn has come."""
        self._arrived.append(call)
        if not self._called:  # waking the loop takes longer than many a call: once for all that come together
            self._called = True
            self._loop.call_soon_threadsafe(self._take_arrived)

    def cancel(self, task_id: bytes) -> RunTask | None:
        """Cancel a call: in the coroutine, `asyncio.CancelledError` is raised where it awaits."""
        self._loop.call_soon_threadsafe(self._cancel, task_id)
        return None

    def _take_arrived(self) -> None:
        self._called = False  # first, so that what arrives from here on calls the loop again
        for _ in range(len(self._arrived)):
            self._line.append(self._arrived.popleft())
        while self._line and len(self._running) < self._limit:
            self._begin(self._line.popleft())

    def _begin(self, call: RunTask) -> None:
        task = self._running[call.task_id] = self._loop.create_task(self._run(call))
        task.add_done_callback(lambda task: self._on_end(call, task))

    def _on_end(self, call: RunTask, task: "asyncio.Task[None]") -> None:
        del self._running[call.task_id]
        if task.cancelled():  # before its first step, so that it could say nothing itself
            self._refuse(call)
        if self._line:
            self._begin(self._line.popleft())

    def _cancel(self, task_id: bytes) -> None:
        if task_id in self._running:
            self._running[task_id].cancel()
        for call in [call for call in self._line if call.task_id == task_id]:
            self._line.remove(call)
            self._refuse(call)


CallGroup = ThreadGroup | AsyncGroup
