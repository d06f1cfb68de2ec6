"""What a session's event store knows about some tasks, as plain records.

::

    session.db --read()--> Recording(tasks, calls) --> schedules to draw, evidence for checks

Everything else in `minray.lessons` works on these records and never sees SQL. Events reach the store
up to 50 ms after they happened, so `read_when` looks again until what you wait for is there.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...gcs.schema import TaskState
from ...gcs.store import connect_readonly
from .schedule import DRIVER, Schedule, Slot, most_at_once

PATIENCE = 10.0  # seconds to wait for events that ought to be there; far more than they ever need
MOST_CALLS = 50  # calls of the driver that a schedule shows; an endless loop makes thousands
LOOK_AGAIN = 0.02  # seconds between two looks into the store


@dataclass(frozen=True)
class RecordedTask:
    """One task; times in seconds since 1970, None for what has not happened (yet)."""

    number: int  # its key in the event store
    task_id: str
    name: str
    parent: int | None  # the task that submitted it; None: the driver did
    submitted: float
    started: float | None
    finished: float | None
    failed: bool
    worker: int | None
    needs: tuple[int, ...]  # the numbers of the tasks whose results are its arguments
    kind: str = "NORMAL_TASK"  # or ACTOR_CREATION_TASK, or ACTOR_TASK: a call of an actor's method
    actor: int | None = None  # the actor that it makes or calls

    @property
    def done(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.finished is not None


@dataclass(frozen=True)
class Call:
    """One call of `get` or `wait`; times in seconds since 1970."""

    kind: str  # "get" or "wait"
    caller: int | None  # the task that called; None: the driver
    started: float
    ended: float
    count: int  # how many references it was given
    num_returns: int  # how many results it asked for
    ready: int  # how many of those it brought
    timeout: float | None


class Sealed(NamedTuple):
    """An object that was put into a node's store."""

    object_id: str
    size: int  # bytes
    maker: int | None  # the task that made it; None: the driver did


class Copied(NamedTuple):
    """An object that was copied from one node's store to another's."""

    object_id: str
    source: int
    node: int
    size: int  # bytes


@dataclass(frozen=True)
class Recording:
    """What happened in a stretch of time, each kind in the order in which it did."""

    tasks: tuple[RecordedTask, ...]
    calls: tuple[Call, ...]
    sealed: tuple[Sealed, ...] = ()
    copied: tuple[Copied, ...] = ()

    @property
    def at_once(self) -> int:
        """The largest number of these tasks that ran at the same time."""
        return most_at_once(
            [(task.started, task.finished) for task in self.tasks if task.started and task.finished]
        )

    @property
    def all_done(self) -> bool:
        """Whether every task has finished or failed."""
        return all(task.done for task in self.tasks)


_TASKS = f"""
    WITH last AS (SELECT task, MAX(attempt) AS attempt FROM task_events GROUP BY task)
    SELECT t.task, t.task_id, t.name, t.parent, t.ts,
           MIN(CASE WHEN e.state = {TaskState.RUNNING:d} THEN e.ts END),
           MAX(CASE WHEN e.state IN ({TaskState.FINISHED:d}, {TaskState.FAILED:d}) THEN e.ts END),
           COALESCE(MAX(e.state = {TaskState.FAILED:d}), 0),
           MAX(e.worker), t.type, t.actor
    FROM tasks t LEFT JOIN last USING (task)
                 LEFT JOIN task_events e ON e.task = t.task AND e.attempt = last.attempt
    WHERE t.task > ? GROUP BY t.task ORDER BY t.task
"""
_NEEDS = """
    SELECT task, producer FROM task_deps WHERE task > ? AND producer IS NOT NULL ORDER BY seq
"""
_CALLS = """
    SELECT kind, task, ts, ended, count, num_returns, MIN(ready, num_returns), timeout FROM api_calls
    WHERE seq > ? ORDER BY ts, seq
"""
_SEALED = """
    SELECT object_id, size, NULLIF(task, 0) FROM object_events WHERE seq > ? AND state = 'SEALED' ORDER BY seq
"""
_COPIED = """
    SELECT object_id, source, node, bytes FROM transfers WHERE seq > ? AND outcome = '' ORDER BY seq
"""


class Bookmark(NamedTuple):
    """A place in an event store: the last task, call, object and copy that were known there.

    Numbers rather than a time of day, because the processes read their clocks at different moments.
    """

    task: int = 0
    call: int = 0
    sealed: int = 0
    copied: int = 0


BEGINNING = Bookmark()


def bookmark(path: Path | str) -> Bookmark:
    """The end of the event store as it is now."""
    db = connect_readonly(path)
    try:
        last = ", ".join(
            f"(SELECT COALESCE(MAX({key}), 0) FROM {table})"
            for key, table in (
                ("task", "tasks"),
                ("seq", "api_calls"),
                ("seq", "object_events"),
                ("seq", "transfers"),
            )
        )
        return Bookmark(*db.execute(f"SELECT {last}").fetchone())
    finally:
        db.close()


def read(path: Path | str, since: Bookmark = BEGINNING) -> Recording:
    """Read what was submitted and called after a bookmark.

    Of a task that was tried more than once the last attempt counts.

    Args:
        path: a ``session.db``, live or finished.
        since: where to begin.

    Raises:
        sqlite3.Error: there is no such event store.
    """
    db = connect_readonly(path)
    try:
        needs: dict[int, dict[int, None]] = {}
        for number, producer in db.execute(_NEEDS, (since.task,)):
            needs.setdefault(number, {})[producer] = None
        tasks = [
            RecordedTask(
                number,
                task_id,
                name,
                parent,
                ts,
                started,
                finished,
                bool(failed),
                worker,
                tuple(needs.get(number, ())),
                kind,
                actor,
            )
            for number, task_id, name, parent, ts, started, finished, failed, worker, kind, actor in (
                db.execute(_TASKS, (since.task,))
            )
        ]
        calls = [Call(*row) for row in db.execute(_CALLS, (since.call,))]
        sealed = [Sealed(*row) for row in db.execute(_SEALED, (since.sealed,))]
        copied = [Copied(*row) for row in db.execute(_COPIED, (since.copied,))]
    finally:
        db.close()
    return Recording(tuple(tasks), tuple(calls), tuple(sealed), tuple(copied))


def read_when(
    path: Path | str,
    is_there: Callable[[Recording], bool],
    since: Bookmark = BEGINNING,
    patience: float = PATIENCE,
) -> Recording:
    """Read again and again until something is there, or patience is at its end.

    Args:
        path: a live ``session.db``.
        is_there: says whether a recording holds what you wait for.
        since: as for `read`.
        patience: how long to go on, in seconds.

    Returns:
        The first recording that satisfied, else the last one: who judges it decides what its gaps mean.
    """
    deadline = time.monotonic() + patience
    while not is_there(found := read(path, since)) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN)
    return found


def with_producers(recording: Recording, task_ids: Collection[str]) -> tuple[RecordedTask, ...]:
    """The tasks of these ids, and all tasks whose results they need, directly or by way of others."""
    by_number = {task.number: task for task in recording.tasks}
    wanted = {task.number for task in recording.tasks if task.task_id in task_ids}
    to_visit = list(wanted)
    while to_visit:
        for number in by_number[to_visit.pop()].needs:
            if number in by_number and number not in wanted:
                wanted.add(number)
                to_visit.append(number)
    return tuple(task for task in recording.tasks if task.number in wanted)


def as_schedule(
    tasks: Sequence[RecordedTask], calls: Sequence[Call], scale: float, title: str, labels: Sequence[str] = ()
) -> Schedule:
    """Turn recorded tasks into a schedule in units, with the driver's own waiting in a row on top.

    Args:
        tasks: what to show; tasks that never started are left out. Workers have the dashboard's
            numbers, and stand in the order of their first tasks.
        calls: the calls of `get` and `wait`; the driver's first ones while the tasks ran are shown.
        scale: how many seconds a unit lasts.
        title: a line above the picture.
        labels: what to write on each task, in the order of submission; by default its units.
    """
    ran = [task for task in tasks if task.started is not None and task.finished is not None]
    if not ran:
        return Schedule(title, ())
    begin = min(task.submitted for task in tasks)
    end = max(task.finished or begin for task in ran)

    def units(moment: float) -> float:
        return max(0.0, (moment - begin) / scale)

    rows = {worker: f"worker {worker}" for worker in dict.fromkeys(task.worker for task in ran)}
    waited = [call for call in calls if call.caller is None and call.ended >= begin and call.started <= end]
    if len(waited) > MOST_CALLS:
        title += f" (the first {MOST_CALLS} of {len(waited)} calls shown)"
    slots = [
        Slot(DRIVER, call.kind, call.kind, units(call.started), units(call.ended))
        for call in waited[:MOST_CALLS]
    ]
    for place, task in enumerate(tasks):
        if task in ran:
            start, stop = units(task.started or begin), units(task.finished or end)
            label = labels[place] if place < len(labels) else f"{stop - start:.1f}"
            slots.append(Slot(rows[task.worker], label, task.name, start, stop))
    return Schedule(title, tuple(slots), ((DRIVER,) if slots[0].row == DRIVER else ()) + tuple(rows.values()))
