"""What processes ask the scheduler about, and what they add to the event store."""

from collections.abc import Callable, Iterable, Mapping

from ..wire.messages import ACTOR, STORED, AddRows, Query, Reply
from .objects.table import ObjectEntry, ObjectTable
from .tables.event_log import EventLog
from .tables.records import Client, Task

Row = tuple[str, int, str, str, str, int]


class Questions:
    """Answers.

    Args:
        log: where rows go.
        answers: what to answer to whom, by the question.
        tidy_up: lets go of what nobody needs any more, so that answers are true.
        flush: sees to it that the event store has all, then answers itself.
    """

    def __init__(
        self,
        log: EventLog,
        answers: dict[str, Callable[[Client], object]],
        tidy_up: Callable[[], None],
        flush: Callable[[Client, int], None],
    ) -> None:
        self._log, self._tidy_up, self._answers, self._flush = log, tidy_up, answers, flush

    def on_add_rows(self, client: Client, message: AddRows) -> None:
        """A process has rows for the event store."""
        if message.table == "api_calls":
            caller = (client.number, client.task_number)
            self._log.rows["api_calls"] += [caller + row for row in message.rows]
        else:
            self._log.rows[message.table] += message.rows

    def on_query(self, client: Client, message: Query) -> None:
        """A process asks."""
        if message.what == "flush":
            self._flush(client, message.request)
        else:
            self._tidy_up()
            client.channel.send(Reply(message.request, self._answers[message.what](client), ""))


def object_report(table: ObjectTable, tasks: Mapping[int, Task], clients: Iterable[Client]) -> list[Row]:
    """Which process refers to which object, and why it is kept: what `list_objects` shows of a live session.

    One row (object id, size, status of the task that makes it, reference type, kind and pid of the process)
    for each process that refers to an object, and one for an object that only the runtime needs.

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


def _size(entry: ObjectEntry) -> int:
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
