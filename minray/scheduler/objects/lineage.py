"""Lineage: how the objects of the store were made, so that a lost one can be made again; decided purely.

An object in the store may get lost: its file is deleted, a disk fails, a node dies.  If a task made it, that
task is run again.  The task's arguments may be gone by then, for nobody needed them any more; so a record
keeps the records of those tasks alive whose results it had as arguments, and so on::

    ref = h.remote(g.remote(f.remote()))         records:  h -> g -> f
    the value of `ref` is lost, and so are those of g and f, long freed: run f, then g, then h

Small arguments are kept themselves; they are not in the store and cost little.  So are those that cannot be
made again, such as what `put` made.  A record goes when no object that its task made is left and no other
record needs it; when all records together grow too large, the oldest go first, and what they tell of cannot
be made again.
"""

from collections.abc import Callable, Iterable

from ...wire.config import LINEAGE_BYTES
from ..tables.records import Task

# What a record takes beside the task's arguments, in bytes, roughly.
_RECORD_BYTES = 1000


class Record:
    """How one task made objects of the store.

    Args:
        task: as it was when it finished.
        size: bytes of its arguments.
        inputs: the ids of tasks whose results it had as arguments.
        pinned: the ids of small arguments, which are kept for it.
    """

    __slots__ = ("inputs", "objects", "pinned", "size", "task", "users")

    def __init__(self, task: Task, size: int, inputs: tuple[bytes, ...], pinned: tuple[bytes, ...]) -> None:
        self.task = task
        self.size = size + _RECORD_BYTES
        self.inputs, self.pinned = inputs, pinned
        self.objects: set[bytes] = set()  # which of its results are in the store
        self.users = 0  # how many other records need it


class Lineage:
    """The records of a node.

    Args:
        limit: bytes that all records may take.
    """

    def __init__(self, limit: int = LINEAGE_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._records: dict[bytes, Record] = {}  # by task id, the oldest first

    def __len__(self) -> int:
        return len(self._records)

    def get(self, task_id: bytes) -> Record | None:
        """How a task made its results; None if that is not known (any more)."""
        return self._records.get(task_id)

    def keep(self, task_id: bytes, record: Record, objects: Iterable[bytes]) -> list[bytes]:
        """A task has put these objects into the store.

        Returns:
            Arguments that were pinned for other records and are needed no more.
        """
        known = self._records.get(task_id)
        if known is not None:  # it was run again
            known.task = record.task
            known.objects.update(objects)
            return list(record.pinned)
        record.objects.update(objects)
        for name in record.inputs:
            self._records[name].users += 1
        self._records[task_id] = record
        self._size += record.size
        unpin = []
        while self._size > self._limit and len(self._records) > 1:
            unpin += self._remove(next(iter(self._records)))
        return unpin

    def forget_object(self, task_id: bytes, object_id: bytes) -> list[bytes]:
        """One of the task's objects is not in the store any more; return arguments as `keep` does."""
        record = self._records.get(task_id)
        if record is None:
            return []
        record.objects.discard(object_id)
        return [] if record.objects or record.users else self._remove(task_id)

    def _remove(self, task_id: bytes) -> list[bytes]:
        """Forget a record, and those that only it needed: a loop, as they may form a long chain."""
        unpin: list[bytes] = []
        pending = [task_id]
        while pending:
            record = self._records.pop(pending.pop(), None)
            if record is None:
                continue
            self._size -= record.size
            unpin += record.pinned
            for name in record.inputs:
                needed = self._records.get(name)
                if needed is not None:
                    needed.users = max(needed.users - 1, 0)  # 0 before if it is a later one
                    if not (needed.objects or needed.users):
                        pending.append(name)
        return unpin

    def plan(self, task_id: bytes, missing: Callable[[Task], Iterable[bytes]]) -> list[bytes] | None:
        """Which tasks to run again so that this one can be.

        Args:
            task_id: the task whose result is lost.
            missing: the ids of the tasks that made those arguments of a task that are not there any more.

        Returns:
            The ids of tasks, arguments before those who need them; None if a record is missing.
        """
        order: list[bytes] = []
        seen: set[bytes] = set()
        pending = [(task_id, False)]
        while pending:
            name, inputs_are_planned = pending.pop()
            if inputs_are_planned:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                record = self._records.get(name)
                if record is None:
                    return None
                pending.append((name, True))
                pending += [(other, False) for other in missing(record.task)]
        return order
