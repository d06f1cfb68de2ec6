"""The event store: one SQLite file that the GCS writes and everybody may read.

``EventWriter`` is the only writer; ``connect_readonly`` is how readers open the file while it is
being written (write-ahead logging lets both go on at once) or years later.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from .schema import COLUMNS, NONE_IS_ZERO, SCHEMA, SCHEMA_VERSION

# Tables whose first column is a key that the scheduler chose; in the others it is `seq`.
_NUMBERED_BY_US = ("meta", "nodes", "workers", "tasks", "task_specs", "placement_groups", "actors")

# So many rows go into one statement: SQLite takes half as long for them as for one row after the other.
_ROWS_AT_ONCE = 50


def _statement(table: str, rows: int) -> str:
    """What adds so many rows to a table, in SQL."""
    verb, seq = ("INSERT OR REPLACE", "") if table in _NUMBERED_BY_US else ("INSERT", "NULL, ")
    none_is_zero = NONE_IS_ZERO.get(table, ())
    values = ("NULLIF(?, 0)" if place in none_is_zero else "?" for place in range(COLUMNS[table]))
    row = f"({seq}{', '.join(values)})"
    return f"{verb} INTO {table} VALUES {', '.join([row] * rows)}"


_INSERT = {table: _statement(table, 1) for table in COLUMNS}
_INSERT_MANY = {table: _statement(table, _ROWS_AT_ONCE) for table in COLUMNS}


class EventWriter:
    """Adds batches of rows to a new ``session.db``.

    Args:
        path: the file to create.

    Example:
        >>> writer = EventWriter(tmp_path / "session.db")
        >>> writer.write({"meta": [("session_name", "demo")]})
        >>> writer.close()
    """

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may lose the last rows of a recording; a crash of a process cannot.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(SCHEMA)
        self.write({"meta": [("schema_version", str(SCHEMA_VERSION))]})

    def write(self, rows: dict[str, Iterable[tuple[object, ...]]]) -> None:
        """Write one batch, ``{table: rows}``, in one transaction.

        Raises:
            sqlite3.Error: nothing of the batch was written; the disk is full, most likely.
        """
        try:
            self._write(rows)
        except UnicodeEncodeError:  # such as the name of a file that is not UTF-8, printed by a task
            self._write({table: [tuple(map(_storable, row)) for row in rows[table]] for table in rows})

    def _write(self, rows: dict[str, Iterable[tuple[object, ...]]]) -> None:
        self._db.execute("BEGIN")
        try:
            for table, values in rows.items():
                self._insert(table, list(values))
            self._db.execute("COMMIT")
        except (sqlite3.Error, UnicodeEncodeError):
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                self._db.execute("ROLLBACK")
            raise

    def _insert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        """Add rows, as many as possible with each statement."""
        whole = len(rows) - len(rows) % _ROWS_AT_ONCE
        for start in range(0, whole, _ROWS_AT_ONCE):
            values = list(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE]))
            self._db.execute(_INSERT_MANY[table], values)
        self._db.executemany(_INSERT[table], rows[whole:])

    def close(self) -> None:
        """Fold the write-ahead log into the file, so that the recording is one file.

        If somebody reads just then, the log stays beside the file, and `fold` is for later.
        """
        _fold(self._db)
        self._db.close()


def _fold(db: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")


def _storable(value: object) -> object:
    """A value with what is no valid Unicode written out, as `repr` would."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def connect_readonly(path: Path | str) -> sqlite3.Connection:
    """Open an event store for reading; nothing that happens to the reader can change it.

    Args:
        path: a ``session.db``, live or finished.

    Returns:
        A connection; close it when done.

    Raises:
        sqlite3.Error: there is no such file, or it is no database.
    """
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5.0)


def steps_table(db: sqlite3.Connection) -> str:
    """The table that has a task's steps: `task_steps`, or what earlier versions had in its place."""
    found = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'task_steps'").fetchone()
    return "task_steps" if found else "task_events"


def fold(path: Path | str) -> None:
    """Make one file of an event store whose writer could not close it."""
    if Path(path).exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as db:
            _fold(db)


def copy(path: Path | str, to: Path | str) -> None:
    """Copy an event store as it is at this moment, with what is only in its log so far, as one file.

    Args:
        path: a ``session.db``, live or finished.
        to: the file to write.

    Raises:
        sqlite3.Error: the store cannot be read, or the copy not be written.
    """
    with (
        contextlib.closing(connect_readonly(path)) as source,
        contextlib.closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)
    fold(to)


def add_meta(path: Path | str, key: str, value: str) -> None:
    """Add to what an event store, whose writer is gone, says of its session."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(_INSERT["meta"], (key, value))
        db.commit()


def read_meta(path: Path | str) -> dict[str, str]:
    """What an event store says of its session; empty if it cannot be read."""
    try:
        with contextlib.closing(connect_readonly(path)) as db:
            return {str(key): str(value) for key, value in db.execute("SELECT key, value FROM meta")}
    except sqlite3.Error:
        return {}
