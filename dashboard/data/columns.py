"""Bounded columns: what the model remembers of hundreds of thousands of rows, in NumPy arrays.

::

    Ring         the newest rows of one kind, oldest first; the oldest are forgotten and counted
    TaskTable    one row a task, found by its number

Rows that arrive one by one are gathered in lists and moved into the arrays once a read (`settle`), because
writing a single item of an array costs more than all else that happens to it.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# One execution of a task on a worker that has ended.
BAR = np.dtype(
    [
        ("start", "f8"),
        ("end", "f8"),
        ("queued", "f4"),  # seconds from submission to start
        ("task", "u4"),
        ("worker", "u4"),
        ("function", "u2"),  # its place in `Session.functions`
        ("lane", "u2"),
        ("slot", "u1"),  # which of the executions going on at once on its worker
        ("attempt", "u1"),
        ("state", "u1"),
        ("parity", "u1"),  # neighbours on a worker differ
    ]
)
# A stretch of an execution in which it was blocked in `get` or `wait`.
HOLD = np.dtype(
    [("start", "f8"), ("end", "f8"), ("task", "u4"), ("attempt", "u1"), ("lane", "u2"), ("function", "u2")]
)
# The driver was in `get` or `wait`.
WAIT = np.dtype(
    [("start", "f8"), ("end", "f8"), ("worker", "u4"), ("kind", "U4"), ("asked", "u4"), ("ready", "u4")]
)
EDGE = np.dtype([("task", "u4"), ("producer", "u4")])  # an argument of `task` is made by `producer`
TRANSFER = np.dtype(
    [("start", "f8"), ("end", "f8"), ("size", "f8"), ("source", "u2"), ("node", "u2"), ("object", "U64")]
)
TASK = np.dtype(
    [
        ("submitted", "f8"),
        ("start", "f8"),  # of the newest attempt; 0.0: never
        ("end", "f8"),  # 0.0: not yet
        ("parent", "u4"),  # 0: the driver
        ("actor", "u4"),  # 0: none
        ("worker", "u4"),  # 0: none yet
        ("function", "u2"),
        ("state", "u1"),  # 0: no event yet
        ("attempt", "u1"),
        ("known", "?"),  # whether there is such a task
    ]
)
MAX_TASK_NUMBER = 2**31


class Ring:
    """The newest rows of one kind.

    Attributes:
        total: how many rows there have ever been.

    Args:
        dtype: of a row.
        keep: how many rows to remember at least; twice as many at most.

    Example:
        >>> ring = Ring(np.dtype([("x", "f8")]), keep=2)
        >>> ring.extend([(number,) for number in range(7)])
        >>> ring.rows["x"].tolist(), ring.total
        ([3.0, 4.0, 5.0, 6.0], 7)
    """

    def __init__(self, dtype: np.dtype[Any], keep: int) -> None:
        self._keep = keep
        self._data: Array = np.zeros(min(256, 2 * keep), dtype)
        self._length = 0
        self.total = 0

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> Array:
        """What is remembered, oldest first; valid until the next `extend`."""
        return self._data[: self._length]

    @property
    def first(self) -> int:
        """The serial number, counted from 0, of the oldest row that is remembered."""
        return self.total - self._length

    def since(self, serial: int) -> Array:
        """The rows from this serial number on, as far as they are remembered."""
        return self.rows[max(0, serial - self.first) :]

    def extend(self, rows: list[tuple[Any, ...]]) -> None:
        """Add rows at the end."""
        most = 2 * self._keep
        self.total += len(rows)
        # When it is full the newer half stays: so the cost of forgetting is shared by many rows.
        stay = min(self._length, max(0, self._keep - min(len(rows), self._keep)))
        rows = rows[-most:]
        if self._length + len(rows) > most:
            self._data[:stay] = self._data[self._length - stay : self._length]
            self._length = stay
        needed = self._length + len(rows)
        if needed > len(self._data):
            grown = np.zeros(min(most, max(needed, 2 * len(self._data))), self._data.dtype)
            grown[: self._length] = self.rows
            self._data = grown
        if rows:
            self._data[self._length : needed] = rows
            self._length = needed


class TaskTable:
    """One row a task, by number; beyond `keep` tasks the oldest are forgotten.

    Attributes:
        first: the lowest task number that is remembered.
        forgotten: how many tasks that had been seen are remembered no more.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._data: Array = np.zeros(1024, TASK)
        self._used = 0  # rows in use, with gaps where tasks were never seen
        self.first: int | None = None
        self.forgotten = 0

    @property
    def rows(self) -> Array:
        """Row ``n`` is task ``first + n``; not ``known`` where no such task was seen."""
        return self._data[: self._used]

    def numbers(self, places: Array) -> Array:
        """The task numbers of these places in `rows`."""
        return places + (self.first or 0)

    def row(self, task: int) -> Any | None:  # noqa: ANN401 (a NumPy record)
        """The row of one task, if it is remembered."""
        place = task - (self.first or 0)
        known = 0 <= place < self._used and self._data[place]["known"]
        return self._data[place] if known else None

    def places(self, tasks: Array) -> Array:
        """Where these tasks are in `rows`; those too old to be remembered are left out."""
        found = tasks.astype(np.int64) - (self.first or 0)
        return found[(found >= 0) & (found < self._used)]

    def reserve(self, lowest: int, highest: int) -> None:
        """Make room for these task numbers.

        Raises:
            ValueError: no minray gives a task such a number.
        """
        if lowest < 0 or highest >= MAX_TASK_NUMBER:
            raise ValueError(f"task number {lowest if lowest < 0 else highest} is out of range")
        if self.first is None:
            self.first = lowest
        if lowest < self.first and highest - lowest < self._keep:
            self._move(lowest, self._used + self.first - lowest)
        if highest >= self.first + 2 * self._keep:
            self._move(highest + 1 - self._keep, self._keep)
        wanted = highest + 1 - self.first
        if wanted > len(self._data):
            grown = np.zeros(max(wanted, min(2 * self._keep, 2 * len(self._data))), TASK)
            grown[: self._used] = self.rows
            self._data = grown
        self._used = max(self._used, wanted)

    def put(self, tasks: Array, rows: list[tuple[Any, ...]]) -> None:
        """Write the rows of these tasks, for which there is room."""
        places = tasks - (self.first or 0)
        fits = places >= 0
        self._data[places[fits]] = np.array(rows, TASK)[fits]

    def _move(self, first: int, length: int) -> None:
        """Let the table begin with another number."""
        assert self.first is not None
        moved = np.zeros(max(length, 1024), TASK)
        shift = first - self.first
        if shift >= 0:
            kept = self.rows[shift:]
            self.forgotten += int(self.rows[:shift]["known"].sum())
            moved[: len(kept)] = kept
            self._used = len(kept)
        else:
            moved[-shift : -shift + self._used] = self.rows
            self._used = length
        self._data, self.first = moved, first
