"""The live timeline: a row a worker, a colour a function, and the driver's waiting on top.

Zoomed in, executions are single bars; they are streamed to the browser once, and what is going on is sent
anew at each update.  Where more than `MOST_BARS` would be seen, the server paints a picture instead (see
`data.mosaic`): neither a million tasks nor a minute of thousands is more work for the browser than a few.
"""

from collections.abc import Callable
from html import escape
from typing import Any

from bokeh.events import Tap
from bokeh.models import Column, Range1d
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Div

from ..data.columns import Array
from ..data.mosaic import level_for, surely_visible, visible
from ..view.sight import Sight, View
from ..view.theme import count, duration, style_sheet
from . import lanes
from .canvas import MOST_WAITS, Canvas
from .window import Window

MOST_BARS = 2_500  # that are seen as single bars; beyond about 15,000 a browser cannot paint them in time
PIXELS = 1_500  # a picture has between half and all of these across
ROW_PIXELS, FRAME_PIXELS, MOST_PIXELS = 26, 104, 900
LEGEND_SHOWN = 24


class Timeline(View):
    """The plot, its controls above and its legend below.

    Args:
        ask: see `View`.
        compact: whether it is a part of another page, and does without the slider.
    """

    def __init__(self, ask: Callable[[str], None], compact: bool = False) -> None:
        super().__init__(ask)
        self._window = Window()
        self._down = Range1d(start=0.6, end=-0.6)
        self._canvas = Canvas(self._window.across, self._down)
        self._window.move_with(self._canvas.plot)
        self._canvas.plot.on_event(Tap, lambda event: self._tapped(event.x, event.y))
        self._legend = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width")
        slider = [] if compact else [self._window.slider]
        parts = [self._window.controls, self._canvas.plot, *slider, self._legend]
        self.root = Column(children=list[UIElement](parts), sizing_mode="stretch_width")
        self._sight: Sight | None = None
        self._frozen = False
        self._forget()

    def freeze(self) -> None:
        """Become a picture of everything, without what only a server can answer."""
        self._window.controls.visible = False
        self._frozen = True

    def moving(self, sight: Sight) -> object:
        """See `View.moving`."""
        return self._window.moved

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
                self._window.begin(sight.live and not self._frozen)
        self._window.show(sight)
        self._draw_rows(sight)
        shown = self._draw(sight)
        self._draw_waits(sight)
        which = (sight.session, sight.selected, sight.began, sight.now)
        self._canvas.show_arrows(lanes.arrow_columns(*which), lanes.outline_columns(*which))
        text = legend_html(sight, shown)
        if text != self._legend.text:
            self._legend.text = text

    def asked(self, verb: str, what: str) -> None:
        """Keys; see `Window.key`."""
        self._window.key(what)

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
        labels: dict[float | str, Any] = {lanes.DRIVER_ROW: "driver"}
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
        start, end = (began + moment for moment in self._window.seen)
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
        self._canvas.show_picture(lanes.picture_columns(tiles, order, sight.began))
        return int(tiles.begun.sum()) - len(sight.session.running())

    def _draw_bars(self, sight: Sight, start: float, end: float) -> None:
        session, began, codes = sight.session, sight.began, sight.colour_codes
        low, high = self._loaded
        new = session.bars.since(self._drawn)
        bars = new[(new["end"] >= low) & (new["start"] <= high)]
        anew = start < low or end > high or self._drawn < session.bars.first
        if anew:
            self._loaded, bars = self._around(sight, start, end)
        if anew or len(bars):
            put = self._canvas.set_bars if anew else self._canvas.add_bars
            marked = lanes.marked_columns(session, bars, began)
            put(lanes.bar_columns(session, bars, began, codes), marked)
        self._drawn = session.bars.total
        self._canvas.show_bars(lanes.running_columns(session, sight.now, began, codes), sight)

    def _around(self, sight: Sight, start: float, end: float) -> tuple[tuple[float, float], Array]:
        """The bars that are seen, with those to both sides if they are not too many; and between when."""
        rows, width = sight.session.bars.rows, end - start
        future = float("inf") if self._window.following and sight.live else end + width
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
            self._canvas.add_waits(lanes.wait_columns(new, sight.began))
        self._canvas.draw_transfers(sight)

    def _tapped(self, x: float | None, y: float | None) -> None:
        """Select the task there, if there is one."""
        if self._sight is None or x is None or y is None:
            return
        start, end = self._window.seen
        task = lanes.task_at(self._sight.session, self._sight.began + x, round(y), (end - start) / 400)
        if task is not None:
            self.ask(f"task:{task}")


def legend_html(sight: Sight, shown: int) -> str:
    """The legend as HTML.

    Args:
        sight: what is shown.
        shown: how many executions that have ended are within the view.
    """
    functions = [function for function in sight.session.functions[1:]]
    items = ""
    for function in functions[:LEGEND_SHOWN]:
        name = escape(function.name)
        done = function.finished + function.failed
        times = f"{done:,} &times; {duration(function.seconds / done)}" if done else ""
        failed = f", <em>{function.failed:,} failed</em>" if function.failed else ""
        items += (
            f'<li><i style="background: {sight.colours[function.name]}"></i>'
            f'<strong title="{name}">{name}</strong><small>{times}{failed}</small></li>'
        )
    more = len(functions) - LEGEND_SHOWN
    items += f"<li><small>and {count(more, 'more function')}</small></li>" if more > 0 else ""
    return f'<ul class="legend" aria-label="Functions">{items}</ul><p class="note">{note(sight, shown)}</p>'


def note(sight: Sight, shown: int) -> str:
    """How much of everything the plot shows, in words."""
    bars = sight.session.bars
    words = f"{shown:,} of {count(bars.total, 'finished execution')} within this view"
    if bars.first:
        words += f"; the oldest {bars.first:,} are no longer kept"
    return words + ". Paler: blocked in get. Hatched: failed; dotted: another attempt."
