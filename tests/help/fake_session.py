"""A session without a runtime: a directory, a lock and an event store that a test fills as it likes."""

import os
import shutil
import time
from pathlib import Path
from types import TracebackType

from minray.gcs.schema import TaskState
from minray.gcs.store import EventWriter
from minray.session import folders
from steps import one_step_each

DRIVER = 1


class FakeSession:
    """A running session, until the end of its ``with`` block.

    Args:
        workers: how many; they are numbered from 2, since the driver is number 1.
        entrypoint: the program's name.

    Example:
        >>> with FakeSession(workers=2) as session:
        ...     session.run("square", worker=2, seconds=1.0)
    """

    def __init__(self, workers: int = 2, entrypoint: str = "lesson.py") -> None:
        self.directory: Path = folders.new_session(os.getpid())
        self._lock = folders.hold(self.directory)
        self._writer = EventWriter(self.path)
        self._tasks = 0
        self.began = time.time()
        self.numbers = range(DRIVER + 1, DRIVER + 1 + workers)
        self.write(
            meta=[
                ("session_name", self.directory.name),
                ("started_at", str(self.began)),
                ("driver_pid", str(os.getpid())),
                ("entrypoint", entrypoint),
                ("num_cpus", str(float(workers))),
            ],
            workers=[
                (DRIVER, "driver", 0, os.getpid(), "DRIVER"),
                *((number, "worker", 0, 1000 + number, "WORKER") for number in self.numbers),
            ],
            worker_events=[(number, "IDLE", self.began, "") for number in self.numbers],
        )

    @property
    def path(self) -> Path:
        """The event store."""
        return self.directory / "session.db"

    def __enter__(self) -> "FakeSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def write(self, **rows: list[tuple[object, ...]]) -> None:
        """Add rows to the event store."""
        self._writer.write(rows)

    def submit(self, name: str) -> int:
        """A new task; returns its number."""
        self._tasks += 1
        now = time.time()
        self.write(tasks=[(self._tasks, "id", name, None, DRIVER, 1.0, now, "NORMAL_TASK", None, None)])
        self.enter(self._tasks, TaskState.PENDING_ARGS_AVAIL)
        self.enter(self._tasks, TaskState.PENDING_NODE_ASSIGNMENT)
        return self._tasks

    def enter(self, task: int, state: TaskState, worker: int | None = None, ts: float | None = None) -> None:
        """A task changes state."""
        event = (task, 0, int(state), time.time() if ts is None else ts, worker)
        self.write(task_steps=one_step_each([event]))

    def run(
        self, name: str, worker: int, seconds: float, state: TaskState = TaskState.FINISHED, ago: float = 0.0
    ) -> int:
        """A whole task at once, which ended `ago` seconds ago; returns its number."""
        task = self.submit(name)
        end = time.time() - ago
        self.enter(task, TaskState.RUNNING, worker, end - seconds)
        self.enter(task, state, worker, end)
        return task

    def history(self, tasks: int, rate: float = 2_000.0) -> None:
        """Write many tasks that ran before now, `rate` a second; one in a thousand failed."""
        begin = time.time() - tasks / rate
        self.write(meta=[("started_at", str(begin - 1))])
        for start in range(0, tasks, 10_000):
            end = min(start + 10_000, tasks)
            self._spread(end - start, begin + start / rate, begin + end / rate)

    def batch(self, tasks: int, since: float) -> None:
        """Tasks that ran from this moment to now, spread evenly, in one write as the GCS has it."""
        self._spread(tasks, since, time.time())

    def _spread(self, tasks: int, begin: float, until: float) -> None:
        rows: list[tuple[object, ...]] = []
        events: list[tuple[object, ...]] = []
        each = (until - begin) / tasks
        for place in range(tasks):
            self._tasks += 1
            task, worker = self._tasks, self.numbers[place % len(self.numbers)]
            end = begin + each * (place + 1)
            at = max(begin, end - 0.7 * len(self.numbers) * each)
            name, state = f"function_{task % 7}", TaskState.FINISHED
            if task % 1_000 == 999:
                state = TaskState.FAILED
            rows.append((task, f"{task:056x}", name, None, DRIVER, 1.0, at, "NORMAL_TASK", None, None))
            for step in (TaskState.PENDING_ARGS_AVAIL, TaskState.PENDING_NODE_ASSIGNMENT):
                events.append((task, 0, int(step), at, None))
            for step in (TaskState.SUBMITTED_TO_WORKER, TaskState.RUNNING):
                events.append((task, 0, int(step), at, worker))
            events.append((task, 0, int(state), end, worker))
        self.write(tasks=rows, task_steps=one_step_each(events))

    def end(self) -> None:
        """Finish the session as the runtime does: what is left is a recording."""
        if self._lock < 0:
            return
        self.write(meta=[("ended_at", str(time.time()))])
        self._writer.close()
        os.close(self._lock)
        self._lock = -1
        folders.reduce_to_recording(self.directory)
