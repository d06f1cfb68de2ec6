"""The plot of the timeline: Bokeh's figure, its glyphs, and the sources that they are drawn from."""

from typing import Any

import numpy as np
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    CustomJSHover,
    HoverTool,
    PanTool,
    Range1d,
    SaveTool,
    TapTool,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.models.annotations import Arrow, NormalHead
from bokeh.plotting import figure
from bokeh.transform import dodge

from minray.gcs.schema import TaskState

from ..data.mosaic import PALE
from ..view.sight import Sight
from ..view.theme import DRIVER_COLOUR, STATE_LABELS, style_sheet
from .lanes import BAR_HEIGHT, DRIVER_ROW, FOOT, NUMBERS, Columns

IMAGE_COLUMNS = ("image", "foot", "share", "tasks", "row", "x", "dw")
MARKED_COLUMNS = ("left", "right", "row", "height", "hatch", "edge")
WAIT_COLUMNS = ("left", "right", "kind", "ran", "asked", "ready")
ENDS = ("x0", "y0", "x1", "y1")
Look = dict[str, Any]  # arguments of a glyph
BAR: Look = {"left": "left", "right": "right", "y": "row"}  # which columns say where a bar is
MARK = "#d55e00"
NAME_LIMIT = 80
MOST_WAITS = 2_000
KEEP_GLYPHS = 9_000  # in the browser, beside those that are seen
FOOT_HEIGHT = 0.1
# As `theme.duration` has it.
SECONDS = """
const s = value
if (s < 0.9995) return `${Number((s * 1000).toPrecision(3))} ms`
if (s < 59.95) return `${Number(s.toPrecision(3))} s`
return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`"""


class Canvas:
    """What the timeline draws on.

    Args:
        across, down: the stretch of time, and the rows, that are seen.
    """

    def __init__(self, across: Range1d, down: Range1d) -> None:
        self._bars = ColumnDataSource(_empty(NUMBERS))
        self._marked = ColumnDataSource(_empty(MARKED_COLUMNS))
        self._waits = ColumnDataSource(_empty(WAIT_COLUMNS))
        self._running = ColumnDataSource(_empty(NUMBERS))
        self._image = ColumnDataSource(_empty(IMAGE_COLUMNS))
        self._arrows = ColumnDataSource(_empty(ENDS))
        self._outline = ColumnDataSource(_empty(("left", "right", "row")))
        self._transfers = ColumnDataSource(_empty((*ENDS, "size")))
        self._names = ColumnDataSource({"name": []})
        self.plot = figure(
            height=200,
            sizing_mode="stretch_width",
            x_range=across,
            y_range=down,
            x_axis_label="seconds since the session began",
            tools=[
                PanTool(dimensions="width"),
                BoxZoomTool(dimensions="width"),
                WheelZoomTool(dimensions="width", modifiers="ctrl"),
                ZoomInTool(dimensions="width"),
                ZoomOutTool(dimensions="width"),
                SaveTool(filename="minray-timeline"),
                TapTool(),
            ],
            toolbar_location="above",
            output_backend="canvas",
            stylesheets=[style_sheet()],
            css_classes=["timeline"],
        )
        self.plot.toolbar.logo = None
        self.plot.ygrid.visible = False
        self.plot.yaxis.minor_tick_line_color = None
        self.plot.yaxis.major_tick_line_color = None
        image, bars, waits = self._add_picture(), self._add_bars(), self._add_waits()
        self._add_marks()
        self._add_hover(bars, waits, image)

    def _add_picture(self) -> Any:  # noqa: ANN401 (a renderer)
        """A row a lane, and the ticks at its foot."""
        across: Look = {"x": "x", "dw": "dw", "source": self._image}
        middle, foot = dodge("row", -BAR_HEIGHT / 2), dodge("row", FOOT[0])
        image = self.plot.image_rgba(image="image", y=middle, dh=BAR_HEIGHT, **across)
        self.plot.image_rgba(image="foot", y=foot, dh=FOOT_HEIGHT, **across)
        return image

    def _add_bars(self) -> list[Any]:
        """What has run and what runs, each with a tick where it began."""
        drawn = []
        for source in (self._bars, self._running):
            look: Look = {"fill_color": "colour", "fill_alpha": "alpha", "line_color": None}
            bar = self.plot.hbar(height="height", source=source, **BAR, **look)
            bar.nonselection_glyph = bar.glyph  # a click selects a task, not a bar
            drawn.append(bar)
            self.plot.segment(x0="left", x1="left", y0="foot", y1="tick", line_color="colour", source=source)
        return drawn

    def _add_waits(self) -> Any:  # noqa: ANN401 (a renderer)
        """What the driver waited for, in its own row."""
        place: Look = BAR | {"y": DRIVER_ROW, "height": BAR_HEIGHT, "source": self._waits}
        look: Look = {"line_color": None, "nonselection_alpha": 1.0}
        return self.plot.hbar(fill_color=DRIVER_COLOUR, fill_alpha=PALE, **place, **look)

    def _add_marks(self) -> None:
        """What failed or was tried again, what went between nodes, and what belongs to the selected task."""
        frame: Look = BAR | {"fill_color": None}
        hatch: Look = {"hatch_pattern": "hatch", "hatch_color": "#ffffff", "hatch_weight": 2}
        self.plot.hbar(height="height", line_color="edge", source=self._marked, **frame, **hatch)
        line: Look = {name: name for name in ENDS}
        self.plot.segment(line_color=MARK, line_width=1.5, source=self._transfers, **line)
        height = BAR_HEIGHT + 0.12
        self.plot.hbar(height=height, line_color=MARK, line_width=2.5, source=self._outline, **frame)
        head = NormalHead(size=9, fill_color=MARK, line_color=MARK)
        arrows = Arrow(end=head, source=self._arrows, x_start="x0", y_start="y0", x_end="x1", y_end="y1")
        arrows.update(line_color=MARK, line_width=2)
        self.plot.add_layout(arrows)

    def _add_hover(self, bars: list[Any], waits: Any, image: Any) -> None:  # noqa: ANN401 (renderers)
        words = [
            STATE_LABELS[TaskState(n)] if n in list(TaskState) else "" for n in range(max(TaskState) + 1)
        ]
        names = CustomJSHover(args={"names": self._names}, code="return names.data.name[value] ?? ''")
        states = CustomJSHover(args={"words": words}, code="return words[value]")
        seconds = CustomJSHover(code=SECONDS)
        tasks = [("function", "@function{custom}"), ("state", "@state{custom}"), ("ran for", "@ran{custom}")]
        tasks += [("queued for", "@queued{custom}"), ("on", "worker @worker"), ("task", "@task")]
        waiting = [("driver in", "minray.@kind"), ("for", "@ran{custom}"), ("ready", "@ready of @asked")]
        bins = [("busy here", "@share %"), ("executions begun", "@tasks"), ("at", "$x{0.000} s")]
        of_tasks = {"@function": names, "@state": states, "@ran": seconds, "@queued": seconds}
        kinds: Any = [(bars, tasks, of_tasks), ([waits], waiting, {"@ran": seconds}), ([image], bins, {})]
        for renderers, tooltips, formatters in kinds:
            follow: Look = {"point_policy": "follow_mouse", "formatters": formatters}
            tool = HoverTool(renderers=renderers, tooltips=tooltips, **follow)
            tool.visible = False  # one button for each would only puzzle
            self.plot.add_tools(tool)

    def clear(self) -> None:
        """Draw nothing."""
        for source in (self._bars, self._marked, self._waits, self._running, self._image, self._transfers):
            source.data = _empty(source.data)

    def label_rows(self, labels: dict[float | str, Any], height: int) -> None:
        """Name the rows; a row without a name is shown without one."""
        if labels != self.plot.yaxis.major_label_overrides or self.plot.height != height:
            self.plot.yaxis.ticker = list(range(len(labels)))
            self.plot.yaxis.major_label_overrides = labels
            self.plot.height = height

    def set_bars(self, bars: Columns, marked: Columns) -> None:
        """These are the bars that have ended, and those of them that are hatched."""
        self._bars.data, self._marked.data = bars, marked

    def add_bars(self, bars: Columns, marked: Columns) -> None:
        """More of them."""
        self._bars.stream(bars, rollover=KEEP_GLYPHS)
        if marked["left"].size:
            self._marked.stream(marked, rollover=KEEP_GLYPHS)

    def add_waits(self, waits: Columns) -> None:
        """More of the driver's waiting."""
        self._waits.stream(waits, rollover=MOST_WAITS)

    def show_bars(self, running: Columns, sight: Sight) -> None:
        """Single bars: those that have ended are there already, these still go on."""
        if self._image.data["row"]:
            self._image.data = _empty(IMAGE_COLUMNS)
        if len(running["left"]) or len(self._running.data["left"]):
            self._running.data = running
        functions = sight.session.functions
        if len(self._names.data["name"]) != len(functions):
            self._names.data = {"name": [function.name[:NAME_LIMIT] for function in functions]}

    def show_picture(self, image: Columns) -> None:
        """The picture instead of single bars."""
        self._image.data = image
        for source in (self._bars, self._marked, self._running):
            if len(source.data["left"]):
                source.data = _empty(source.data)

    def show_arrows(self, arrows: Columns, outline: Columns) -> None:
        """What belongs to the selected task."""
        if arrows != self._arrows.data:
            self._arrows.data = arrows
        if outline != self._outline.data:
            self._outline.data = outline

    def draw_transfers(self, sight: Sight) -> None:
        """Thin marks from the node that had an object to the node that got it."""
        transfers, crew = sight.session.transfers.rows[-500:], sight.session.crew
        if len(transfers) == len(self._transfers.data["x0"]) < 500:
            return
        nodes = [crew.node_of(lane) for lane in crew.order()]
        first = {node: nodes.index(node) + 0.6 for node in nodes}
        self._transfers.data = {
            "x0": transfers["start"] - sight.began,
            "x1": transfers["end"] - sight.began,
            "y0": np.array([first.get(int(node), 0.5) for node in transfers["source"]]),
            "y1": np.array([first.get(int(node), 0.5) for node in transfers["node"]]),
            "size": transfers["size"],
        }


def _empty(columns: Any) -> dict[str, list[Any]]:  # noqa: ANN401 (anything with names)
    return {name: [] for name in columns}
