"""Making lost objects again, by running their tasks again; see `lineage` for what is remembered and why.

    a reader finds no file -> Locate -> plan (lineage) -> the tasks run -> sealed -> the reader goes on

A part of the local scheduler: it decides and does no I/O.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...exceptions import (
    ObjectReconstructionFailedError,
    ObjectReconstructionFailedLineageEvictedError,
    ObjectReconstructionFailedMaxAttemptsExceededError,
    RayError,
)
from ...wire.ids import object_id, task_of
from ...wire.messages import INLINE, STORED
from ..tables.records import Task
from .lineage import Lineage, Record
from .table import ObjectTable

_BY_PUT = (
    "It was made by put(), so there is no task that could be run to make it again. Return such values from "
    "tasks instead if they must survive."
)
_NO_RETRIES = "Its task may not be run again: it was submitted with max_retries=0."
_TOO_OFTEN = "Its task has been run as often as max_retries allows. Consider a larger number."
_SWITCHED_OFF = "The cluster was started with enable_object_reconstruction=False."
_CANCELLED = "Its task was cancelled, so it is not run again."
_FORGOTTEN = "There were too many records of how objects are made, so this one is gone (LINEAGE_EVICTED)."


class Reconstruction:
    """Remembers how objects were made, and has lost ones made again.

    Args:
        table: the node's objects.
    """

    def __init__(self, table: ObjectTable) -> None:
        self.enabled = True
        self.lineage: Lineage = Lineage()
        self._table = table
        self._run: Callable[[Task], None]

    def connect(self, run: Callable[[Task], None]) -> None:
        """Name the one who takes a task in that is to run again."""
        self._run = run

    def remember(self, task: Task, results: tuple[tuple[int, Any, tuple[bytes, ...]], ...]) -> list[bytes]:
        """A task has finished and put results into the store.

        Returns:
            Objects that may be needed by nobody now.
        """
        if not self.enabled:
            return []
        spec = task.spec
        places = {object_id(spec.task_id, index): result[:2] for index, result in enumerate(results)}
        stored = [name for name, value in places.items() if self._is_there(name, value)]
        if not stored:
            return []
        inputs, pinned = set(), []
        for name in self._arguments(task):
            entry = self._table.get(name)
            if entry is None or not entry.ready:
                continue
            record = self.lineage.get(task_of(name))
            if entry.kind == INLINE or (entry.kind == STORED and not self._may_run(record)):
                self._table.references.pin(name)
                pinned.append(name)
            elif entry.kind == STORED:
                inputs.add(task_of(name))
        record = Record(task, len(spec.args), tuple(inputs), tuple(pinned))
        return self._unpin(self.lineage.keep(spec.task_id, record, stored))

    @staticmethod
    def _may_run(record: Record | None) -> bool:
        """Whether an object can be made again; if not, it is kept for those that are made of it."""
        return record is not None and record.task.retries_left != 0

    def _is_there(self, name: bytes, value: tuple[int, Any]) -> bool:
        entry = self._table.get(name)
        return value[0] == STORED and entry is not None and entry.payload == value[1]

    def forget(self, name: bytes) -> list[bytes]:
        """An object has left the store; return what `remember` does."""
        return self._unpin(self.lineage.forget_object(task_of(name), name))

    def _unpin(self, names: list[bytes]) -> list[bytes]:
        return [name for name in names if self._table.references.unpin(name)]

    @staticmethod
    def _arguments(task: Task) -> set[bytes]:
        return {name for _, name in task.spec.refs} | set(task.spec.contained)

    def _made_by(self, task: Task) -> list[bytes]:
        """The tasks that made those of a task's arguments that are not there any more."""
        gone = [name for name in self._arguments(task) if self._table.get(name) is None]
        return [task_of(name) for name in gone]

    def plan(self, lost: bytes) -> tuple[list[Task], RayError | None]:
        """Which tasks to run to make an object again, or why it cannot be made."""
        record = self.lineage.get(task_of(lost))
        if not self.enabled:
            return [], ObjectReconstructionFailedError(lost.hex(), reason_message=_SWITCHED_OFF)
        if record is None:
            entry = self._table.get(lost)
            if entry is not None and entry.by_put:
                return [], ObjectReconstructionFailedError(lost.hex(), reason_message=_BY_PUT)
            return [], ObjectReconstructionFailedLineageEvictedError(lost.hex(), reason_message=_FORGOTTEN)
        order = self.lineage.plan(task_of(lost), self._made_by)
        if order is None:
            return [], ObjectReconstructionFailedLineageEvictedError(lost.hex(), reason_message=_FORGOTTEN)
        tasks = [record.task for name in order if (record := self.lineage.get(name)) is not None]
        for task in tasks:
            if task.cancelled:
                return [], ObjectReconstructionFailedError(lost.hex(), reason_message=_CANCELLED)
            if task.retries_left == 0:
                why = _TOO_OFTEN if task.spec.max_retries else _NO_RETRIES
                return [], ObjectReconstructionFailedMaxAttemptsExceededError(lost.hex(), reason_message=why)
        return tasks, None

    def maker(self, name: bytes) -> Task | None:
        """The finished task that made an object, if it could be run again."""
        record = self.lineage.get(task_of(name))
        return record.task if record is not None else None

    def run_again(self, tasks: list[Task]) -> None:
        """Run tasks again, those first that need the results of the others, so that these are waited for."""
        for task in reversed(tasks):
            for name in self._arguments(task):
                record = self.lineage.get(task_of(name))
                if self._table.get(name) is None and record is not None:
                    self._table.declare(name, record.task.number, record.task.owner)
            self._run(
                replace(
                    task,
                    attempt=task.attempt + 1,
                    retries_left=task.retries_left - 1 if task.retries_left > 0 else -1,
                    worker=None,
                    missing=0,
                    running_reported=False,
                    cancelled=False,
                )
            )
