"""Tasks that have failed and are to be tried again: at once, or after a while.

After the death of its worker a task is queued at once: that was not its fault.  One that raises waits longer
each time, as what it needs may need time.
"""

from typing import TYPE_CHECKING

from ...gcs.schema import TaskState
from ...wire.config import IMMEDIATE_RETRIES, LONGEST_RETRY_SECONDS, RETRY_SECONDS
from ..tables.records import Task

if TYPE_CHECKING:
    from ..local_scheduler import LocalScheduler


class Retries:
    """What `LocalScheduler` hands tasks that have failed and may be tried again to.

    Args:
        node: the scheduler itself.
    """

    def __init__(self, node: "LocalScheduler") -> None:
        self._node = node
        self._log = node.log
        self._later: list[tuple[float, Task]] = []  # and when

    def at_once(self, task: Task) -> None:
        """The task has failed and is to be run again."""
        self.count_attempt(task)
        self._node.enqueue(task)

    def later(self, task: Task) -> None:
        """The task has raised: the oftener it does, the longer its next attempt has to wait."""
        self.count_attempt(task)
        again = task.attempt - IMMEDIATE_RETRIES
        if again <= 0:
            self._node.enqueue(task)
        else:
            delay = min(RETRY_SECONDS * 2 ** (again - 1), LONGEST_RETRY_SECONDS)
            self._later.append((self._node.now + delay, task))

    def tick(self) -> None:
        """Queue the tasks whose time to be tried again has come."""
        due = [task for when, task in self._later if when <= self._node.now]
        if due:
            self._later = [(when, task) for when, task in self._later if when > self._node.now]
        for task in due:
            if task.spec.task_id in self._node.tasks:  # else it was cancelled in the meantime
                self._node.enqueue(task)

    def count_attempt(self, task: Task) -> None:
        """An attempt at the task has failed."""
        self._log.task(task, TaskState.FAILED)
        task.worker = None
        task.retries_left -= 1 if task.retries_left > 0 else 0
        task.attempt += 1
        task.running_reported = False
