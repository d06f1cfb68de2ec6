"""Tasks that have failed and are to be tried again: at once, or after a while.

After the death of its worker a task is queued at once: that was not its fault.  One that raises waits longer
each time, as what it needs may need time.
"""

from ...gcs.schema import TaskState
from ...wire.config import IMMEDIATE_RETRIES, LONGEST_RETRY_SECONDS, RETRY_SECONDS
from ..tables.event_log import EventLog
from ..tables.records import Task
from .tasks import Tasks


class Retries:
    """Counts attempts, and queues tasks again.

    Args:
        log: where events go.
        tasks: takes them in again.
    """

    def __init__(self, log: EventLog, tasks: Tasks) -> None:
        self._log, self._tasks = log, tasks
        self._later: list[tuple[float, Task]] = []  # and when

    def at_once(self, task: Task) -> None:
        """The task has failed and is to be run again."""
        self.count_attempt(task)
        self._tasks.enqueue(task)

    def later(self, task: Task) -> None:
        """The task has raised: the oftener it does, the longer its next attempt has to wait."""
        self.count_attempt(task)
        again = task.attempt - IMMEDIATE_RETRIES
        if again <= 0:
            self._tasks.enqueue(task)
        else:
            delay = min(RETRY_SECONDS * 2 ** (again - 1), LONGEST_RETRY_SECONDS)
            self._later.append((self._log.now + delay, task))

    def tick(self) -> None:
        """Queue the tasks whose time to be tried again has come."""
        due = [task for when, task in self._later if when <= self._log.now]
        if due:
            self._later = [(when, task) for when, task in self._later if when > self._log.now]
        for task in due:
            if task.spec.task_id in self._tasks.alive:  # else it was cancelled in the meantime
                self._tasks.enqueue(task)

    def count_attempt(self, task: Task) -> None:
        """An attempt at the task has failed."""
        self._log.task(task, TaskState.FAILED)
        task.attempt += 1
        task.retries_left -= 1 if task.retries_left > 0 else 0
        self._tasks.set_worker(task, None)
