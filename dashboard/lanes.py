"""Bars as columns for the timeline, and which stretch of time it shows.  No Bokeh in here.

A bar is drawn as one segment, or as several if it waited for other tasks in between: those are paler::

    worker 1  |#####################|
    worker 2  |####|::::::::::::|###|      one task, blocked in get in its middle
              '    '                       ticks at the foot: each start, however short the task

A task of a microsecond is a thousandth of a pixel wide, and honestly painted so: a row full of such tasks
looks as empty as the worker was idle.  The ticks at the foot still show that they were there.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from minray.events import TaskState

from .model import Bar, Wait
from .theme import DRIVER_COLOUR, STATE_LABELS, FunctionColours, duration

NAME_LIMIT = 80
DRIVER_ROW = 0
SOLID = (
    1.0,
    0.78,
)  # neighbours on a worker differ a little, so that one is seen to end and the next to begin
PALE = 0.35
BAR_HEIGHT = 0.62
FOOT = (0.33, 0.45)  # where a start's tick is, below the middle of its row
SHORTEST_VIEW = 0.5  # seconds

COLUMNS = (
    "left",
    "right",
    "row",
    "tick",
    "colour",
    "alpha",
    "name",
    "state",
    "ran",
    "queued",
    "worker",
    "task",
)
Columns = dict[str, Any]  # of lists, all of one length


class Strip(NamedTuple):
    """A part of a bar that is drawn alike: from, to, and whether the task was blocked."""

    start: float
    end: float
    blocked: bool


def strips(bar: Bar, now: float) -> list[Strip]:
    """Cut a bar where it begins and ends to wait; what goes on still ends `now`.

    Example:
        >>> bar = Bar(1, 0, "f", 1, 0, 0.0, 9.0, 0.0, TaskState.FINISHED, ((2.0, 5.0),), 1)
        >>> [(strip.start, strip.end, strip.blocked) for strip in strips(bar, now=9.0)]
        [(0.0, 2.0, False), (2.0, 5.0, True), (5.0, 9.0, False)]
    """
    end = max(bar.start, now if bar.end is None else bar.end)
    found, at = [], bar.start
    for since, until in bar.blocked:
        until = end if until is None else until
        if since > at:
            found.append(Strip(at, since, False))
        found.append(Strip(since, until, True))
        at = until
    if end > at or not found:
        found.append(Strip(at, end, False))
    return found


def bar_columns(bars: Iterable[Bar], began: float, now: float, colours: FunctionColours) -> Columns:
    """The segments of these bars, column by column; times become seconds since the session began."""
    columns: Columns = {name: [] for name in COLUMNS}
    for bar in bars:
        row = bar.lane + 1
        text = {
            "name": bar.name[:NAME_LIMIT],
            "state": STATE_LABELS[bar.state] + (f", attempt {bar.attempt + 1}" if bar.attempt else ""),
            "ran": duration(max(0.0, (now if bar.end is None else bar.end) - bar.start)),
            "queued": duration(bar.queued),
            "worker": f"worker {bar.worker}",
            "task": bar.task,
        }
        for place, strip in enumerate(strips(bar, now)):
            columns["left"].append(strip.start - began)
            columns["right"].append(strip.end - began)
            columns["row"].append(row)
            columns["tick"].append(row + FOOT[1 if place == 0 else 0])
            columns["colour"].append(colours[bar.name])
            columns["alpha"].append(PALE if strip.blocked else SOLID[bar.place % 2])
            for key, value in text.items():
                columns[key].append(value)
    return columns


def failed_columns(bars: Iterable[Bar], began: float) -> Columns:
    """Where the failed executions are, to hatch them."""
    failed = [bar for bar in bars if bar.state is TaskState.FAILED]
    return {
        "left": [bar.start - began for bar in failed],
        "right": [(bar.end or bar.start) - began for bar in failed],
        "row": [bar.lane + 1 for bar in failed],
    }


def wait_columns(waits: Iterable[Wait], began: float) -> Columns:
    """The driver's `get` and `wait` as segments of its own row."""
    columns: Columns = {name: [] for name in COLUMNS}
    for wait in waits:
        row = {
            "left": wait.start - began,
            "right": wait.end - began,
            "row": DRIVER_ROW,
            "tick": DRIVER_ROW + FOOT[1],
            "colour": DRIVER_COLOUR,
            "alpha": PALE,
            "name": f"minray.{wait.kind}",
            "state": f"{wait.ready} of {wait.asked} ready",
            "ran": duration(max(0.0, wait.end - wait.start)),
            "queued": "",
            "worker": "driver",
            "task": "",
        }
        for key, value in row.items():
            columns[key].append(value)
    return columns


def window(first: float, latest: float, span: float) -> tuple[float, float]:
    """The stretch of time to show when following along: the last `span` seconds, but not before `first`.

    Example:
        >>> window(first=1.0, latest=100.0, span=30.0)
        (70.6, 100.6)
        >>> window(first=1.0, latest=5.0, span=30.0)
        (0.92, 5.08)
    """
    start = max(first, latest - span)
    width = max(latest - start, SHORTEST_VIEW)
    margin = 0.02 * width
    if start == first:
        return start - margin, start + width + margin
    return start + margin, start + width + margin
