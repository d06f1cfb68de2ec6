"""Scheduling policy and resource arithmetic: which task may start next.  No clocks, no sockets.

Resources are logical: a task that asks for one CPU is not pinned to one, it is merely counted.  Amounts are
kept in 1/10,000 of a unit, as in Ray, so that ten times 0.1 is exactly 1.
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from .gpus import Gpus

UNIT = 10_000
Demand = tuple[tuple[str, int], ...]


def to_demand(amounts: dict[str, float]) -> Demand:
    """Resource amounts as a task spec carries them; zero amounts are left out.

    Raises:
        ValueError: an amount is negative, infinite, not a number, or finer than 1/10,000.
    """
    demand = []
    for name, amount in sorted(amounts.items()):
        if not 0 <= amount < math.inf:
            raise ValueError(f"The amount of {name} must be a number from 0 up, but it is {amount}.")
        units = round(amount * UNIT)
        if amount and not units:
            raise ValueError(f"The amount {amount} of {name} is too small: the smallest is {1 / UNIT}.")
        if units:
            demand.append((name, units))
    return tuple(demand)


class Resources:
    """What a node has, and what of it is free.

    Args:
        total: amounts by name, in units.

    Example:
        >>> resources = Resources({"CPU": 2})
        >>> resources.acquire((("CPU", UNIT),))
        >>> resources.available()
        {'CPU': 1.0}
    """

    def __init__(self, total: dict[str, float]) -> None:
        self._total = {name: round(amount * UNIT) for name, amount in total.items()}
        self._free = dict(self._total)
        self._feasible: dict[Demand, bool] = {}  # answers so far: most programs ask the same all the time
        self._gpus = {"GPU": Gpus(int(total.get("GPU", 0)))}  # by resource: placement groups have their own

    def fits(self, demand: Demand) -> bool:
        """Whether the demand can be met now."""
        free = self._free
        for name, amount in demand:
            if free.get(name, 0) < amount or (name in self._gpus and not self._gpus[name].fits(amount)):
                return False
        return True

    def feasible(self, demand: Demand) -> bool:
        """Whether the demand can be met when the node is empty."""
        known = self._feasible.get(demand)
        if known is None:
            known = all(self._total.get(name, 0) >= amount for name, amount in demand)
            self._feasible[demand] = known
        return known

    def acquire(self, demand: Demand) -> None:
        """Take resources. A task that wakes up from `get` takes its CPU back even if none is free: then
        the free amount is negative for a while, and nothing new starts."""
        for name, amount in demand:
            self._free[name] -= amount

    def take_gpus(self, demand: Demand) -> tuple[int, ...]:
        """Which GPUs a task with this demand, which has been acquired, is to use."""
        for name, amount in demand:
            if name in self._gpus:
                return self._gpus[name].take(amount)
        return ()

    def give_gpus(self, gpus: tuple[int, ...], demand: Demand) -> None:
        """The task does not use them any more."""
        for name, amount in demand if gpus else ():
            if name in self._gpus:
                self._gpus[name].give(gpus, amount)

    def split_gpus(self, name: str, amounts: list[int]) -> None:
        """Set GPUs aside that are handed out under another resource's name."""
        if any(amounts):
            self._gpus[name] = self._gpus["GPU"].split_off(amounts)

    def rejoin_gpus(self, name: str) -> None:
        """Hand those GPUs out under their usual name again."""
        part = self._gpus.pop(name, None)
        if part is not None:
            self._gpus["GPU"].rejoin(part)

    def release(self, demand: Demand) -> None:
        """Give resources back."""
        for name, amount in demand:
            self._free[name] += amount

    def extend(self, amounts: Demand) -> None:
        """The node has so much more now."""
        self._feasible.clear()
        for name, amount in amounts:
            self._total[name] = self._total.get(name, 0) + amount
            self._free[name] = self._free.get(name, 0) + amount

    def withdraw(self, amounts: Demand) -> bool:
        """Take back what `extend` gave, unless something of it is in use; return whether it was taken."""
        if any(self._free.get(name) != amount for name, amount in amounts):
            return False
        self._feasible.clear()
        for name, _ in amounts:
            del self._total[name], self._free[name]
        return True

    def share_used(self) -> float:
        """How full the node is: the share in use of the resource of which least is left."""
        used = (1 - self._free[name] / total for name, total in self._total.items() if total)
        return max(used, default=0.0)

    def amounts(self, empty: bool = False) -> dict[str, int]:
        """What is free, in 1/10,000 of a unit; or would be if the node were empty."""
        return dict(self._total if empty else self._free)

    def has(self, name: str) -> bool:
        """Whether the node has anything of a resource."""
        return self._total.get(name, 0) > 0

    def total(self) -> dict[str, float]:
        """What the node has, in units; as in Ray, names with nothing are left out."""
        return {name: amount / UNIT for name, amount in self._total.items() if amount > 0}

    def available(self) -> dict[str, float]:
        """What is free, in units; as in Ray, names with nothing free are left out."""
        return {name: amount / UNIT for name, amount in self._free.items() if amount > 0}


class Schedulable(Protocol):
    """What the queue needs to know of a task."""

    number: int  # tasks are numbered in the order of their submission
    depth: int  # 0 for the driver's tasks, 1 for tasks that those submit, and so on
    demand: Demand

    @property
    def kind(self) -> Hashable:
        """Which workers can run it."""

    @property
    def where(self) -> Hashable:
        """On which nodes it may run."""


TaskT = TypeVar("TaskT", bound=Schedulable)


class TaskQueue(Generic[TaskT]):
    """Tasks that are ready to run and wait for resources.

    Tasks of one demand, depth, kind and placement stand in one line: first come, first served.  Between lines
    the deepest goes first: a task that waits in `get` for the tasks it submitted has lent its CPU out; the
    sooner those run, the fewer half-done tasks (each of which occupies a process) there are.  A line whose
    demand does not fit just now does not hold up the others, so no resource idles while a task could use it.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[int, Demand, Hashable, Hashable], deque[TaskT]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, task: TaskT) -> None:
        """Add a task at the end of its line."""
        key = _line_of(task)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = deque()
            self._lines = dict(sorted(self._lines.items(), key=lambda item: item[0][0]))
        line.append(task)
        self._length += 1

    def peek(self, resources: Resources, without: Collection[Hashable] = ()) -> TaskT | None:
        """The task that should start next with the resources that are free, or None.

        Args:
            resources: those of the node.
            without: kinds for which there are no workers just now.
        """
        for (_, demand, kind, _), line in self._lines.items():
            if line and kind not in without and resources.fits(demand):
                return line[0]
        return None

    def heads(self) -> list[TaskT]:
        """The first task of each line, in the order in which they should start."""
        return [line[0] for line in self._lines.values() if line]

    def count(self, kind: Hashable) -> int:
        """How many tasks of a kind wait here."""
        return sum(len(line) for key, line in self._lines.items() if key[2] == kind)

    def pop(self, task: TaskT) -> None:
        """Take out the task that `peek` returned."""
        self._lines[_line_of(task)].popleft()
        self._fewer(task, 1)

    def pop_behind(self, task: TaskT, count: int, fits: Callable[[TaskT], bool]) -> list[TaskT]:
        """Take out up to `count` tasks that are next in the line where `task` stood, as long as they fit."""
        line = self._lines.get(_line_of(task), deque())
        taken: list[TaskT] = []
        while line and len(taken) < count and fits(line[0]):
            taken.append(line.popleft())
        self._fewer(task, len(taken))
        return taken

    def push_front(self, task: TaskT) -> None:
        """Put a task back at the head of its line."""
        self.push(task)
        line = self._lines[_line_of(task)]
        line.rotate(1)

    def discard(self, task: TaskT) -> bool:
        """Take out a task wherever it stands; False if it does not stand here."""
        line = self._lines.get(_line_of(task))
        if line is None or task not in line:
            return False
        line.remove(task)
        self._fewer(task, 1)
        return True

    def _fewer(self, task: TaskT, count: int) -> None:
        """So many tasks have left the line of this one."""
        self._length -= count
        key = _line_of(task)
        if len(self._lines) > 1 and not self._lines.get(key, True):  # most programs have one line: keep that
            del self._lines[key]

    def tasks(self) -> Iterable[TaskT]:
        """All tasks that wait here."""
        return (task for line in self._lines.values() for task in line)


def _line_of(task: Schedulable) -> tuple[int, Demand, Hashable, Hashable]:
    return -task.depth, task.demand, task.kind, task.where
