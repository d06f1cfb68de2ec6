"""Who works on what, and when: schedules, and the rule by which one can be predicted.

Pure functions on plain records; the same `Schedule` holds what the rule predicts (`simulate`) and
what really happened (`minray.lessons.happened`), so the two can be drawn alike::

    list scheduling:  the first task in the queue goes to the first worker that is free

    units 0..3, two workers     worker 1  |0,2222|
                                worker 2  |1133333|     -> done after 4 units
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

DRIVER = "driver"


@dataclass(frozen=True)
class Slot:
    """One piece of work in a row of a schedule; times are in units since the schedule began."""

    row: str  # "worker 1", "worker 2", ... or "driver"
    label: str  # what to write on it
    name: str  # the function; it decides the colour
    start: float
    end: float


@dataclass(frozen=True)
class Schedule:
    """A title, and what each row did in which order.

    Attributes:
        title: a line above the picture.
        slots: all pieces of work; those of workers in the order in which they were submitted.
        rows: the names of the rows, top to bottom; by default those that the slots mention.
    """

    title: str
    slots: tuple[Slot, ...]
    rows: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.rows:
            object.__setattr__(self, "rows", tuple(dict.fromkeys(slot.row for slot in self.slots)))

    @property
    def total(self) -> float:
        """When the last piece of work ends, in units."""
        return max((slot.end for slot in self.work), default=0.0)

    @property
    def work(self) -> tuple[Slot, ...]:
        """The slots of workers: all but the driver's own."""
        return tuple(slot for slot in self.slots if slot.row != DRIVER)

    @property
    def at_once(self) -> int:
        """The largest number of tasks that ran at the same time."""
        return most_at_once([(slot.start, slot.end) for slot in self.work])

    def with_names(self, names: Sequence[str]) -> "Schedule":
        """The same schedule, its work named after these functions (if there are as many), for the colours."""
        if len(names) != len(self.work):
            return self
        slots = [replace(slot, name=name) for slot, name in zip(self.work, names, strict=True)]
        return replace(self, slots=tuple(slots))

    @property
    def headline(self) -> str:
        """The title, and how long it all takes."""
        return f"{self.title}: {self.total:.1f} units in all"

    def slots_in(self, row: str) -> list[Slot]:
        """What a row does, in the order in which it does it."""
        return sorted((slot for slot in self.slots if slot.row == row), key=lambda slot: slot.start)

    def __repr__(self) -> str:
        lines = [self.headline]
        for row in self.rows:
            mine = ", ".join(f"[{slot.label}] {slot.start:.1f}-{slot.end:.1f}" for slot in self.slots_in(row))
            lines.append(f"  {row:>9}: {mine or 'idle'}")
        return "\n".join(lines)


def simulate(
    units: Sequence[float],
    workers: int,
    after: Mapping[int, Sequence[int]] | None = None,
    title: str = "",
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> Schedule:
    """Play a schedule through: each task goes, in turn, to the first worker that is free.

    Args:
        units: how long each task takes, in the order in which they are submitted.
        workers: how many workers there are.
        after: for a task that needs results of others, the places of those others in `units`.
            It joins the queue when the last of them is done.
        title: a line above the picture.
        names: the name of each task's function; by default all are called "task".
        labels: what to write on each task; by default how long it takes.

    Raises:
        ValueError: no workers, a negative time, or tasks that wait for each other in a circle.

    Example:
        >>> simulate([0, 1, 2, 3], workers=2).total
        4
    """
    needs = {task: set(others) for task, others in (after or {}).items() if others}
    _refuse_nonsense(units, workers, needs)
    queue = deque(task for task in range(len(units)) if task not in needs)
    free = list(range(workers))
    running: list[tuple[float, int, int, int]] = []  # end, place in line, task, worker
    slots: dict[int, Slot] = {}
    now = 0.0
    while queue or running:
        while queue and free:
            task, worker = queue.popleft(), heapq.heappop(free)
            heapq.heappush(running, (now + units[task], len(slots), task, worker))
            label = labels[task] if labels else f"{units[task]:g}"
            name = names[task] if names else "task"
            slots[task] = Slot(f"worker {worker + 1}", label, name, now, now + units[task])
        now, _, done, worker = heapq.heappop(running)
        heapq.heappush(free, worker)
        queue.extend(_unlocked(needs, done))
    if needs:
        raise ValueError(f"The tasks {sorted(needs)} wait for each other in a circle, so none can start.")
    rows = tuple(f"worker {number + 1}" for number in range(workers))
    in_order = tuple(slots[task] for task in range(len(units)))
    return Schedule(title or f"Simulated for {count(workers, 'worker')}", in_order, rows)


def _refuse_nonsense(units: Sequence[float], workers: int, needs: Mapping[int, set[int]]) -> None:
    if workers < 1:
        raise ValueError(f"A schedule needs at least one worker, not {workers}.")
    if any(time < 0 for time in units):
        raise ValueError(f"No task takes less than no time: {list(units)}.")
    unknown = {task for pair in needs.items() for task in (pair[0], *pair[1])} - set(range(len(units)))
    if unknown:
        raise ValueError(f"There are {len(units)} tasks, so these places do not exist: {sorted(unknown)}.")


def _unlocked(needs: dict[int, set[int]], done: int) -> list[int]:
    """Take a finished task off all waiting lists; return the tasks that now wait for nothing more."""
    for others in needs.values():
        others.discard(done)
    ready = [task for task, others in needs.items() if not others]
    for task in ready:
        del needs[task]
    return ready


@dataclass(frozen=True)
class Round:
    """One call of `wait` in a loop: when it was made, when it came back, how many results it brought."""

    asked: float
    returned: float
    ready: int
    wanted: int


def wait_rounds(finished: Sequence[float], num_returns: int, timeout: float | None = None) -> list[Round]:
    """Predict a loop that calls `wait` on what is left until nothing is left.

    Args:
        finished: when each result is there, in units since the loop began.
        num_returns: how many results each call asks for (the last ones: as many as are left).
        timeout: how long a call waits at most, in units; None: as long as it takes.

    Raises:
        ValueError: `num_returns` is not positive, or a timeout of 0 or less, which would never end.

    Example:
        >>> [call.ready for call in wait_rounds([0, 2, 4, 6, 8], num_returns=2)]
        [2, 2, 1]
    """
    if num_returns < 1 or (timeout is not None and timeout <= 0):
        raise ValueError(f"num_returns and timeout have to be positive, not {num_returns} and {timeout}.")
    left, now, rounds = sorted(finished), 0.0, []
    while left:
        wanted = min(num_returns, len(left))
        enough = max(now, left[wanted - 1])
        back = enough if timeout is None else min(enough, now + timeout)
        ready = min(wanted, sum(time <= back for time in left))
        rounds.append(Round(now, back, ready, wanted))
        left, now = left[ready:], back
    return rounds


def most_at_once(intervals: Sequence[tuple[float, float]]) -> int:
    """The largest number of intervals that share a moment; touching ends do not count."""
    changes = sorted([(start, 1) for start, end in intervals if end > start]
                     + [(end, -1) for start, end in intervals if end > start])  # fmt: skip
    level = most = 0
    for _, change in changes:
        level += change
        most = max(most, level)
    return most


def count(number: int, noun: str) -> str:
    """A number with its noun, in words that fit: "1 worker", "2 workers"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
