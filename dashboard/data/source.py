"""Reads what is new in a session's event store, and with `queries` is all that knows SQL in the dashboard.

Rows are only ever added to an event store, so "new" means ``seq > the last one read``, and a tick in
which nobody wrote anything costs two `stat` calls.  The file is opened for each read and closed again:
the GCS can fold its write-ahead log into the recording only while no reader is there.

A recording of gigabytes is not read whole: reading starts `KEEP_ROWS` rows before its end, or before the
past moment that somebody wants to see, and what was skipped is said.

All browsers that look at a session share one `Source`; `Shelf` keeps those that somebody looks at.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from minray.gcs.schema import SCHEMA_VERSION, single_steps
from minray.gcs.store import connect_readonly, steps_table

from .model import MAX_TASK_NUMBER, Session

OLDEST_READABLE = 2  # later versions have added tables, and have put several steps of a task into one row
KEEP_ROWS = 4_000_000  # of tasks' steps; more than a million tasks
KEEP_PAST = 200_000  # the same when a past moment is looked at, which must appear at once
ROWS_PER_READ = 5_000
KEEP_SHARED = 40  # results of views; many browsers at many sizes of the timeline make more: begin anew
READ_SECONDS = 0.06  # in each tick of 0.07 s, so that a long recording does not freeze the page
# File times are only as fine as the kernel's clock tick: what changed just now may change again unseen.
SETTLED_SECONDS = 0.1

# What is read of each table, in this order: of `tasks` only those that the events read so far have come to,
# since a task that waits for its events takes room.
_READ = {
    "nodes": "SELECT node, node, address, resources FROM nodes WHERE node > ? ORDER BY node LIMIT ?",
    "node_events": "SELECT seq, node, state, ts, detail FROM node_events WHERE seq > ? ORDER BY seq LIMIT ?",
    "workers": "SELECT worker, worker, node, pid, kind FROM workers WHERE worker > ? ORDER BY worker LIMIT ?",
    "worker_events": """
        SELECT seq, worker, state, ts, detail FROM worker_events WHERE seq > ? ORDER BY seq LIMIT ?""",
    "actors": """
        SELECT actor, actor, class_name, name, detached, task FROM actors
        WHERE actor > ? ORDER BY actor LIMIT ?""",
    "actor_events": """
        SELECT seq, actor, state, ts, restarts, worker, detail FROM actor_events
        WHERE seq > ? ORDER BY seq LIMIT ?""",
    "task_steps": """
        SELECT seq, task, attempt, state, ts, worker, sent, before FROM task_steps
        WHERE seq > ? ORDER BY seq LIMIT ?""",
    "tasks": """
        SELECT task, task, name, parent, ts, actor FROM tasks
        WHERE task > ? AND task <= ? ORDER BY task""",
    "task_errors": """
        SELECT seq, task, attempt, ts, error_type, message FROM task_errors
        WHERE seq > ? ORDER BY seq LIMIT ?""",
    "task_deps": "SELECT seq, task, producer FROM task_deps WHERE seq > ? ORDER BY seq LIMIT ?",
    "object_events": """
        SELECT seq, object_id, node, state, size, ts, task FROM object_events
        WHERE seq > ? ORDER BY seq LIMIT ?""",
    "api_calls": """
        SELECT seq, worker, kind, ts, ended, count, ready FROM api_calls
        WHERE seq > ? AND task IS NULL ORDER BY seq LIMIT ?""",
    "object_references": """
        SELECT seq, object_id, ts, count FROM object_references WHERE seq > ? ORDER BY seq LIMIT ?""",
    "transfers": """
        SELECT seq, started, ended, bytes, source, node, object_id FROM transfers
        WHERE seq > ? ORDER BY seq LIMIT ?""",
    "experiments": "SELECT seq, ts, name, series, x, y, detail FROM experiments WHERE seq > ? LIMIT ?",
}
_OLDER_STEPS = """SELECT seq, task, attempt, state, ts, worker, 0, 0
                  FROM task_events WHERE seq > ? ORDER BY seq LIMIT ?"""  # before version 5
# Which of the values above, `seq` left out, tells when it happened; the others are looked up by number.
_TIME = {
    **{"node_events": 2, "worker_events": 2, "actor_events": 2, "task_steps": 3, "task_errors": 2},
    **{"object_events": 4, "object_references": 1, "transfers": 0},
    **{"api_calls": 2, "experiments": 0, "tasks": 3},
}

# Tables that recordings of earlier versions lack; all else must be there.
_LATER = ("object_references", "transfers")

Result = TypeVar("Result")
Rows = list[Any]  # of tuples; SQLite does not promise their types, `Session` finds out


class Source:
    """The decoded content of one event store, brought up to date by `refresh`.

    Attributes:
        session: what has been read so far.
        meta: the ``meta`` table (session_name, started_at, ...), all values as text.
        problem: why the file cannot be shown (any further), in words for its reader; "" if it can.
        unread: how many rows of tasks' steps are known to be in the file but not read yet.
        skipped: how many of them at the beginning are not read at all.
        events: how many steps of tasks have been read.
        version: goes up whenever something else is to be shown.

    Args:
        path: a ``session.db``, live, finished, or not even there yet.
        until: the moment to look at, in seconds since 1970; None: as much as there is.
    """

    def __init__(self, path: Path, until: float | None = None) -> None:
        self.path = path
        self.until = until
        self.session = Session()
        self.meta: dict[str, str] = {}
        self.problem = ""
        self.unread = self.skipped = self.events = self.version = 0
        self._shared: dict[str, tuple[object, Any]] = {}  # what views have computed; see `once`
        self._seen = dict.fromkeys(_READ, -1)
        self._last: int | None = None  # the last row of tasks' steps to read
        self._tables: list[str] = []
        self._sql = dict(_READ)
        self._task_limit = MAX_TASK_NUMBER  # the last task to read for now
        self._behind = False
        self._looked_at: tuple[object, ...] = ()

    def refresh(self) -> bool:
        """Read what was added since the last call, for `READ_SECONDS` at most.

        Returns:
            Whether there is anything new to show.
        """
        if self.problem or not (self._behind or self._may_have_changed()):
            return False
        before = (dict(self._seen), dict(self.meta), self.problem)
        try:
            with contextlib.closing(connect_readonly(self.path)) as db:
                self._read(db)
        except sqlite3.OperationalError as error:
            self._looked_at = ()  # locked for a moment, or not complete yet: look again at the next tick
            if "no such" in str(error) and not _is_being_made(self.path):
                self.problem = _FOREIGN.format(self.path.name)
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, OverflowError) as error:
            self.problem = _DAMAGED.format(self.path.name, error)
        changed = before != (self._seen, self.meta, self.problem)
        self.version += changed
        return changed

    def once(self, what: str, state: object, make: Callable[[], Result]) -> Result:
        """Compute something for all browsers that look at this session.

        Args:
            what: a name for it.
            state: everything it depends on; as long as that is equal, so is the result.
            make: computes it.
        """
        found = self._shared.get(what)
        if found is None or found[0] != state:
            found = (state, make())
            if len(self._shared) > KEEP_SHARED:
                self._shared.clear()
            self._shared[what] = found
        result: Result = found[1]
        return result

    def _may_have_changed(self) -> bool:
        if self.until is not None and self._last is not None:
            return False  # the past does not change
        look: list[object] = []
        newest = 0.0
        for path in (self.path, self.path.with_name(self.path.name + "-wal")):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                look += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
                newest = max(newest, stat.st_mtime)
        settled = tuple(look) if time.time() - newest > SETTLED_SECONDS else ()
        changed = not settled or settled != self._looked_at
        self._looked_at = settled
        return changed and bool(look)

    def _read(self, db: sqlite3.Connection) -> None:
        began = time.monotonic()
        db.execute("BEGIN")  # one snapshot for all tables
        self.meta = {str(key): str(value) for key, value in db.execute("SELECT key, value FROM meta")}
        version = int(self.meta.get("schema_version", SCHEMA_VERSION))
        if not OLDEST_READABLE <= version <= SCHEMA_VERSION:
            words = _NEWER if version > SCHEMA_VERSION else _OLDER
            self.problem = words.format(self.path.name, version, SCHEMA_VERSION)
            return
        if not self._tables:
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            self._tables = [name for name in _READ if name in there or name not in _LATER]
            if "task_steps" not in there:
                self._sql["task_steps"] = _OLDER_STEPS
            self._begin_late(db)
        self._behind = True
        while self._behind and time.monotonic() - began < READ_SECONDS:
            self._behind = False
            self._read_portion(db)
        self.unread = max(0, (self._last or _last_step(db)) - max(0, self._seen["task_steps"]))

    def _begin_late(self, db: sqlite3.Connection) -> None:
        """Skip what would take too long to read."""
        last = _last_step(db)
        keep = KEEP_ROWS
        if self.until is not None:
            last = self._last = place_of(db, self.until, last)
            keep = KEEP_PAST
        if last > keep:
            self.skipped = last - keep
            self._seen["task_steps"] = self.skipped
            first = f"SELECT min(task) FROM (SELECT task FROM {steps_table(db)} WHERE seq > ? LIMIT 1000)"
            self._seen["tasks"] = (db.execute(first, (self.skipped,)).fetchone()[0] or 0) - 1

    def _read_portion(self, db: sqlite3.Connection) -> None:
        session = self.session
        take = {name: self._new_rows(db, name) for name in self._tables}
        session.crew.add_nodes(take["nodes"])
        session.crew.node_events(take["node_events"])
        session.crew.add_workers(take["workers"])
        session.worker_events(take["worker_events"])
        session.actors.add(take["actors"])
        session.actors.events(take["actor_events"])
        session.task_rows(take["tasks"])
        session.task_events(take["task_steps"])
        session.task_errors(take["task_errors"])
        session.dependencies(take["task_deps"])
        session.objects.events(take["object_events"])
        session.api_calls(take["api_calls"])
        session.objects.references(take.get("object_references", []))
        session.transfers.extend(take.get("transfers", []))
        session.experiment_points(take["experiments"])

    def _new_rows(self, db: sqlite3.Connection, table: str) -> Rows:
        most = self._task_limit if table == "tasks" else ROWS_PER_READ
        rows = db.execute(self._sql[table], (self._seen[table], most)).fetchall()
        if table == "task_steps" and self._last is not None:
            rows = [row for row in rows if row[0] <= self._last]
        if rows:
            self._seen[table] = rows[-1][0]
        self._behind |= len(rows) == ROWS_PER_READ and table != "tasks"
        if table == "task_steps":
            full = len(rows) == ROWS_PER_READ
            self._task_limit = max(row[1] for row in rows) if full else MAX_TASK_NUMBER
        values = [row[1:] for row in rows]
        if table == "task_steps":
            values = [step for row in values for step in single_steps(row)]
            self.events += len(values)
        until, place = self.until, _TIME.get(table)
        if until is None or place is None:
            return values
        return [row for row in values if row[place] <= until]


class Shelf:
    """The sources that somebody looks at, each read once however many look.

    Example:
        >>> shelf = Shelf()
        >>> source = shelf.take(session_dir / "session.db")
        >>> shelf.refresh()
        >>> shelf.put_back(source)
    """

    def __init__(self) -> None:
        self._taken: dict[tuple[Path, float | None], tuple[Source, int]] = {}

    def take(self, path: Path, until: float | None = None) -> Source:
        """The source of this event store at this moment; give it back with `put_back`."""
        source, readers = self._taken.get((path, until), (None, 0))
        source = source or Source(path, until)
        self._taken[path, until] = (source, readers + 1)
        return source

    def put_back(self, source: Source) -> None:
        """One reader fewer; forgotten with the last."""
        key = (source.path, source.until)
        _, readers = self._taken.pop(key)
        if readers > 1:
            self._taken[key] = (source, readers - 1)

    def refresh(self) -> None:
        """Read what is new in all of them."""
        for source, _ in list(self._taken.values()):
            source.refresh()


def _last_step(db: sqlite3.Connection) -> int:
    """The number of the last row of tasks' steps; 0 if there is none."""
    (last,) = db.execute(f"SELECT max(seq) FROM {steps_table(db)}").fetchone()
    return int(last or 0)


def place_of(db: sqlite3.Connection, moment: float, last: int) -> int:
    """The number of the last row of tasks' steps up to this moment, found by halving.

    Events are written within a tenth of a second, so their times follow their numbers but for that; the
    second that is read too much is left out row by row.
    """
    sql = f"SELECT ts FROM {steps_table(db)} WHERE seq >= ? LIMIT 1"
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        (ts,) = db.execute(sql, (middle,)).fetchone()
        if ts <= moment + 1.0:
            low = middle
        else:
            high = middle - 1
    return low


def _is_being_made(path: Path) -> bool:
    """Its tables may still be missing in the first moments of a session's life."""
    try:
        return time.time() - path.stat().st_mtime < 10
    except OSError:
        return True


_FOREIGN = "{} is a database, but not a minray recording: it lacks the tables of an event store."
_DAMAGED = (
    "{} is damaged, or no minray recording at all ({}). "
    "If somebody sent it to you, ask for it again; a recording is complete once its session has ended."
)
_NEWER = (
    "{} was recorded by a newer minray (event store version {}; this one reads up to {}). "
    "Update minray to open it."
)
_OLDER = (
    "{} was recorded by an older minray (event store version {}; this one reads {}). "
    "Open it with the minray that recorded it."
)
