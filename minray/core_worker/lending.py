"""While a task waits for others, its CPU is lent to them; so tasks that wait for tasks never deadlock.

A task may wait in several of its threads at once.  The CPU is lent from when the first of them begins to
wait until none waits any more: if it came back as soon as one thread goes on, the tasks that the other
threads wait for might never get it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from ..wire.messages import Blocked, Message, Unblocked


class Lending:
    """Tells the scheduler when the task of this process begins to wait, and when it goes on.

    Args:
        send: sends a message to the scheduler.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._waiting: Counter[bytes] = Counter()  # how many threads of a task wait, by its id
        self._lock = Lock()

    @contextmanager
    def of(self, task_id: bytes, kind: str, still_runs: Callable[[], bool]) -> Iterator[None]:
        """Lend the task's CPU out for as long as the context is entered.

        Args:
            task_id: of the task to which this thread belongs.
            kind: "get" or "wait".
            still_runs: whether this process still runs the task; its threads may outlive it.
        """
        with self._lock:
            self._waiting[task_id] += 1
            if self._waiting[task_id] == 1:
                self._send(Blocked(kind))
        try:
            yield
        finally:
            with self._lock:
                self._waiting[task_id] -= 1
                if not self._waiting[task_id]:
                    del self._waiting[task_id]
                    if still_runs():
                        self._send(Unblocked())
