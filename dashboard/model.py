"""What a session looks like right now, kept up to date row by row in bounded memory.

::

    task_events ---.                 .--> counts by state, tasks per second
    worker_events --+--> Session ----+--> workers and the lanes they are drawn in
    api_calls -----'                 '--> bars: the newest executions, the oldest are forgotten

Feeding the rows one at a time or all at once gives the same result, so a recording looks in the end
exactly as the live session did.  There is no clock, no SQL and no drawing in here.
"""

import sys
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from minray.events import FINAL_STATES, TaskState

KEEP_BARS = 5_000  # beyond about 15,000 rectangles a browser no longer paints ten times a second
KEEP_WAITS = 1_000
KEEP_SECONDS = 60
KEEP_FUNCTIONS = 500
KEEP_DEAD_WORKERS = 500
KEEP_BLOCKED = 200  # spans drawn pale in one bar; a task that calls `get` more often is drawn solid after
MAX_TASK_NUMBER = 100_000_000  # one byte of memory each

BLOCKED_STATES = (TaskState.RUNNING_IN_RAY_GET, TaskState.RUNNING_IN_RAY_WAIT)
BUSY_STATES = (TaskState.RUNNING, *BLOCKED_STATES)
OTHER_FUNCTIONS = "(other functions)"


class Bar(NamedTuple):
    """One execution of a task on a worker, finished or still going on (then ``end`` is None)."""

    task: int
    attempt: int
    name: str
    worker: int
    lane: int
    start: float
    end: float | None
    queued: float  # seconds from submission to start
    state: TaskState
    blocked: tuple[tuple[float, float | None], ...]  # when it waited for other tasks, in get or wait
    place: int  # the how manieth execution of its worker it is, from 1


class Wait(NamedTuple):
    """The driver waited in `get` or `wait`."""

    worker: int
    kind: str
    start: float
    end: float
    asked: int
    ready: int


@dataclass(slots=True)
class Execution:
    """A task that is not finished; becomes a `Bar` once it runs."""

    task: int
    attempt: int
    name: str
    submitted: float
    state: TaskState = TaskState.PENDING_ARGS_AVAIL
    worker: int | None = None
    start: float | None = None
    place: int = 0
    blocked: tuple[tuple[float, float | None], ...] = ()

    def enter(self, state: TaskState, ts: float, worker: int | None) -> None:
        """Go on to `state`."""
        if self.blocked and self.blocked[-1][1] is None:
            self.blocked = (*self.blocked[:-1], (self.blocked[-1][0], ts))
        if state in BLOCKED_STATES and len(self.blocked) < KEEP_BLOCKED:
            self.blocked = (*self.blocked, (ts, None))
        if state in BUSY_STATES:
            self.worker = worker if worker is not None else self.worker
            self.start = ts if self.start is None else self.start
        self.state = state

    def bar(self, lane: int, end: float | None) -> Bar | None:
        """What to draw of it: nothing if it never ran."""
        if self.worker is None or self.start is None:
            return None
        return Bar(
            task=self.task,
            attempt=self.attempt,
            name=self.name,
            worker=self.worker,
            lane=lane,
            start=self.start,
            end=end,
            queued=max(0.0, self.start - self.submitted),
            state=self.state,
            blocked=self.blocked,
            place=self.place,
        )


@dataclass(slots=True)
class Worker:
    """A worker process, or the driver."""

    number: int
    kind: str = "WORKER"
    pid: int = 0
    node: int = 0
    state: str = "STARTING"
    since: float = 0.0
    detail: str = ""
    lane: int | None = None
    executions: int = 0  # begun so far
    execution: Execution | None = None


@dataclass(slots=True)
class Function:
    """How often a function ran, and for how long altogether."""

    name: str
    finished: int = 0
    failed: int = 0
    seconds: float = 0.0


class Session:
    """Everything the views draw of one session.

    Attributes:
        counts: tasks by `TaskState`, each task counted once, in the state it is in now.
        workers: by number; drivers too.
        functions: by name, in the order in which they were first seen.
        bars: the newest finished executions, at most `KEEP_BARS`.
        bars_total: how many there have been; more than ``len(bars)`` once old ones are forgotten.
        waits, waits_total: the same for the driver's `get` and `wait`.
        last_ts: the time of the newest event, seconds since 1970; 0.0 before the first.
        last_task_ts: the same, of the newest event of a task or of the driver.

    Example:
        >>> session = Session()
        >>> session.task_events([(7, 0, TaskState.RUNNING, 3.0, 1, "f")])
        >>> session.task_events([(7, 0, TaskState.FINISHED, 5.0, 1, "f")])
        >>> session.counts[TaskState.FINISHED], session.bars[0].end
        (1, 5.0)
    """

    def __init__(self) -> None:
        self.counts: Counter[TaskState] = Counter()
        self.workers: dict[int, Worker] = {}
        self.functions: dict[str, Function] = {}
        self.bars: deque[Bar] = deque(maxlen=KEEP_BARS)
        self.bars_total = 0
        self.waits: deque[Wait] = deque(maxlen=KEEP_WAITS)
        self.waits_total = 0
        self.last_ts = 0.0
        self.last_task_ts = 0.0
        self.peak_rate = 0
        self.finished_by_second: dict[int, int] = {}
        self._open: dict[int, Execution] = {}
        self._last_state = bytearray()  # by task number: the state that `counts` has it under
        self._dead: deque[int] = deque()
        self._free_lanes: list[int] = []
        self._lanes = 0

    # Rows of the event store, in the order of its tables' columns.

    def worker_rows(self, rows: Iterable[tuple[int, int, int, str]]) -> None:
        """New workers and drivers: (worker, node, pid, kind)."""
        for number, node, pid, kind in rows:
            worker = self._worker(number)
            worker.node, worker.pid, worker.kind = node, pid, kind

    def worker_events(self, rows: Iterable[tuple[int, str, float, str | None]]) -> None:
        """Workers changed state: (worker, state, ts, detail)."""
        for number, state, ts, detail in rows:
            worker = self._worker(number)
            if state == "DEAD" and worker.state != "DEAD":
                self._bury(worker)
            elif state != "DEAD":
                self._give_lane(worker)
            worker.state, worker.since, worker.detail = state, ts, detail or ""
            self._saw(ts)

    def task_events(self, rows: Iterable[tuple[int, int, int, float, int | None, str | None]]) -> None:
        """Tasks changed state: (task, attempt, state, ts, worker, function name).

        Raises:
            ValueError: a row that no minray writes.
        """
        for task, attempt, state_number, ts, worker, name in rows:
            state = TaskState(state_number)
            self._count(task, state)
            execution = self._open.get(task)
            if execution is None or execution.attempt != attempt:
                execution = Execution(task, attempt, sys.intern(name or "(unknown)"), submitted=ts)
                self._open[task] = execution
                self._function(execution.name)
            execution.enter(state, ts, worker)
            if state in FINAL_STATES:
                self._close(execution, ts)
            elif state in BUSY_STATES and execution.worker is not None:
                self._occupy(self._worker(execution.worker), execution)
            self._saw_task(ts)

    def api_calls(self, rows: Iterable[tuple[int, str, float, float, int, int]]) -> None:
        """The driver waited: (worker, kind, ts, ended, count, ready)."""
        for row in rows:
            self.waits.append(Wait(*row))
            self.waits_total += 1
            self._saw_task(row[3])

    # What the views ask.

    def running_bars(self) -> list[Bar]:
        """The executions going on now, one a worker at most; their ``end`` is None."""
        found = []
        for worker in self.workers.values():
            if worker.execution is not None and worker.lane is not None:
                bar = worker.execution.bar(worker.lane, end=None)
                found += [bar] if bar else []
        return found

    def lanes(self) -> list[Worker | None]:
        """For each lane of the timeline the worker that had it last."""
        latest: list[Worker | None] = [None] * self._lanes
        for worker in self.workers.values():
            if worker.lane is not None:
                latest[worker.lane] = worker
        return latest

    def driver(self) -> Worker | None:
        """The process that began the session, if it is known already."""
        return next((worker for worker in self.workers.values() if worker.kind == "DRIVER"), None)

    def task_total(self) -> int:
        """How many tasks have ever been submitted."""
        return sum(self.counts.values())

    def rate(self, now: float) -> int:
        """How many tasks finished within the last full second before `now`."""
        return self.finished_by_second.get(int(now) - 1, 0)

    # How it is kept.

    def _worker(self, number: int) -> Worker:
        if number not in self.workers:
            self.workers[number] = Worker(number)
        return self.workers[number]

    def _occupy(self, worker: Worker, execution: Execution) -> None:
        self._give_lane(worker)
        worker.execution = execution
        if not execution.place:
            worker.executions += 1
            execution.place = worker.executions

    def _give_lane(self, worker: Worker) -> None:
        """A new worker is drawn in the lane of one that has died, if there is such a lane."""
        if worker.lane is not None or worker.kind == "DRIVER":
            return
        if self._free_lanes:
            worker.lane = self._free_lanes.pop(0)
        else:
            worker.lane = self._lanes
            self._lanes += 1

    def _bury(self, worker: Worker) -> None:
        """Its lane may be used again (what it did stays drawn there); the longest dead are forgotten."""
        if worker.lane is not None:
            self._free_lanes = sorted([*self._free_lanes, worker.lane])
        self._dead.append(worker.number)
        if len(self._dead) > KEEP_DEAD_WORKERS:
            del self.workers[self._dead.popleft()]

    def _count(self, task: int, state: TaskState) -> None:
        if not 0 <= task < MAX_TASK_NUMBER:
            raise ValueError(f"task number {task} is out of range")
        if task >= len(self._last_state):
            self._last_state.extend(bytes(task + 1_000 - len(self._last_state)))
        before = self._last_state[task]
        if before:
            self.counts[TaskState(before)] -= 1
        self.counts[state] += 1
        self._last_state[task] = state

    def _close(self, execution: Execution, ts: float) -> None:
        del self._open[execution.task]
        function = self._function(execution.name)
        if execution.state is TaskState.FINISHED:
            function.finished += 1
            self._tick(int(ts))
        else:
            function.failed += 1
        if execution.worker is None:
            return
        worker = self._worker(execution.worker)
        if worker.execution is execution:
            worker.execution = None
        bar = execution.bar(worker.lane or 0, end=ts)
        if bar is not None:
            function.seconds += ts - bar.start
            self.bars.append(bar)
            self.bars_total += 1

    def _function(self, name: str) -> Function:
        """Programs may invent a name for each task; the list of them must end somewhere."""
        if name not in self.functions and len(self.functions) >= KEEP_FUNCTIONS:
            name = OTHER_FUNCTIONS
        return self.functions.setdefault(name, Function(name))

    def _tick(self, second: int) -> None:
        bins = self.finished_by_second
        bins[second] = bins.get(second, 0) + 1
        self.peak_rate = max(self.peak_rate, bins[second])
        if len(bins) > 2 * KEEP_SECONDS:
            for old in sorted(bins)[:-KEEP_SECONDS]:
                del bins[old]

    def _saw(self, ts: float) -> None:
        self.last_ts = max(self.last_ts, ts)

    def _saw_task(self, ts: float) -> None:
        self.last_task_ts = max(self.last_task_ts, ts)
        self._saw(ts)
