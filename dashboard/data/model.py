"""What a session looks like right now, kept up to date row by row in bounded memory.

::

    tasks, task_events --.                 .--> counts by state, tasks per second, failures
    worker_events --------+--> Session ----+--> bars: what ran where and when; tasks: a row each
    actors, objects, ... -'                '--> crew (workers, nodes), actors, objects, experiments

Feeding the rows one at a time or all at once gives the same result, so a recording looks in the end
exactly as the live session did.  There is no clock, no SQL and no drawing in here.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minray.gcs.schema import FINAL_STATES, TaskState

from .columns import BAR, EDGE, HOLD, TRANSFER, WAIT, Ring, TaskTable
from .holdings import ActorLives, Holdings
from .workers import BUSY_STATES, Crew, Run

KEEP_BARS = 600_000
KEEP_TASKS = 600_000
KEEP_HOLDS = 200_000
KEEP_WAITS = 20_000
KEEP_EDGES = 300_000
KEEP_TRANSFERS = 20_000
KEEP_EXPERIMENTS = 20_000
KEEP_FAILURES = 100
KEEP_SECONDS = 60
KEEP_FUNCTIONS = 500
MAX_TASK_NUMBER = 100_000_000  # one byte of memory each

OTHER_FUNCTIONS = "(other functions)"
UNKNOWN = "(unknown)"
_STATES = {state.value: state for state in TaskState}


class Failure(NamedTuple):
    """A task raised, or was lost."""

    task: int
    attempt: int
    ts: float
    kind: str
    message: str


class ExperimentPoint(NamedTuple):
    """A point of an experiment."""

    ts: float
    name: str
    series: str
    x: float
    y: float
    detail: str


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
        crew, actors, objects: who works, and what is kept.
        functions: in the order in which they were first seen, after one for those beyond `KEEP_FUNCTIONS`.
        bars: the executions that have ended, in the order of their ends.
        holds: when they were blocked in `get` or `wait`.
        waits: the same of the driver.
        tasks: one row a task.
        edges: which task needs which.
        last_ts: the time of the newest event, seconds since 1970; 0.0 before the first.
        last_task_ts, first_task_ts: of the newest and the oldest event of a task or of the driver.

    Example:
        >>> session = Session()
        >>> session.task_rows([(7, "f", None, 2.0, None)])
        >>> session.task_events([(7, 0, TaskState.RUNNING, 3.0, 1)])
        >>> session.task_events([(7, 0, TaskState.FINISHED, 5.0, 1)])
        >>> session.counts[TaskState.FINISHED], float(session.bars.rows["end"][0])
        (1, 5.0)
    """

    def __init__(self) -> None:
        self.counts: Counter[TaskState] = Counter()
        self.crew, self.actors, self.objects = Crew(), ActorLives(), Holdings()
        self.functions: list[Function] = [Function(OTHER_FUNCTIONS)]
        self.bars, self.holds = Ring(BAR, KEEP_BARS), Ring(HOLD, KEEP_HOLDS)
        self.waits, self.edges = Ring(WAIT, KEEP_WAITS), Ring(EDGE, KEEP_EDGES)
        self.transfers = Ring(TRANSFER, KEEP_TRANSFERS)
        self.tasks = TaskTable(KEEP_TASKS)
        self.failures: deque[Failure] = deque(maxlen=KEEP_FAILURES)
        self.failures_total = 0
        self.experiments: deque[ExperimentPoint] = deque(maxlen=KEEP_EXPERIMENTS)
        self.last_ts = self.last_task_ts = self.first_task_ts = 0.0
        self.peak_rate = 0
        self.finished_by_second: dict[int, int] = {}
        self._open: dict[int, Run] = {}
        self._touched: dict[int, Run] = {}
        self._numbers: dict[str, int] = {}
        self._last_state = bytearray()  # by task number: the state that `counts` has it under
        self._new_bars: list[tuple[object, ...]] = []
        self._new_holds: list[tuple[object, ...]] = []

    # Rows of the event store, in the order of its tables' columns.

    def task_rows(self, rows: Iterable[tuple[int, str | None, int | None, float, int | None]]) -> None:
        """New tasks: (task, function name, parent, submitted, actor)."""
        for task, name, parent, ts, actor in rows:
            run = self._open.get(task)
            if run is None:
                run = self._open[task] = Run(task, 0)
            run.describe(self._function(name or UNKNOWN), parent or 0, actor or 0, ts)
            self._touched[task] = run
        self._settle()

    def task_events(self, rows: Iterable[tuple[int, int, int, float, int | None]]) -> None:
        """Tasks changed state: (task, attempt, state, ts, worker).

        Raises:
            ValueError: a row that no minray writes.
        """
        for task, attempt, number, ts, worker in rows:
            state = _STATES.get(number)
            if state is None:
                raise ValueError(f"{number} is no state of a task")
            self._count(task, state)
            run = self._open.get(task)
            if run is None or run.attempt != attempt:
                run = self._try_again(task, attempt)
            self._enter(run, state, ts, worker)
            self._touched[task] = run
            if ts > self.last_task_ts:
                self.last_task_ts = ts
            if not self.first_task_ts or ts < self.first_task_ts:
                self.first_task_ts = ts
        self.last_ts = max(self.last_ts, self.last_task_ts)
        self._settle()

    def api_calls(self, rows: Iterable[tuple[int, str, float, float, int, int]]) -> None:
        """The driver waited: (worker, kind, ts, ended, count, ready)."""
        waits = [(start, end, worker, kind, asked, ready) for worker, kind, start, end, asked, ready in rows]
        self.waits.extend(waits)
        for start, end, *_ in waits:
            self.last_task_ts = max(self.last_task_ts, end)
            self.first_task_ts = min(self.first_task_ts or start, start)
        self.last_ts = max(self.last_ts, self.last_task_ts)

    def worker_events(self, rows: list[tuple[int, str, float, str | None]]) -> None:
        """Workers changed state: (worker, state, ts, detail)."""
        self.crew.worker_events(rows)
        self.last_ts = max([self.last_ts, *(ts for _, _, ts, _ in rows)])

    def task_errors(self, rows: Iterable[tuple[int, int, float, str, str]]) -> None:
        """Tasks failed: (task, attempt, ts, error type, message)."""
        for row in rows:
            self.failures.append(Failure(*row))
            self.failures_total += 1

    def dependencies(self, rows: Iterable[tuple[int, int | None]]) -> None:
        """Tasks have arguments: (task, producer)."""
        self.edges.extend([row for row in rows if row[1] is not None])

    def experiment_points(self, rows: Iterable[tuple[float, str, str, float, float, str]]) -> None:
        """The lessons measured: (ts, name, series, x, y, detail)."""
        self.experiments.extend(ExperimentPoint(*row) for row in rows)

    # What the views ask.

    def running(self) -> list[Run]:
        """The executions that go on now."""
        return [run for worker in self.crew.workers.values() for run in worker.running.values()]

    def task_total(self) -> int:
        """How many tasks have been submitted."""
        return sum(self.counts.values())

    def rate(self, now: float) -> int:
        """How many tasks finished within the last full second before `now`."""
        return self.finished_by_second.get(int(now) - 1, 0)

    # How it is kept.

    def _try_again(self, task: int, attempt: int) -> Run:
        """A new attempt, or a task of which we only now hear."""
        before = self._open.get(task) or self._touched.get(task)
        row = None if before else self.tasks.row(task)
        run = self._open[task] = Run(task, attempt)
        if before:
            self.crew.end(before)
            run.describe(before.function, before.parent, before.actor, before.submitted)
        elif row is not None:
            of = (int(row["function"]), int(row["parent"]), int(row["actor"]))
            run.describe(*of, float(row["submitted"]))
        else:
            run.describe(self._function(UNKNOWN), 0, 0, 0.0)
        return run

    def _enter(self, run: Run, state: TaskState, ts: float, worker: int | None) -> None:
        """Go on to `state`."""
        if state in BUSY_STATES and worker is not None and worker != run.worker:
            self.crew.end(run)
        run.enter(state, ts, worker)
        if state in BUSY_STATES:
            if run.worker is not None:
                self.crew.begin(run)
        elif state in FINAL_STATES:
            self._close(run, ts)

    def _close(self, run: Run, ts: float) -> None:
        del self._open[run.task]
        function = self.functions[run.function]
        failed = run.state is TaskState.FAILED
        if failed:
            function.failed += 1
        else:
            function.finished += 1
            self._tick(int(ts))
        if run.actor:
            self.actors.ended(run.actor, failed)
        lane, start = self.crew.end(run), run.start
        if run.worker is None or start is None:
            return
        function.seconds += ts - start
        queued = max(0.0, start - (run.queued or start))
        where = (run.task, run.worker, run.function, lane, run.slot % 256)
        how = (min(run.attempt, 255), int(run.state or 0), run.parity)
        self._new_bars.append((start, ts, queued, *where, *how))
        of = (run.task, min(run.attempt, 255), lane, run.function)
        self._new_holds += [(since, until, *of) for since, until in run.holds]

    def _settle(self) -> None:
        """Move what has gathered into the columns."""
        if self._touched:
            self.tasks.reserve(min(self._touched), max(self._touched))
            rows = [
                (
                    *(e.submitted, e.start or 0.0, e.end, e.parent, e.actor, e.worker or 0),
                    *(e.function, int(e.state or 0), min(e.attempt, 255), True),
                )
                for e in self._touched.values()
            ]
            self.tasks.put(np.fromiter(self._touched, np.int64, len(rows)), rows)
            self._touched.clear()
        self.bars.extend(self._new_bars)
        self.holds.extend(self._new_holds)
        self._new_bars, self._new_holds = [], []

    def _count(self, task: int, state: TaskState) -> None:
        if not 0 <= task < MAX_TASK_NUMBER:
            raise ValueError(f"task number {task} is out of range")
        if task >= len(self._last_state):
            self._last_state.extend(bytes(task + 10_000 - len(self._last_state)))
        before = self._last_state[task]
        if before:
            self.counts[_STATES[before]] -= 1
        self.counts[state] += 1
        self._last_state[task] = state

    def _function(self, name: str) -> int:
        """Programs may invent a name for each task; the list of them must end somewhere."""
        number = self._numbers.get(name)
        if number is None:
            if len(self.functions) > KEEP_FUNCTIONS:
                return 0
            number = self._numbers[name] = len(self.functions)
            self.functions.append(Function(name))
        return number

    def _tick(self, second: int) -> None:
        bins = self.finished_by_second
        bins[second] = bins.get(second, 0) + 1
        self.peak_rate = max(self.peak_rate, bins[second])
        if len(bins) > 2 * KEEP_SECONDS:
            for old in sorted(bins)[:-KEEP_SECONDS]:
                del bins[old]
