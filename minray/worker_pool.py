"""How many workers a node should have, decided purely: when to start one, and when to let one go.

A worker is *starting* (asked of the zygote), *idle*, *busy* with a task, or *blocked*: its task waits
inside `get`, and its CPU is lent out.  As many workers as CPUs are started at the beginning and kept; nested
tasks may need more, and those go when they have been idle for a while.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False, slots=True)
class Worker:
    """One worker process, as the local scheduler sees it."""

    number: int
    pid: int = 0
    channel: Any = None  # None: not connected yet
    task: Any = None
    ahead: deque[Any] = field(default_factory=deque)  # tasks that it got with the same lease, after `task`
    blocked: bool = False
    idle_since: float = 0.0
    functions: set[bytes] = field(default_factory=set)  # those whose code it has
    leaving: bool = False  # told to exit


class WorkerPool:
    """The workers of a node.

    Args:
        target: how many to start at once and to keep; the number of CPUs.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.workers: dict[int, Worker] = {}
        self._idle: list[Worker] = []
        self._starting = 0
        self._last_number = 0

    def next_number(self) -> int:
        """A number for a new driver or worker, unique in the session."""
        self._last_number += 1
        return self._last_number

    def to_start(self, runnable: int) -> list[Worker]:
        """Plan new workers.

        Args:
            runnable: how many tasks could start now if there were workers for them.

        Returns:
            The workers to ask the zygote for.
        """
        wanted = runnable - len(self._idle) - self._starting
        started = [Worker(self.next_number()) for _ in range(wanted)]
        self.workers.update((worker.number, worker) for worker in started)
        self._starting += len(started)
        return started

    def connected(self, number: int, channel: Any, now: float) -> Worker:  # noqa: ANN401
        """A worker has said hello."""
        worker = self.workers[number]
        worker.channel = channel
        self._starting -= 1
        self.make_idle(worker, now)
        return worker

    def make_idle(self, worker: Worker, now: float) -> None:
        """The worker can take a task."""
        worker.task = None
        worker.blocked = False
        worker.idle_since = now
        self._idle.append(worker)

    def take_idle(self) -> Worker | None:
        """The worker that was busy last: its caches are warm, and the others may become superfluous."""
        return self._idle.pop() if self._idle else None

    def died(self, number: int) -> Worker | None:
        """A worker's process is gone; return its last state (None if it was unknown)."""
        worker = self.workers.pop(number, None)
        if worker is None:
            return None
        if worker.channel is None:
            self._starting -= 1
        if worker in self._idle:
            self._idle.remove(worker)
        return worker

    def superfluous(self, now: float, patience: float) -> Iterable[Worker]:
        """Take out the workers that have been idle for `patience` seconds and are more than needed."""
        spare = sum(not worker.leaving for worker in self.workers.values()) - self.target
        leaving = [worker for worker in self._idle if now - worker.idle_since > patience][: max(spare, 0)]
        for worker in leaving:
            self._idle.remove(worker)
            worker.leaving = True
        return leaving

    @property
    def idle(self) -> int:
        """How many workers wait for a task."""
        return len(self._idle)
