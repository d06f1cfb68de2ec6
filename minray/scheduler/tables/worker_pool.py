"""How many workers a node should have, decided purely: when to start one, and when to let one go.

A worker is *starting* (asked of the zygote), *idle*, *busy* with a task, or *blocked*: its task waits
inside `get`, and its CPU is lent out.  As many workers as CPUs are started at the beginning and kept; nested
tasks may need more, and those go when they have been idle for a while.

A worker is of a *kind* all its life, and so is a task: only tasks of its kind run in it.  Most are PLAIN; the
others are made for a runtime environment, or for tasks that use GPUs, as libraries hold on to what they see.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar


class Kind(NamedTuple):
    """What sort of worker a task needs."""

    environment: str  # see `runtime_env`; "" is none
    gpus: bool  # whether it uses GPUs


PLAIN = Kind("", False)


class Poolable(Protocol):
    """What the pool needs to know of a worker."""

    leaving: bool  # told to exit; written here alone, as is the next one
    idle_since: float

    @property
    def number(self) -> int:
        """Its number, unique in the session."""

    @property
    def kind(self) -> Kind:
        """Of the tasks that it can run."""

    @property
    def actor(self) -> object | None:
        """The actor that lives in it."""


WorkerT = TypeVar("WorkerT", bound=Poolable)


class WorkerPool(Generic[WorkerT]):
    """The workers of a node.

    Args:
        target: how many to start at once and to keep; the number of CPUs.
        make: makes the record of a new worker of this kind.
    """

    def __init__(self, target: int, make: Callable[[Kind], WorkerT]) -> None:
        self.target = target
        self.workers: dict[int, WorkerT] = {}
        self._idle: defaultdict[Kind, list[WorkerT]] = defaultdict(list)
        self._starting: defaultdict[Kind, set[int]] = defaultdict(set)  # have not said hello
        self._make = make

    def to_start(self, runnable: int, kind: Kind = PLAIN) -> list[WorkerT]:
        """Plan new workers.

        Args:
            runnable: how many tasks of the kind could start now if there were workers for them.
            kind: of the tasks and the workers.

        Returns:
            The workers to ask the zygote for.
        """
        wanted = runnable - len(self._idle[kind]) - len(self._starting[kind])
        started = [self._make(kind) for _ in range(wanted)]
        self.workers.update((worker.number, worker) for worker in started)
        self._starting[kind].update(worker.number for worker in started)
        return started

    def connected(self, number: int, now: float) -> WorkerT:
        """The worker of this number has said hello."""
        worker = self.workers[number]
        self._starting[worker.kind].remove(number)
        self.make_idle(worker, now)
        return worker

    def make_idle(self, worker: WorkerT, now: float) -> None:
        """The worker can take a task."""
        worker.idle_since = now
        self._idle[worker.kind].append(worker)

    def retire(self, worker: WorkerT) -> None:
        """The worker is to leave instead of taking another task."""
        worker.leaving = True

    def take_idle(self, kind: Kind = PLAIN) -> WorkerT | None:
        """The worker that was busy last: its caches are warm, and the others may become superfluous."""
        idle = self._idle[kind]
        return idle.pop() if idle else None

    def died(self, number: int) -> WorkerT | None:
        """A worker's process is gone; return its last state (None if it was unknown)."""
        worker = self.workers.pop(number, None)
        if worker is None:
            return None
        self._starting[worker.kind].discard(number)
        if worker in self._idle[worker.kind]:
            self._idle[worker.kind].remove(worker)
        return worker

    def superfluous(self, now: float, patience: float) -> list[WorkerT]:
        """Take out the workers that have been idle for `patience` seconds and are more than needed."""
        spare = (
            sum(not worker.leaving and worker.actor is None for worker in self.workers.values()) - self.target
        )
        idle = sorted(itertools.chain(*self._idle.values()), key=lambda worker: worker.idle_since)
        leaving = [worker for worker in idle if now - worker.idle_since > patience][: max(spare, 0)]
        for worker in leaving:
            self._idle[worker.kind].remove(worker)
            worker.leaving = True
        return leaving

    @property
    def idle(self) -> int:
        """How many workers wait for a task."""
        return sum(len(line) for line in self._idle.values())
