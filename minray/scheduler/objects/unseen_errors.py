"""Errors of tasks that nobody has asked for: when the last reference to one is dropped, the user is told.

Otherwise a task that is started and forgotten could fail, and nobody would know.  Who calls `get`, awaits a
reference or waits for its future sees the error, and then nothing more is said::

    the task raises -> raised --- somebody looks: seen ----------------------------> forgotten
                         |------- it was an argument: passed on to that task's error
                         '------- the last reference is dropped --------------------> news -> the driver

Ray does the same ("Unhandled error", to be suppressed with RAY_IGNORE_UNHANDLED_ERRORS=1).
"""

from typing import NamedTuple

from ...wire.ids import task_of
from ...wire.messages import ERROR
from ..tables.records import Task


class UnseenErrors:
    """The errors that have not been seen, by the tasks that raised them."""

    def __init__(self) -> None:
        self._errors: dict[bytes, _Error] = {}
        self._left: dict[bytes, int] = {}  # how many results of the task there still are
        self._news: list[_Error] = []

    def raised(self, task: Task, kinds: list[int], traceback: str) -> None:
        """A task has ended with an exception.

        Args:
            task: which.
            kinds: of its results; what a generator raises is an item, and its result no error.
            traceback: what to tell.
        """
        if kinds and kinds[0] == ERROR and not task.cancelled:
            self._keep(task, len(kinds), _Error(task.job, task.spec.name, traceback))

    def passed_on(self, argument: bytes, task: Task, results: int) -> None:
        """A task has failed, because its argument is an error: whoever sees its results sees that."""
        error = self._errors.get(task_of(argument))
        self.seen(argument)
        if error is not None and results:
            self._keep(task, results, error)

    def _keep(self, task: Task, results: int, error: "_Error") -> None:
        self._errors[task.spec.task_id] = error
        self._left[task.spec.task_id] = results

    def seen(self, object_id: bytes) -> None:
        """Somebody has asked for this result of a task, and got the error."""
        self._errors.pop(task_of(object_id), None)
        self._left.pop(task_of(object_id), None)

    def dropped(self, object_id: bytes) -> None:
        """Nobody refers to this result any more."""
        task_id = task_of(object_id)
        if task_id in self._errors:
            self._left[task_id] -= 1
            if not self._left[task_id]:
                self._news.append(self._errors[task_id])
                self.seen(object_id)

    def take_news(self) -> list["_Error"]:
        """What nobody will see any more: the number of the driver, the task's name, and its traceback."""
        news, self._news = self._news, []
        return news


class _Error(NamedTuple):
    job: int
    name: str
    traceback: str
