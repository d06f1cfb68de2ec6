"""The live timeline: a row a worker, a colour a function, and the driver's waiting on top.

Zoomed in, executions are single bars; they are streamed to the browser once, and what is going on is sent
anew at each update.  Where more than `MOST_BARS` would be seen, the server paints a picture instead (see
`mosaic`), so that neither a million tasks nor a minute of thousands is more work for the browser than a few.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate, Tap
from bokeh.models import Column, Range1d, Row
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Div, RangeSlider, Select, Toggle

from ..data.mosaic import level_for, surely_visible, visible
from ..view.sight import Sight, View
from ..view.theme import style_sheet
from .canvas import Canvas
from .lanes import (
    DRIVER_ROW,
    SHORTEST_VIEW,
    Columns,
    bar_columns,
    marked_columns,
    picture_columns,
    running_columns,
    wait_columns,
    window,
)
from .legend import legend_html

MOST_BARS = 2_500  # that are seen as single bars; beyond about 15,000 a browser cannot paint them in time
KEEP_GLYPHS = 9_000  # in the browser, beside those that are seen
MOST_WAITS = 2_000
PIXELS = 1_500  # a picture has between half and all of these across
SPANS = {
    "10": "last 10 s",
    "30": "last 30 s",
    "60": "last minute",
    "300": "last 5 minutes",
    "inf": "everything",
}
ROW_PIXELS, FRAME_PIXELS, MOST_PIXELS = 26, 104, 900
ARROWS = 200


class Timeline(View):
    """The plot, its controls above and its legend below.

    Args:
        ask: see `View`.
        compact: whether it is a part of another page, and does without the slider.
    """

    def __init__(self, ask: Callable[[str], None], compact: bool = False) -> None:
        super().__init__(ask)
        self._across = Range1d(start=0, end=10, min_interval=1e-5)
        self._down = Range1d(start=0.6, end=-0.6)
        self._canvas = Canvas(self._across, self._down)
        self._follow = Toggle(
            label="Following", active=True, width=110, align="end", stylesheets=[style_sheet()]
        )
        self._span = Select(
            title="Time span",
            value="30",
            options=list[str | tuple[Any, str]](SPANS.items()),
            width=130,
            stylesheets=[style_sheet()],
            name="span",
        )
        self._slider = RangeSlider(
            start=0,
            end=10,
            value=(0, 10),
            step=0.01,
            title="Shown, in seconds",
            sizing_mode="stretch_width",
            stylesheets=[style_sheet()],
        )
        self._follow.on_change("active", lambda attr, old, new: self._turn())
        self._span.on_change("value", lambda attr, old, new: self._follow_again())
        self._slider.on_change("value_throttled", lambda attr, old, new: self._go_to(*new))
        self._canvas.plot.on_event(RangesUpdate, lambda event: self._went(event.x0, event.x1))
        self._canvas.plot.on_event(Tap, lambda event: self._tapped(event.x, event.y))
        self._sight: Sight | None = None
        self._frozen = False
        self._moved = 0  # how often the user has gone somewhere
        self._legend = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width")
        title = Div(
            text="<h2>Timeline</h2>",
            align="end",
            stylesheets=[style_sheet()],
            sizing_mode="stretch_width",
        )
        self._controls = Row(
            children=[title, self._span, self._follow], sizing_mode="stretch_width", css_classes=["controls"]
        )
        slider = [] if compact else [self._slider]
        parts = [self._controls, self._canvas.plot, *slider, self._legend]
        self.root = Column(children=list[UIElement](parts), sizing_mode="stretch_width")
        self._forget()

    def freeze(self) -> None:
        """Become a picture of everything, without what only a server can answer."""
        self._controls.visible = False
        self._frozen = True

    def moving(self, sight: Sight) -> object:
        """See `View.moving`."""
        return self._moved

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None and sight.session.task_total() > 0
        if sight is None or not self.root.visible:
            return
        if self._sight is None or sight.source is not self._sight.source:
            another = self._sight is None or sight.entry.name != self._sight.entry.name
            self._forget()
            self._sight = sight
            if another:
                self._span.value = "30" if sight.live and not self._frozen else "inf"
                self._follow.active = True
        if self._follow.active:
            self._settle(sight)
        self._label(sight)
        self._draw_rows(sight)
        shown = self._draw(sight)
        self._draw_waits(sight)
        self._draw_arrows(sight)
        self._fit_slider(sight)
        text = legend_html(sight, shown)
        if text != self._legend.text:
            self._legend.text = text

    def asked(self, verb: str, what: str) -> None:
        """Keys: arrows move, plus and minus zoom, f follows, 0 shows everything."""
        start, end = self._view
        width = end - start
        if what == "f":
            self._follow.active = not self._follow.active
        elif what == "0":
            self._span.value = "inf"
            self._follow_again()
        elif what in ("ArrowLeft", "ArrowRight"):
            step = width / 4 * (1 if what == "ArrowRight" else -1)
            self._go_to(start + step, end + step)
        elif what in ("+", "-"):
            grow = -width / 4 if what == "+" else width / 2
            self._go_to(start - grow, end + grow)

    # Where it looks.

    @property
    def _view(self) -> tuple[float, float]:
        """From when to when, in seconds since the session began."""
        start, end = self._across.start, self._across.end
        assert isinstance(start, int | float), "the axis has no dates"
        assert isinstance(end, int | float), "the axis has no dates"
        return float(start), float(end)

    def _turn(self) -> None:
        self._moved += 1

    def _follow_again(self) -> None:
        """Another span was picked."""
        self._follow.active = True
        self._moved += 1

    def _went(self, start: float | None, end: float | None) -> None:
        """The user has moved the view with mouse or tools."""
        if start is not None and end is not None:
            self._across.update(start=start, end=end)
        self._follow.active = False
        self._moved += 1

    def _go_to(self, start: float, end: float) -> None:
        self._across.update(start=start, end=max(end, start + 1e-4))
        self._follow.active = False
        self._moved += 1

    def _settle(self, sight: Sight) -> None:
        """Follow what happens."""
        session = sight.session
        latest = sight.now if session.running() else session.last_task_ts
        first = session.first_task_ts or sight.now
        start, end = window(first - sight.began, latest - sight.began, float(self._span.value))
        self._across.update(start=start, end=end)

    def _fit_slider(self, sight: Sight) -> None:
        session = sight.session
        end = max(SHORTEST_VIEW, sight.now - sight.began, session.last_ts - sight.began)
        if end > self._slider.end or end < self._slider.end / 4:
            self._slider.update(end=end * (1.25 if sight.live else 1.02), step=max(end / 2_000, 1e-4))
        low, high = max(0.0, self._view[0]), self._view[1]
        value = (low, min(float(self._slider.end), max(low + 1e-4, high)))
        # Each change moves the handles under the user's fingers, so small ones wait.
        visible_change = 0.005 * float(self._slider.end)
        if any(abs(new - old) > visible_change for new, old in zip(value, self._slider.value, strict=True)):
            self._slider.value = value

    def _label(self, sight: Sight) -> None:
        label = follow_label(sight.live, self._follow.active)
        kind = "default" if self._follow.active else "primary"
        if self._follow.label != label:
            self._follow.update(label=label, button_type=kind)

    # What it draws.

    def _forget(self) -> None:
        """Start from nothing: another session is to be shown."""
        self._loaded: tuple[float, float] = (0.0, -1.0)  # between which moments all bars are in the browser
        self._drawn = 0  # the bars up to this serial number have been sent, those outside of that left out
        self._layout: object = None
        self._waits_drawn = 0
        self._canvas.clear()

    def _draw_rows(self, sight: Sight) -> None:
        """A row for the driver and one a lane, named after the worker that has it now, grouped by node."""
        crew = sight.session.crew
        labels: dict[float | str, Any] = {DRIVER_ROW: "driver"}
        several = len({crew.node_of(lane) for lane in crew.order()}) > 1
        for row, worker in enumerate(crew.in_lanes(), start=1):
            name = f"worker {worker.number}" if worker.number else ""
            name = f"actor {worker.detail[:14]}" if worker.state == "ACTOR" else name
            labels[row] = f"node {worker.node} · {name}" if several else name
        height = min(MOST_PIXELS, FRAME_PIXELS + ROW_PIXELS * len(labels))
        self._canvas.label_rows(labels, height)
        if self._down.start != len(labels) - 0.4:
            self._down.start = len(labels) - 0.4

    def _draw(self, sight: Sight) -> int:
        """Bars or picture; returns how many executions that have ended are seen."""
        session, began = sight.session, sight.began
        start, end = (began + moment for moment in self._view)
        layout = (tuple(session.crew.order()), tuple(session.crew.depth))
        if layout != self._layout:  # lanes have moved: all must be sent anew
            self._layout, self._loaded = layout, (0.0, -1.0)
        if surely_visible(session.bars.rows, start, end) <= MOST_BARS:
            number = len(visible(session.bars.rows, start, end))
            if number <= MOST_BARS:
                self._draw_bars(sight, start, end)
                return number
        self._loaded = (0.0, -1.0)
        return self._draw_picture(sight, start, end)

    def _draw_picture(self, sight: Sight, start: float, end: float) -> int:
        level = level_for(end - start, PIXELS)
        order = sight.session.crew.order()
        tiles = sight.mosaic(level).tiles(start, end, sight.now, sight.palette)
        self._canvas.show_picture(picture_columns(tiles, order, sight.began))
        return int(tiles.begun.sum()) - len(sight.session.running())

    def _draw_bars(self, sight: Sight, start: float, end: float) -> None:
        session, began, codes = sight.session, sight.began, sight.colour_codes
        low, high = self._loaded
        new = session.bars.since(self._drawn)
        if start < low or end > high or self._drawn < session.bars.first:
            self._loaded, bars = self._around(sight, start, end)
            self._canvas.bars.data = bar_columns(session, bars, began, codes)
            self._canvas.marked.data = marked_columns(session, bars, began)
            self._drawn = session.bars.total
        elif len(new):
            bars = new[(new["end"] >= low) & (new["start"] <= high)]
            self._drawn = session.bars.total
            if len(bars):
                self._canvas.bars.stream(bar_columns(session, bars, began, codes), rollover=KEEP_GLYPHS)
                marked = marked_columns(session, bars, began)
                if marked["left"].size:
                    self._canvas.marked.stream(marked, rollover=KEEP_GLYPHS)
        self._canvas.show_bars(running_columns(session, sight.now, began, codes), sight)

    def _around(self, sight: Sight, start: float, end: float) -> tuple[tuple[float, float], Any]:
        """The bars that are seen, with those to both sides if they are not too many; and between when."""
        rows, width = sight.session.bars.rows, end - start
        future = float("inf") if self._follow.active and sight.live else end + width
        for low, high in ((start - width, future), (start - width / 8, min(future, end + width / 8))):
            bars = visible(rows, low, high)
            if len(bars) <= 2 * MOST_BARS:
                return (low, high), bars
        return (start, end), visible(rows, start, end)

    def _draw_waits(self, sight: Sight) -> None:
        session = sight.session
        new = session.waits.since(self._waits_drawn)[-MOST_WAITS:]
        self._waits_drawn = session.waits.total
        if len(new):
            self._canvas.waits.stream(wait_columns(new, sight.began), rollover=MOST_WAITS)
        self._canvas.draw_transfers(sight)

    def _draw_arrows(self, sight: Sight) -> None:
        """From the tasks whose results the selected one needs, and to those that need its own."""
        columns: Columns = {name: [] for name in ("x0", "y0", "x1", "y1")}
        if sight.selected is not None:
            edges = sight.session.edges.rows
            mine = edges[(edges["task"] == sight.selected) | (edges["producer"] == sight.selected)][:ARROWS]
            for edge in mine:
                ends = self._place(sight, int(edge["producer"]), "end")
                starts = self._place(sight, int(edge["task"]), "start")
                if ends and starts:
                    for name, value in zip(columns, (*ends, *starts), strict=True):
                        columns[name].append(value)
        self._canvas.show_arrows(columns, self._outline(sight))

    def _place(self, sight: Sight, task: int, what: str) -> tuple[float, float] | None:
        """Where a task begins or ends in the plot."""
        row = sight.session.tasks.row(task)
        if row is None or not row["start"]:
            return None
        worker = sight.session.crew.workers.get(int(row["worker"]))
        if worker is None or worker.lane is None:
            return None
        moment = float(row[what]) or sight.now
        return moment - sight.began, sight.session.crew.order().index(worker.lane) + 1.0

    def _outline(self, sight: Sight) -> Columns:
        """A frame around the selected task."""
        start = None if sight.selected is None else self._place(sight, sight.selected, "start")
        end = None if sight.selected is None else self._place(sight, sight.selected, "end")
        if start is None or end is None:
            return {"left": [], "right": [], "row": []}
        return {"left": [start[0]], "right": [end[0]], "row": [start[1]]}

    def _tapped(self, x: float | None, y: float | None) -> None:
        """Select the task there, if there is one; where there are many, the longest."""
        if self._sight is None or x is None or y is None:
            return
        session, moment = self._sight.session, self._sight.began + x
        row = round(y) - 1
        order = session.crew.order()
        if not 0 <= row < len(order):
            return
        near = (self._view[1] - self._view[0]) / 400
        bars = visible(session.bars.rows, moment - near, moment + near)
        here = bars[bars["lane"] == order[row]]
        going = [
            e.task
            for e in session.running()
            if e.start is not None
            and e.start <= moment + near
            and session.crew.worker(e.worker or 0).lane == order[row]
        ]
        if going and moment >= max([0.0, *here["end"].tolist()]) - near:
            self.ask(f"task:{going[-1]}")
        elif len(here):
            exact = here[(here["start"] <= moment) & (here["end"] >= moment)]
            chosen = exact if len(exact) else here
            self.ask(f"task:{int(chosen['task'][np.argmax(chosen['end'] - chosen['start'])])}")


def follow_label(live: bool, following: bool) -> str:
    """What the button says: the state it is in, or what a click will do."""
    if following:
        return "Following" if live else "Fitted"
    return "Follow again" if live else "Fit again"
