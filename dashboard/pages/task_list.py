"""Finds tasks among hundreds of thousands: filter, search, sort, a page at a time.  No Bokeh, no SQL."""

from dataclasses import dataclass

import numpy as np

from minray.gcs.schema import TaskState

from ..data.columns import Array
from ..data.model import Session

PAGE_ROWS = 50
# What can be sorted by, with the column's head.
SORTS = {
    "task": "task",
    "function": "function",
    "state": "state",
    "submitted": "submitted at",
    "queued": "waited",
    "ran": "ran for",
    "worker": "worker",
    "attempt": "attempt",
}
# What can be filtered by: words for people, and the states.
FILTERS: dict[str, tuple[TaskState, ...]] = {
    "all": (),
    "not finished": tuple(state for state in TaskState if state < TaskState.FINISHED),
    "running": (TaskState.RUNNING, TaskState.RUNNING_IN_RAY_GET, TaskState.RUNNING_IN_RAY_WAIT),
    "blocked": (TaskState.RUNNING_IN_RAY_GET, TaskState.RUNNING_IN_RAY_WAIT),
    "finished": (TaskState.FINISHED,),
    "failed": (TaskState.FAILED,),
    "retried": (),
}


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see.

    Args:
        search: a part of a function's name, or a task's number, perhaps after a `#`.
        which: one of `FILTERS`.
        sort: one of `SORTS`.
        descending: the largest first.
        page: counted from 0.
    """

    search: str = ""
    which: str = "all"
    sort: str = "task"
    descending: bool = True
    page: int = 0


@dataclass(frozen=True)
class Found:
    """A page of tasks.

    Args:
        tasks: the numbers of those on the page.
        matching: how many there are on all pages.
        known: how many there are to choose from.
    """

    tasks: list[int]
    matching: int
    known: int


def find(session: Session, wish: Wish, now: float) -> Found:
    """Fulfil a wish.

    Args:
        session: its tasks.
        wish: what to look for.
        now: until when that runs or waits which still does.
    """
    rows = session.tasks.rows
    known = rows["known"]
    places = np.flatnonzero(known & _matches(session, rows, wish))
    if wish.sort != "task":
        keys = _keys(session, rows[places], wish.sort, now)
        places = places[np.argsort(keys, kind="stable")]
    if wish.descending:
        places = places[::-1]
    shown = places[wish.page * PAGE_ROWS : (wish.page + 1) * PAGE_ROWS]
    numbers = session.tasks.numbers(shown)
    return Found([int(number) for number in numbers], len(places), int(known.sum()))


def _matches(session: Session, rows: Array, wish: Wish) -> Array:
    wanted = np.ones(len(rows), bool)
    if states := FILTERS.get(wish.which):
        wanted &= np.isin(rows["state"], [int(state) for state in states])
    if wish.which == "retried":
        wanted &= rows["attempt"] > 0
    text = wish.search.strip().lower()
    if text:
        named = [place for place, f in enumerate(session.functions) if text in f.name.lower()]
        hit = np.isin(rows["function"], named)
        number = text.removeprefix("#")
        if number.isdecimal():
            place = int(number) - (session.tasks.first or 0)
            if 0 <= place < len(rows):
                hit[place] = True
        wanted &= hit
    return wanted


def _keys(session: Session, rows: Array, sort: str, now: float) -> Array:
    began = rows["start"] > 0
    if sort == "function":
        names = sorted(range(len(session.functions)), key=lambda place: session.functions[place].name.lower())
        rank = np.zeros(len(names), int)
        rank[names] = np.arange(len(names))
        found: Array = rank[rows["function"]]
        return found
    if sort == "queued":
        waited: Array = np.where(began, rows["start"], now) - rows["submitted"]
        return waited
    if sort == "ran":
        return np.where(began, np.where(rows["end"] > 0, rows["end"], now) - rows["start"], -1.0)
    column: Array = rows[sort]
    return column
