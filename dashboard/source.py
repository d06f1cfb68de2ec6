"""Reads what is new in a session's event store; the only module of the dashboard that knows SQL.

Rows are only ever added to an event store, so "new" means ``seq > the last one read``, and a tick in
which nobody wrote anything costs two `stat` calls.  The file is opened for each read and closed again:
the GCS can fold its write-ahead log into the recording only while no reader is there.

All browsers that look at a session share one `Source`; `Shelf` keeps those that somebody looks at.
"""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from minray.event_store import connect_readonly
from minray.events import SCHEMA_VERSION

from .model import Session

ROWS_PER_READ = 20_000  # about 0.1 s of work, so that a long recording does not freeze the page
# File times are only as fine as the kernel's clock tick: what changed just now may change again unseen.
SETTLED_SECONDS = 0.1

_WORKERS = "SELECT worker, node, pid, kind FROM workers WHERE worker > ? ORDER BY worker LIMIT ?"
_WORKER_EVENTS = "SELECT seq, worker, state, ts, detail FROM worker_events WHERE seq > ? ORDER BY seq LIMIT ?"
_TASK_EVENTS = """
    SELECT e.seq, e.task, e.attempt, e.state, e.ts, e.worker, t.name
    FROM task_events e LEFT JOIN tasks t ON t.task = e.task
    WHERE e.seq > ? ORDER BY e.seq LIMIT ?"""
_DRIVER_CALLS = """
    SELECT seq, worker, kind, ts, ended, count, ready, task
    FROM api_calls WHERE seq > ? ORDER BY seq LIMIT ?"""
_NEWEST = "SELECT max(seq) FROM task_events"

Rows = list[Any]  # of tuples; SQLite does not promise their types, `Session` finds out


class Source:
    """The decoded content of one event store, brought up to date by `refresh`.

    Attributes:
        session: what has been read so far.
        meta: the ``meta`` table (session_name, started_at, ...), all values as text.
        problem: why the file cannot be shown (any further), in words for its reader; "" if it can.
        unread: how many task events are known to be in the file but not read yet.
        version: goes up whenever something else is to be shown.

    Args:
        path: a ``session.db``, live, finished, or not even there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.session = Session()
        self.meta: dict[str, str] = {}
        self.problem = ""
        self.unread = 0
        self.version = 0
        self._seen = {"workers": -1, "worker_events": 0, "task_events": 0, "api_calls": 0}
        self._behind = False
        self._looked_at: tuple[object, ...] = ()

    def refresh(self) -> bool:
        """Read what was added since the last call, at most `ROWS_PER_READ` rows a table.

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
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            self.problem = _DAMAGED.format(self.path.name, error)
        changed = before != (self._seen, self.meta, self.problem)
        self.version += changed
        return changed

    def _may_have_changed(self) -> bool:
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
        db.execute("BEGIN")  # one snapshot for all tables
        self.meta = {str(key): str(value) for key, value in db.execute("SELECT key, value FROM meta")}
        version = int(self.meta.get("schema_version", SCHEMA_VERSION))
        if version > SCHEMA_VERSION:
            self.problem = _NEWER.format(self.path.name, version, SCHEMA_VERSION)
            return
        self._behind = False
        self.session.worker_rows(self._new_rows(db, "workers", _WORKERS, drop_seq=False))
        self.session.worker_events(self._new_rows(db, "worker_events", _WORKER_EVENTS))
        self.session.task_events(self._new_rows(db, "task_events", _TASK_EVENTS))
        calls = self._new_rows(db, "api_calls", _DRIVER_CALLS)
        self.session.api_calls([call[:-1] for call in calls if call[-1] is None])
        newest = db.execute(_NEWEST).fetchone()[0] or 0
        self.unread = newest - self._seen["task_events"]

    def _new_rows(self, db: sqlite3.Connection, table: str, sql: str, drop_seq: bool = True) -> Rows:
        rows = db.execute(sql, (self._seen[table], ROWS_PER_READ)).fetchall()
        if rows:
            self._seen[table] = rows[-1][0]
        self._behind |= len(rows) == ROWS_PER_READ
        return [row[1:] for row in rows] if drop_seq else rows


class Shelf:
    """The sources that somebody looks at, each read once however many look.

    Example:
        >>> shelf = Shelf()
        >>> source = shelf.take(session_dir / "session.db")
        >>> shelf.refresh()
        >>> shelf.put_back(source)
    """

    def __init__(self) -> None:
        self._taken: dict[Path, tuple[Source, int]] = {}

    def take(self, path: Path) -> Source:
        """The source of this event store; give it back with `put_back`."""
        source, readers = self._taken.get(path, (None, 0))
        source = source or Source(path)
        self._taken[path] = (source, readers + 1)
        return source

    def put_back(self, source: Source) -> None:
        """One reader fewer; forgotten with the last."""
        _, readers = self._taken.pop(source.path)
        if readers > 1:
            self._taken[source.path] = (source, readers - 1)

    def refresh(self) -> None:
        """Read what is new in all of them."""
        for source, _ in list(self._taken.values()):
            source.refresh()


def read_meta(path: Path) -> dict[str, str]:
    """The ``meta`` table of an event store; empty if it cannot be read (now)."""
    try:
        with contextlib.closing(connect_readonly(path)) as db:
            return {str(key): str(value) for key, value in db.execute("SELECT key, value FROM meta")}
    except sqlite3.Error:
        return {}


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
