"""The live timeline: a row a worker, a colour a function, and the driver's waiting on top.

Finished executions are streamed to the browser once; what is going on is sent anew at each update, with its
end at the present.  Both are bounded: see `model.KEEP_BARS`.
"""

from collections import deque
from collections.abc import Sequence
from html import escape
from itertools import islice
from typing import Any, TypeVar

from bokeh.events import RangesUpdate
from bokeh.models import (
    BoxZoomTool,
    Column,
    ColumnDataSource,
    HoverTool,
    PanTool,
    Range1d,
    Row,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.models.renderers import DataRenderer
from bokeh.models.widgets import Div, Select, Toggle
from bokeh.plotting import figure
from bokeh.transform import dodge

from .lanes import (
    BAR_HEIGHT,
    COLUMNS,
    DRIVER_ROW,
    FOOT,
    bar_columns,
    failed_columns,
    strips,
    wait_columns,
    window,
)
from .model import KEEP_BARS, KEEP_WAITS
from .scene import Scene
from .theme import count, duration, style_sheet

KEEP_SEGMENTS = KEEP_BARS + 1_000  # a bar that waits is several segments
SPANS = {
    "10": "last 10 s",
    "30": "last 30 s",
    "60": "last minute",
    "300": "last 5 minutes",
    "inf": "everything",
}
ROW_PIXELS, FRAME_PIXELS, MOST_PIXELS = 26, 104, 900
LEGEND_SHOWN = 24
TOOLTIPS = [
    ("function", "@name"),
    ("state", "@state"),
    ("ran for", "@ran"),
    ("queued for", "@queued"),
    ("on", "@worker"),
    ("task", "@task"),
]
Item = TypeVar("Item")


class Timeline:
    """The plot, its controls above and its legend below."""

    def __init__(self) -> None:
        self._bars = ColumnDataSource({name: [] for name in COLUMNS})
        self._running = ColumnDataSource({name: [] for name in COLUMNS})
        self._waits = ColumnDataSource({name: [] for name in COLUMNS})
        self._failed = ColumnDataSource({"left": [], "right": [], "row": []})
        self._across = Range1d(start=0, end=10, min_interval=1e-5)
        self._down = Range1d(start=0.6, end=-0.6)
        self._figure = self._make_figure()
        self._follow = Toggle(label="Following", active=True, width=110, stylesheets=[style_sheet()])
        self._span = Select(
            value="30",
            options=list[str | tuple[Any, str]](SPANS.items()),
            width=130,
            stylesheets=[style_sheet()],
        )
        self._follow.on_change("active", lambda attr, old, new: self._settle())
        self._span.on_change("value", lambda attr, old, new: self._refit())
        self._figure.on_event(RangesUpdate, lambda event: self._follow.update(active=False))
        self._scene: Scene | None = None
        self._legend = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width")
        self._title = Div(text="<h2>Timeline</h2>", stylesheets=[style_sheet()], sizing_mode="stretch_width")
        controls = Row(
            children=[self._title, self._span, self._follow],
            sizing_mode="stretch_width",
            css_classes=["controls"],
        )
        self.root = Column(children=[controls, self._figure, self._legend], sizing_mode="stretch_width")
        self._forget()

    def show(self, scene: Scene | None) -> None:
        """See `View.show`."""
        self.root.visible = scene is not None and scene.session.task_total() > 0
        if scene is None or not self.root.visible:
            return
        if self._scene is None or scene.source is not self._scene.source:
            self._forget()
            self._scene = scene
            self._span.value = "30" if scene.live else "inf"
            self._follow.active = True
        self._draw_rows(scene)
        self._draw_bars(scene)
        self._draw_waits(scene)
        self._settle()
        self._legend.text = legend_html(scene, sum(self._starts))

    def _make_figure(self) -> figure:
        plot = figure(
            height=200,
            sizing_mode="stretch_width",
            x_range=self._across,
            y_range=self._down,
            x_axis_label="seconds since the session began",
            tools=[
                PanTool(dimensions="width"),
                BoxZoomTool(dimensions="width"),
                WheelZoomTool(dimensions="width", modifiers="ctrl"),
                ZoomInTool(dimensions="width"),
                ZoomOutTool(dimensions="width"),
            ],
            toolbar_location="above",
            output_backend="canvas",
            stylesheets=[style_sheet()],
            css_classes=["timeline"],
        )
        plot.toolbar.logo = None
        plot.ygrid.visible = False
        plot.yaxis.minor_tick_line_color = None
        plot.yaxis.major_tick_line_color = None
        drawn: list[DataRenderer] = []
        for source in (self._bars, self._running, self._waits):
            drawn.append(
                plot.hbar(
                    y="row",
                    left="left",
                    right="right",
                    height=BAR_HEIGHT,
                    fill_color="colour",
                    fill_alpha="alpha",
                    line_color=None,
                    source=source,
                )
            )
        plot.hbar(
            y="row",
            left="left",
            right="right",
            height=BAR_HEIGHT,
            fill_color=None,
            line_color="#b3261e",
            hatch_pattern="right_diagonal_line",
            hatch_color="#ffffff",
            hatch_weight=2,
            source=self._failed,
        )
        for source in (self._bars, self._running):
            y0 = dodge("row", FOOT[0])
            plot.segment(x0="left", x1="left", y0=y0, y1="tick", line_color="colour", source=source)
        plot.add_tools(HoverTool(renderers=drawn, tooltips=TOOLTIPS, point_policy="follow_mouse"))
        return plot

    def _forget(self) -> None:
        """Start from nothing: another session is to be shown."""
        self._bars_drawn = 0
        self._waits_drawn = 0
        self._starts: deque[bool] = deque(maxlen=KEEP_SEGMENTS)  # a segment drawn: does a bar start there?
        for source in (self._bars, self._running, self._waits, self._failed):
            source.data = {name: [] for name in source.data}

    def _draw_rows(self, scene: Scene) -> None:
        """A row for the driver and one a lane, named after the worker that has it now."""
        lanes = scene.session.lanes()
        labels: dict[float | str, Any] = {DRIVER_ROW: "driver"}
        labels |= {lane + 1: f"worker {worker.number}" if worker else "" for lane, worker in enumerate(lanes)}
        if labels != self._figure.yaxis.major_label_overrides or self._down.start != len(labels) - 0.4:
            self._figure.yaxis.ticker = list(range(len(labels)))
            self._figure.yaxis.major_label_overrides = labels
            self._down.start = len(labels) - 0.4
            self._figure.height = min(MOST_PIXELS, FRAME_PIXELS + ROW_PIXELS * len(labels))

    def _draw_bars(self, scene: Scene) -> None:
        session, began = scene.session, scene.began
        bars = newest(session.bars, session.bars_total - self._bars_drawn)
        self._bars_drawn = session.bars_total
        if bars:
            columns = bar_columns(bars, began, scene.now, scene.colours)
            self._bars.stream(columns, rollover=KEEP_SEGMENTS)
            for bar in bars:
                self._starts.extend([True] + [False] * (len(strips(bar, scene.now)) - 1))
            failed = failed_columns(bars, began)
            self._failed.stream(failed, rollover=KEEP_SEGMENTS)
        running = bar_columns(session.running_bars(), began, scene.now, scene.colours)
        if running != self._running.data:
            self._running.data = running

    def _draw_waits(self, scene: Scene) -> None:
        session = scene.session
        waits = newest(session.waits, session.waits_total - self._waits_drawn)
        self._waits_drawn = session.waits_total
        if waits:
            self._waits.stream(wait_columns(waits, scene.began), rollover=KEEP_WAITS)

    def _refit(self) -> None:
        """Another span was picked."""
        self._follow.active = True
        self._settle()

    def _settle(self) -> None:
        """Follow what happens, or stay where the user went."""
        if self._scene is None:
            return
        self._follow.label = follow_label(self._scene.live, self._follow.active)
        self._follow.button_type = "default" if self._follow.active else "primary"
        if self._follow.active:
            self._move(self._scene)

    def _move(self, scene: Scene) -> None:
        session = scene.session
        starts = [bar.start for bar in (*islice(session.bars, 1), *session.running_bars())]
        first = min(starts, default=scene.now) - scene.began
        latest = (scene.now if session.running_bars() else session.last_task_ts) - scene.began
        start, end = window(first, latest, float(self._span.value))
        self._across.update(start=start, end=end)


def follow_label(live: bool, following: bool) -> str:
    """What the button says: the state it is in, or what a click will do."""
    if following:
        return "Following" if live else "Fitted"
    return "Follow again" if live else "Fit again"


def newest(items: Sequence[Item] | deque[Item], number: int) -> list[Item]:
    """The last `number` items, or as many as there are."""
    return list(islice(items, max(0, len(items) - number), None))


def legend_html(scene: Scene, shown: int) -> str:
    """The functions with their colours, and how much of everything the plot shows."""
    functions = list(scene.session.functions.values())
    items = ""
    for function in functions[:LEGEND_SHOWN]:
        name = escape(function.name)
        done = function.finished + function.failed
        times = f"{done:,} &times; {duration(function.seconds / done)}" if done else ""
        failed = f", <em>{function.failed:,} failed</em>" if function.failed else ""
        items += (
            f'<li><i style="background: {scene.colours[function.name]}"></i>'
            f'<strong title="{name}">{name}</strong><small>{times}{failed}</small></li>'
        )
    more = len(functions) - LEGEND_SHOWN
    items += f"<li><small>and {count(more, 'more function')}</small></li>" if more > 0 else ""
    return f'<ul class="legend" aria-label="Functions">{items}</ul><p class="note">{note(scene, shown)}</p>'


def note(scene: Scene, shown: int) -> str:
    """How much of everything the plot shows, in words."""
    total = scene.session.bars_total
    words = f"{shown:,} of {count(total, 'finished execution')} shown"
    if shown < total:
        words += f", the newest (about {KEEP_BARS:,} are kept)"
    if scene.source.unread:
        words += f"; still reading: {count(scene.source.unread, 'event')} to go"
    return words + "."
