"""The rows that a local scheduler has for the event store, gathered until the next flush.

`EventLog` knows the columns of `events.SCHEMA` and nothing of scheduling; `LocalScheduler` knows when
something happened, and tells.
"""

from collections import defaultdict
from typing import Any

from .events import TaskState
from .scheduler_records import Task
from .scheduling import UNIT


class EventLog:
    """Rows by table; `now` is the time that they get, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def take(self) -> dict[str, list[tuple[Any, ...]]]:
        """Hand over what has gathered."""
        rows = dict(self.rows)
        self.rows.clear()
        return rows

    def new_task(self, task: Task) -> None:
        """A task was submitted."""
        spec = task.spec
        cpus = dict(spec.resources).get("CPU", 0) / UNIT
        submitted = spec.submitted or self.now
        row = (task.number, spec.task_id.hex(), spec.name, task.parent, task.owner.number, cpus, submitted)
        self.rows["tasks"].append(row)

    def task(self, task: Task, state: TaskState, ts: float = 0.0) -> None:
        """A task is in another state."""
        worker = task.worker.number if task.worker else None
        # The worker's time of an end may lie before the time at which we heard of the state before it.
        task.latest_event = max(ts or self.now, task.latest_event)
        self.rows["task_events"].append((task.number, task.attempt, int(state), task.latest_event, worker))

    def task_runs(self, task: Task, started: float = 0.0) -> None:
        """A task runs; said once per attempt, as soon as it is known."""
        if task.worker is not None and not task.running_reported:
            task.running_reported = True
            self.task(task, TaskState.RUNNING, started or task.dispatched)

    def dependency(self, task: Task, argument: bytes, producer: int | None) -> None:
        """A task has an object as an argument."""
        self.rows["task_deps"].append((task.number, argument.hex(), producer))

    def error(self, task: Task, error_type: str, text: str, traceback: str = "") -> None:
        """A task raised, or was lost."""
        self.rows["task_errors"].append((task.number, task.attempt, self.now, error_type, text, traceback))

    def new_process(self, number: int, pid: int, kind: str) -> None:
        """There is a new worker or driver."""
        self.rows["workers"].append((number, f"{number:056x}", 0, pid, kind))

    def process(self, number: int, state: str, detail: str = "") -> None:
        """A worker or driver is STARTING, IDLE or DEAD."""
        self.rows["worker_events"].append((number, state, self.now, detail))

    def stored_object(self, object_id: bytes, state: str, size: int, task: int | None) -> None:
        """An object in the store is CREATED, SEALED or FREED."""
        self.rows["object_events"].append((object_id.hex(), 0, state, size, self.now, task))

    def printed(self, process: int, task: int | None, stream: str, text: str) -> None:
        """A task printed something."""
        self.rows["logs"].append((self.now, process, task, stream, text))
