"""How many workers a node should have, decided purely: when to start one, and when to let one go.

A worker is *starting* (asked of the zygote), *idle*, *busy* with a task, or *blocked*: its task waits
inside `get`, and its CPU is lent out.  As many workers as CPUs are started at the beginning and kept; nested
tasks may need more, and those go when they have been idle for a while.

A worker is of a *kind* all its life, and so is a task: only tasks of its kind run in it.  Most are PLAIN; the
others are made for a runtime environment, or for tasks that use GPUs, as libraries hold on to what they see.
"""

import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What sort of worker a task needs."""

    environment: str  # see `runtime_env`; "" is none
    gpus: bool  # whether it uses GPUs


PLAIN = Kind("", False)


@dataclass(eq=False, slots=True)
class Worker:
    """One worker process, as the local scheduler sees it."""

    number: int
    kind: Kind = PLAIN
    pid: int = 0
    channel: Any = None  # None: not connected yet
    task: Any = None
    ahead: deque[Any] = field(default_factory=deque)  # tasks that it got with the same lease, after `task`
    blocked: bool = False
    idle_since: float = 0.0
    functions: set[bytes] = field(default_factory=set)  # those whose code it has
    calls: Counter[bytes] = field(default_factory=Counter)  # of functions that have `max_calls`
    retiring: bool = False  # has done all the calls that it may do
    leaving: bool = False  # told to exit
    doom: str = ""  # why the scheduler ended it
    actor: Any = None  # the actor that lives in it, to the exclusion of all else
    node: Any = None  # the node that it is on


class WorkerPool:
    """The workers of a node.

    Args:
        target: how many to start at once and to keep; the number of CPUs.
        numbers: where the numbers of processes come from; all nodes of a session share it.
    """

    def __init__(self, target: int, numbers: Iterator[int] | None = None) -> None:
        self.target = target
        self.node: Any = None
        self.workers: dict[int, Worker] = {}
        self._idle: defaultdict[Kind, list[Worker]] = defaultdict(list)
        self._starting: Counter[Kind] = Counter()
        self._numbers = itertools.count(1) if numbers is None else numbers

    def next_number(self) -> int:
        """A number for a new driver or worker, unique in the session."""
        return next(self._numbers)

    def to_start(self, runnable: int, kind: Kind = PLAIN) -> list[Worker]:
        """Plan new workers.

        Args:
            runnable: how many tasks of the kind could start now if there were workers for them.
            kind: of the tasks and the workers.

        Returns:
            The workers to ask the zygote for.
        """
        wanted = runnable - len(self._idle[kind]) - self._starting[kind]
        started = [Worker(self.next_number(), kind, node=self.node) for _ in range(wanted)]
        self.workers.update((worker.number, worker) for worker in started)
        self._starting[kind] += len(started)
        return started

    def connected(self, number: int, channel: Any, now: float) -> Worker:  # noqa: ANN401
        """A worker has said hello."""
        worker = self.workers[number]
        worker.channel = channel
        self._starting[worker.kind] -= 1
        self.make_idle(worker, now)
        return worker

    def make_idle(self, worker: Worker, now: float) -> None:
        """The worker can take a task."""
        worker.task = None
        worker.blocked = False
        worker.idle_since = now
        self._idle[worker.kind].append(worker)

    def retire(self, worker: Worker) -> None:
        """The worker is to leave instead of taking another task."""
        worker.task = None
        worker.blocked = False
        worker.leaving = True

    def take_idle(self, kind: Kind = PLAIN) -> Worker | None:
        """The worker that was busy last: its caches are warm, and the others may become superfluous."""
        idle = self._idle[kind]
        return idle.pop() if idle else None

    def died(self, number: int) -> Worker | None:
        """A worker's process is gone; return its last state (None if it was unknown)."""
        worker = self.workers.pop(number, None)
        if worker is None:
            return None
        if worker.channel is None:
            self._starting[worker.kind] -= 1
        if worker in self._idle[worker.kind]:
            self._idle[worker.kind].remove(worker)
        return worker

    def superfluous(self, now: float, patience: float) -> Iterable[Worker]:
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
