"""Bars as columns for the timeline, and which task is where in it.  No Bokeh in here.

A bar is drawn as one segment, or as several if it waited for other tasks in between: those are paler::

    worker 1  |#####################|
    worker 2  |####|::::::::::::|###|      one task, blocked in get in its middle
              '    '                       ticks at the foot: each start, however short the task

A task of a microsecond is a thousandth of a pixel wide, and honestly painted so: a row full of such tasks
looks as empty as the worker was idle.  The ticks at the foot still show that they were there.

Rows count from 0 at the top: the driver, then the lanes in the order of `Crew.order`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minray.gcs.schema import TaskState

from ..data.columns import Array
from ..data.model import Session
from ..data.mosaic import PALE, Tiles, visible
from ..data.workers import Run

DRIVER_ROW = 0
# Neighbours on a worker differ a little, so that one is seen to end and the next to begin.
SOLID = np.array([1.0, 0.78])
BAR_HEIGHT = 0.62
FOOT = (0.33, 0.45)  # where a start's tick is, below the middle of its row
HATCH_ROWS = 6  # in which a row of the picture is painted where something failed
ARROWS = 200

NUMBERS = (
    *("left", "right", "row", "height", "foot", "tick", "colour", "alpha"),
    *("function", "state", "attempt", "ran", "queued", "worker", "task"),
)
KINDS: dict[str, Any] = {
    "colour": np.uint32,
    **dict.fromkeys(("function", "state", "attempt", "worker", "task"), np.int32),
}
Columns = dict[str, Any]  # of arrays, all of one length


class Strip(NamedTuple):
    """A part of a bar that is drawn alike: from, to, and whether the task was blocked."""

    start: float
    end: float
    blocked: bool


def strips(start: float, end: float, holds: Iterable[tuple[float, float]]) -> list[Strip]:
    """Cut a bar where it begins and ends to wait.

    Example:
        >>> [tuple(strip) for strip in strips(0.0, 9.0, [(2.0, 5.0)])]
        [(0.0, 2.0, False), (2.0, 5.0, True), (5.0, 9.0, False)]
    """
    found, at = [], start
    for since, until in holds:
        if since > at:
            found.append(Strip(at, since, False))
        found.append(Strip(since, until, True))
        at = until
    if end > at or not found:
        found.append(Strip(at, max(at, end), False))
    return found


class Rows:
    """Where each lane is drawn.

    Args:
        session: its lanes.
    """

    def __init__(self, session: Session) -> None:
        order = session.crew.order()
        self.of_lane = np.zeros(max(len(order), 1))
        self.of_lane[order] = np.arange(1, len(order) + 1)
        self.depth = np.array(session.crew.depth or [1])

    def place(self, lane: Array, slot: Array) -> tuple[Array, Array]:
        """The middle and the height of bars; executions that go on at once share their lane's height."""
        height = BAR_HEIGHT / self.depth[lane]
        middle = self.of_lane[lane] + (slot % self.depth[lane] + 0.5) * height - BAR_HEIGHT / 2
        return middle, height


def bar_columns(session: Session, bars: Array, began: float, colours: Array) -> Columns:
    """The segments of these bars, column by column; times become seconds since the session began."""
    row, height = Rows(session).place(bars["lane"], bars["slot"])
    columns: Columns = {
        "left": bars["start"] - began,
        "right": bars["end"] - began,
        "row": row,
        "height": height,
        "foot": np.floor(row + 0.5) + FOOT[0],
        "tick": np.floor(row + 0.5) + FOOT[1],
        "colour": colours[bars["function"]],
        "alpha": SOLID[bars["parity"]],
        "function": bars["function"].astype(np.int32),
        "state": bars["state"].astype(np.int32),
        "attempt": bars["attempt"].astype(np.int32),
        "ran": bars["end"] - bars["start"],
        "queued": bars["queued"].astype(float),
        "worker": bars["worker"].astype(np.int32),
        "task": bars["task"].astype(np.int32),
    }
    holds = _holds_of(session, bars)
    return _split(columns, bars, holds, began) if holds else columns


def _holds_of(session: Session, bars: Array) -> dict[tuple[int, int], list[tuple[float, float]]]:
    if not len(bars):
        return {}
    holds = visible(session.holds.rows, bars["start"].min(), bars["end"].max())
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for hold in holds[np.isin(holds["task"], bars["task"])]:
        key = (int(hold["task"]), int(hold["attempt"]))
        found.setdefault(key, []).append((float(hold["start"]), float(hold["end"])))
    return found


def _split(
    columns: Columns, bars: Array, holds: dict[tuple[int, int], list[tuple[float, float]]], began: float
) -> Columns:
    """Make several segments of each bar that was blocked."""
    source, parts = [], []
    for place, bar in enumerate(bars):
        of_bar = holds.get((int(bar["task"]), int(bar["attempt"])), ())
        found = strips(float(bar["start"]), float(bar["end"]), of_bar)
        source += [place] * len(found)
        parts += found
    split = {name: values[source] for name, values in columns.items()}
    split["left"] = np.array([part.start for part in parts]) - began
    split["right"] = np.array([part.end for part in parts]) - began
    split["alpha"] = np.where([part.blocked for part in parts], PALE, split["alpha"])
    first = np.diff(np.array([-1, *source])) > 0
    split["tick"] = np.where(first, split["tick"], split["foot"])
    return split


def running_columns(session: Session, now: float, began: float, colours: Array) -> Columns:
    """What goes on now, as bars that end at this moment."""
    rows, parts = Rows(session), []
    for run in session.running():
        lane = session.crew.worker(run.worker or 0).lane
        if run.start is None or lane is None:
            continue
        middle, height = rows.place(np.array([lane]), np.array([run.slot]))
        for place, strip in enumerate(_running_strips(run, now)):
            foot, tick = (np.floor(middle[0] + 0.5) + FOOT[at] for at in (0, 1 if place == 0 else 0))
            alpha = PALE if strip.blocked else SOLID[run.parity]
            where = (strip.start - began, strip.end - began, middle[0], height[0], foot, tick)
            state, ran = int(run.state or 0), max(0.0, now - run.start)
            queued = max(0.0, run.start - (run.queued or run.start))
            what = (colours[run.function], alpha, run.function, state, run.attempt)
            parts.append((*where, *what, ran, queued, run.worker or 0, run.task))
    return {
        name: np.array([part[place] for part in parts], KINDS.get(name, np.float64))
        for place, name in enumerate(NUMBERS)
    }


def _running_strips(run: Run, now: float) -> list[Strip]:
    assert run.start is not None
    held = [] if run.held is None else [(run.held, max(now, run.held))]
    return strips(run.start, now, [*run.holds, *held])


def marked_columns(session: Session, bars: Array, began: float) -> Columns:
    """Where failed and retried executions are, to hatch them."""
    marked = bars[(bars["state"] == TaskState.FAILED) | (bars["attempt"] > 0)]
    row, height = Rows(session).place(marked["lane"], marked["slot"])
    failed = marked["state"] == TaskState.FAILED
    return {
        "left": marked["start"] - began,
        "right": marked["end"] - began,
        "row": row,
        "height": height,
        "hatch": ["right_diagonal_line" if one else "dot" for one in failed],
        "edge": ["#b3261e" if one else "#ffffff00" for one in failed],
    }


def wait_columns(waits: Array, began: float) -> Columns:
    """The driver's `get` and `wait` as segments of its own row."""
    return {
        "left": waits["start"] - began,
        "right": waits["end"] - began,
        "kind": waits["kind"].tolist(),
        "ran": np.maximum(0.0, waits["end"] - waits["start"]),
        "asked": waits["asked"].astype(np.int32),
        "ready": waits["ready"].astype(np.int32),
    }


def picture_columns(tiles: Tiles, order: Sequence[int], began: float) -> Columns:
    """A row of the picture for each lane, and one with the ticks at its foot."""
    rgb, busy, failed = tiles.rgb(), tiles.busy(), tiles.failed()
    bins = busy.shape[1]
    pixels = np.zeros((*busy.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = rgb, np.round(busy * 255)
    ticks = pixels.copy()
    ticks[..., 3] = np.where(tiles.begun > 0, 255, 0)
    columns: Columns = {name: [] for name in ("image", "foot", "share", "tasks", "row")}
    for row, lane in enumerate(order, start=1):
        image = pixels[lane][None]
        if failed[lane].any():
            image = np.repeat(image, HATCH_ROWS, axis=0)
            diagonal = (np.arange(bins) + np.arange(HATCH_ROWS)[:, None]) % HATCH_ROWS < 2
            image[diagonal & failed[lane]] = (179, 38, 30, 255)
        height = len(image)
        columns["image"].append(np.ascontiguousarray(image).view(np.uint32)[..., 0])
        columns["foot"].append(np.ascontiguousarray(ticks[lane][None]).view(np.uint32)[..., 0])
        shares = np.round(busy[lane] * 100).astype(np.uint8)
        columns["share"].append(np.repeat(shares[None], height, axis=0))
        columns["tasks"].append(np.repeat(tiles.begun[lane].astype(np.uint16)[None], height, axis=0))
        columns["row"].append(row)
    columns["x"] = [tiles.start - began] * len(order)
    columns["dw"] = [tiles.step * bins] * len(order)
    return columns


def arrow_columns(session: Session, selected: int | None, began: float, now: float) -> Columns:
    """From the tasks whose results the selected one needs, and to those that need its own."""
    columns: Columns = {name: [] for name in ("x0", "y0", "x1", "y1")}
    if selected is None:
        return columns
    edges = session.edges.rows
    for edge in edges[(edges["task"] == selected) | (edges["producer"] == selected)][:ARROWS]:
        ends = _place(session, int(edge["producer"]), "end", began, now)
        starts = _place(session, int(edge["task"]), "start", began, now)
        if ends and starts:
            for name, value in zip(columns, (*ends, *starts), strict=True):
                columns[name].append(value)
    return columns


def outline_columns(session: Session, selected: int | None, began: float, now: float) -> Columns:
    """A frame around the selected task."""
    columns: Columns = {"left": [], "right": [], "row": []}
    if selected is not None:
        start, end = (_place(session, selected, what, began, now) for what in ("start", "end"))
        if start and end:
            columns = {"left": [start[0]], "right": [end[0]], "row": [start[1]]}
    return columns


def _place(session: Session, task: int, what: str, began: float, now: float) -> tuple[float, float] | None:
    """Where a task begins or ends in the plot."""
    row = session.tasks.row(task)
    if row is None or not row["start"]:
        return None
    worker = session.crew.workers.get(int(row["worker"]))
    if worker is None or worker.lane is None:
        return None
    return (float(row[what]) or now) - began, session.crew.order().index(worker.lane) + 1.0


def task_at(session: Session, moment: float, row: int, near: float) -> int | None:
    """The task that is drawn there, if there is one; where there are many, the longest.

    Args:
        session: its bars.
        moment: seconds since 1970.
        row: in which it is drawn.
        near: how many seconds beside it is near enough.
    """
    order = session.crew.order()
    if not 1 <= row <= len(order):
        return None
    lane = order[row - 1]
    bars = visible(session.bars.rows, moment - near, moment + near)
    here = bars[bars["lane"] == lane]
    going = [
        run.task
        for run in session.running()
        if run.start is not None
        and run.start <= moment + near
        and session.crew.worker(run.worker or 0).lane == lane
    ]
    if going and moment >= max([0.0, *here["end"].tolist()]) - near:
        return going[-1]
    if not len(here):
        return None
    exact = here[(here["start"] <= moment) & (here["end"] >= moment)]
    chosen = exact if len(exact) else here
    return int(chosen["task"][np.argmax(chosen["end"] - chosen["start"])])
