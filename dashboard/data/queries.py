"""What is looked up in an event store only when somebody asks for it: the details of one task, and stories.

The second module that knows SQL; what all pages show all the time is read by `source`.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from minray.gcs.schema import TaskState
from minray.gcs.store import connect_readonly, steps_table

MOST_LINES = 500  # of what a task printed
MOST_LINKS = 200  # of tasks that a task needs, or that need it


@dataclass
class TaskDetails:
    """What is remembered of one task beside its states."""

    task: int
    task_id: str = ""
    name: str = ""
    kind: str = ""
    resources: str = ""  # as JSON
    needs: list[tuple[str, int | None]] = field(default_factory=list)  # object id, task that makes it
    needed_by: list[int] = field(default_factory=list)
    made: list[tuple[str, int]] = field(default_factory=list)  # object id and size, in the store
    errors: list[tuple[int, str, str, str]] = field(default_factory=list)  # attempt, type, message, traceback
    printed: list[tuple[float, str, str]] = field(default_factory=list)  # ts, stream, text


def task_details(path: Path, task: int) -> TaskDetails:
    """Look one task up.

    Args:
        path: the event store.
        task: the task's number.

    Returns:
        What is there; nothing but the number if the file cannot be read just now.
    """
    found = TaskDetails(task)
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect_readonly(path)) as db:
        sql = """SELECT t.task_id, t.name, t.type, s.resources FROM tasks t
                 LEFT JOIN task_specs s ON s.spec = t.spec WHERE t.task = ?"""
        for row in db.execute(sql, (task,)):
            found.task_id, found.name, found.kind, found.resources = (str(value or "") for value in row)
        sql = "SELECT object_id, producer FROM task_deps WHERE task = ? LIMIT ?"
        found.needs = db.execute(sql, (task, MOST_LINKS)).fetchall()
        sql = "SELECT DISTINCT task FROM task_deps WHERE producer = ? LIMIT ?"
        found.needed_by = [number for (number,) in db.execute(sql, (task, MOST_LINKS))]
        sql = "SELECT object_id, max(size) FROM object_events WHERE task = ? GROUP BY object_id LIMIT ?"
        found.made = db.execute(sql, (task, MOST_LINKS)).fetchall()
        sql = "SELECT attempt, error_type, message, traceback FROM task_errors WHERE task = ? ORDER BY seq"
        found.errors = db.execute(sql, (task,)).fetchall()
        sql = "SELECT ts, stream, text FROM logs WHERE task = ? ORDER BY seq LIMIT ?"
        found.printed = db.execute(sql, (task, MOST_LINES)).fetchall()
    return found


class Happening(NamedTuple):
    """One event of any table, for the page that tells what happened step by step."""

    ts: float
    kind: str  # worker, task, object, actor, call or node
    subject: int | str  # the number of the worker, task, actor or node; the object's id
    state: str
    worker: int | None
    node: int | None
    detail: str
    size: int


# For each table: seq, ts, subject, state, worker, node, detail, size.  At equal times in this order, so that
# a result is not stored before its task has run.
_STORY = {
    "node": "SELECT seq, ts, node, state, NULL, node, detail, 0 FROM node_events e",
    "worker": """SELECT e.seq, e.ts, e.worker, e.state, e.worker, w.node, coalesce(e.detail, ''),
                 w.kind = 'DRIVER' FROM worker_events e LEFT JOIN workers w ON w.worker = e.worker""",
    "task": """SELECT e.seq, e.ts, e.task, e.state, e.worker, NULL, t.name, 0
               FROM task_events e LEFT JOIN tasks t ON t.task = e.task""",
    "object": "SELECT seq, ts, object_id, state, NULL, node, task, size FROM object_events e",
    "actor": "SELECT seq, ts, actor, state, worker, NULL, detail, restarts FROM actor_events e",
    "call": "SELECT seq, ts, worker, kind, worker, NULL, count, ready FROM api_calls e",
}
_TABLES = {"object": "object_events", "call": "api_calls"}


def story(path: Path, start: float, end: float, most: int) -> list[Happening]:
    """The first events of all kinds from a moment on, in order.

    Args:
        path: the event store.
        start, end: seconds since 1970.
        most: how many events at most.
    """
    found: list[tuple[float, int, int, Happening]] = []
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect_readonly(path)) as db:
        for rank, (kind, sql) in enumerate(_STORY.items()):
            table = steps_table(db) if kind == "task" else _TABLES.get(kind, f"{kind}_events")
            first = first_after(db, table, start)
            mine = " AND e.task IS NULL" if kind == "call" else ""
            place = "seq"
            if table == "task_steps":
                # So many rows tell of as many events, and to sort all the others would take long.
                place, mine = "step", f" AND e.step <= {first + most}"
            rows = db.execute(f"{sql} WHERE e.{place} >= ?{mine} ORDER BY e.seq LIMIT ?", (first, most))
            for seq, ts, subject, state, worker, node, detail, number in rows:
                told = Happening(ts, kind, subject, str(state), worker, node, str(detail or ""), number or 0)
                found += [(ts, rank, seq, told)] if start <= ts <= end else []
    return [happening for *_, happening in sorted(found, key=lambda row: row[:3])[:most]]


def first_after(db: sqlite3.Connection, table: str, moment: float) -> int:
    """The number from which on a table tells of what happened after a moment, found by halving.

    Events are written within a tenth of a second, so their times follow their numbers but for that; a
    second's worth is given for good measure.
    """
    low, high = 0, (db.execute(f"SELECT max(seq) FROM {table}").fetchone()[0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = db.execute(f"SELECT ts FROM {table} WHERE seq >= ? LIMIT 1", (middle,)).fetchone()
        if row is not None and row[0] < moment - 1.0:
            low = middle + 1
        else:
            high = middle
    return low


def all_tasks(path: Path) -> Iterator[tuple[object, ...]]:
    """One row a task, for other programs: the last attempt's times and what became of it.

    Yields:
        First the names of the columns, then the rows.

    Raises:
        sqlite3.Error: the event store cannot be read.
    """
    yield (
        *("task", "task_id", "name", "type", "parent", "actor", "submitted"),
        *("attempt", "state", "started", "ended", "worker"),
    )
    with contextlib.closing(connect_readonly(path)) as db:
        # Beside a `max`, SQLite takes the other columns from the row that has it.
        sql = f"""
            WITH last AS (SELECT task, max(seq), attempt, state FROM {steps_table(db)} GROUP BY task),
                 times AS (SELECT task, attempt,
                                  min(CASE WHEN state = {TaskState.RUNNING:d} THEN ts END) AS began,
                                  max(CASE WHEN state >= {TaskState.FINISHED:d} THEN ts END) AS ended,
                                  max(worker) AS worker
                           FROM task_events GROUP BY task, attempt)
            SELECT t.task, t.task_id, t.name, t.type, t.parent, t.actor, t.ts,
                   l.attempt, s.state_name, m.began, m.ended, m.worker
            FROM tasks t LEFT JOIN last l ON l.task = t.task LEFT JOIN state_names s ON s.state = l.state
            LEFT JOIN times m ON m.task = l.task AND m.attempt = l.attempt ORDER BY t.task"""
        yield from db.execute(sql)
