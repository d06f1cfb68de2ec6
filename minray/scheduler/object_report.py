"""Which process refers to which object, and why it is kept: what `list_objects` shows of a running session.

A row is (object id, size, status of the task that makes it, reference type, kind and pid of the process).
"""

from collections.abc import Iterable, Mapping

from ..wire.messages import ACTOR, STORED
from .objects.table import ObjectEntry, ObjectTable
from .tables.records import Client, Task

Row = tuple[str, int, str, str, str, int]


def object_report(
    table: ObjectTable[Task], tasks: Mapping[int, Task], clients: Iterable[Client]
) -> list[Row]:
    """One row for each process that refers to an object, and one for an object that only the runtime needs.

    Args:
        table: all objects.
        tasks: those that are not finished, by number.
        clients: all processes.
    """
    arguments = {argument for task in tasks.values() for _, argument in task.spec.refs}
    inside = {inner for entry in table.entries().values() for inner in entry.contained}
    holders: dict[bytes, list[Client | None]] = {}
    for process in clients:
        for object_id in table.references.held_by(process):
            holders.setdefault(object_id, []).append(process)
    nobody: list[Client | None] = [None]
    rows = []
    for object_id, entry in table.entries().items():
        status = _status(tasks.get(entry.producer or 0))
        for client in holders.get(object_id) or nobody:
            kind, pid = (client.kind, client.pid) if client else ("", 0)
            if object_id in arguments:
                reference = "USED_BY_PENDING_TASK"
            elif client:
                reference = "ACTOR_HANDLE" if entry.kind == ACTOR else "LOCAL_REFERENCE"
            else:
                reference = "CAPTURED_IN_OBJECT" if object_id in inside else "PINNED_IN_MEMORY"
            rows.append((object_id.hex(), _size(entry), status, reference, kind, pid))
    return rows


def _size(entry: ObjectEntry[Task]) -> int:
    """Bytes; -1 if the object does not exist yet."""
    if entry.kind is None:
        return -1
    if entry.kind == ACTOR:
        return 0  # there are no bytes behind it
    return int(entry.payload[2]) if entry.kind == STORED else len(entry.payload)


def _status(task: Task | None) -> str:
    """How far the task is that makes the object."""
    if task is None:
        return "FINISHED"
    if task.worker is not None:
        return "RUNNING" if task.running_reported else "SUBMITTED_TO_WORKER"
    return "PENDING_ARGS_AVAIL" if task.missing else "PENDING_NODE_ASSIGNMENT"
