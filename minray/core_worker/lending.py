"""While a task waits for others, its CPU is lent to them; so tasks that wait for tasks never deadlock.

A task may wait in several of its threads at once.  The CPU is lent from when the first of them begins to
wait until none waits any more: if it came back as soon as one thread goes on, the tasks that the other
threads wait for might never get it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from ..session import here
from ..wire.messages import Blocked, Message, RunTask, Unblocked


class Lending:
    """Tells the scheduler when the task of this process begins to wait, and when it goes on.

    Args:
        send: sends a message to the scheduler.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._waiting: Counter[bytes] = Counter()  # how many threads of a task wait, by its id
        self._lock = Lock()
        self._before: Callable[[], None] = lambda: None

    def call_before(self, work: Callable[[], None]) -> None:
        """What this worker is to do when its task begins to wait."""
        self._before = work

    def will_wait(self) -> None:
        """The task begins to wait; it may take long."""
        self._before()

    @contextmanager
    def of(self, task: RunTask, kind: str) -> Iterator[None]:
        """Lend a task's CPU out for as long as the context is entered.

        Args:
            task: to which this thread belongs.
            kind: "get" or "wait".
        """
        self.will_wait()
        task_id = task.task_id
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
                    if here.task() is task:  # its threads may outlive it
                        self._send(Unblocked())
