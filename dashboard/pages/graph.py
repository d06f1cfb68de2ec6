"""The graph page: tasks as boxes in layers, an arrow from each result to where it is needed."""

import time
from collections.abc import Callable
from typing import Any

from bokeh.events import Tap
from bokeh.models import (
    BoxZoomTool,
    Column,
    ColumnDataSource,
    HoverTool,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    WheelZoomTool,
)
from bokeh.models.widgets import Div
from bokeh.plotting import figure

from ..timeline.lanes import Columns
from ..view.sight import Sight, View
from ..view.theme import STATE_COLOURS, count, states_legend, style_sheet
from .layers import MOST_BOXES, Box, Graph, graph_of

WIDTH, HEIGHT = 0.74, 0.7  # of a box, where layers and rows are 1 apart
ROW_PIXELS, MOST_PIXELS, LEAST_PIXELS = 30, 1_000, 220
MANY = 2_000  # tasks beyond which the graph is made once a second
CURVE = ("x0", "y0", "x1", "y1", "c0", "c1", "width")
LABEL = 16  # letters that fit into a box


class GraphPage(View):
    """The plot, and what it shows of everything."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self._boxes = ColumnDataSource({name: [] for name in ("x", "y", "label", "name", "what", "edge")})
        self._parts = ColumnDataSource({name: [] for name in ("left", "right", "y", "colour")})
        self._stripes = ColumnDataSource({name: [] for name in ("left", "right", "y", "colour")})
        self._arrows = ColumnDataSource({name: [] for name in CURVE})
        self._births = ColumnDataSource({name: [] for name in CURVE})
        self._across, self._down = Range1d(start=-0.6, end=3.6), Range1d(start=2, end=-2)
        self._plot = self._make_plot()
        self._note = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width")
        title = Div(text="<h2>Graph</h2>", stylesheets=[style_sheet()], sizing_mode="stretch_width")
        self.root = Column(children=[title, self._plot, self._note], sizing_mode="stretch_width")
        self._graph: Graph | None = None
        self._fitted: object = None
        self._drawn_at = float("-inf")
        self._late = False

    def _make_plot(self) -> figure:
        plot = figure(
            height=LEAST_PIXELS,
            sizing_mode="stretch_width",
            x_range=self._across,
            y_range=self._down,
            tools=[
                PanTool(),
                BoxZoomTool(),
                WheelZoomTool(modifiers="ctrl"),
                SaveTool(filename="minray-graph"),
                ResetTool(),
            ],
            toolbar_location="above",
            stylesheets=[style_sheet()],
            css_classes=["graph"],
        )
        plot.toolbar.logo = None
        plot.axis.visible = False
        plot.grid.visible = False
        boxes = self._add_glyphs(plot)
        hover = HoverTool(renderers=[boxes], tooltips=[("function", "@name"), ("tasks", "@what")])
        hover.visible = False
        plot.add_tools(hover)
        plot.on_event(Tap, lambda event: self._tapped(event.x, event.y))
        return plot

    def _add_glyphs(self, plot: figure) -> Any:  # noqa: ANN401 (a renderer)
        """Arrows below, the boxes above them; returns the boxes."""
        curve: dict[str, Any] = {
            **{name: name for name in ("x0", "y0", "x1", "y1")},
            **{"cx0": "c0", "cy0": "y0", "cx1": "c1", "cy1": "y1", "line_width": "width"},
        }
        for source, dash in ((self._arrows, "solid"), (self._births, "dotted")):
            plot.bezier(line_color="#8a949e", line_dash=dash, source=source, **curve)
        bar: dict[str, Any] = {"y": "y", "left": "left", "right": "right", "height": HEIGHT}
        for source in (self._parts, self._stripes):
            plot.hbar(fill_color="colour", line_color=None, source=source, **bar)
        edge: dict[str, Any] = {"fill_alpha": 0.0, "line_color": "edge", "line_width": 2}
        boxes = plot.rect(x="x", y="y", width=WIDTH, height=HEIGHT, source=self._boxes, **edge)
        middle: dict[str, Any] = {"text_align": "center", "text_baseline": "middle"}
        letters: dict[str, Any] = {"text_color": "#ffffff", "text_font_size": "12px"}
        plot.text(x="x", y="y", text="label", source=self._boxes, **middle, **letters)
        return boxes

    def moving(self, sight: Sight) -> object:
        """See `View.moving`."""
        return int(time.monotonic()) if self._late else None

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None and sight.session.task_total() > 0
        if sight is None or not self.root.visible:
            return
        many = len(sight.session.tasks.rows) > MANY
        self._late = many and time.monotonic() - self._drawn_at < 1.0
        if self._late:
            return
        self._drawn_at = time.monotonic()
        graph = sight.source.once("graph", sight.source.version, lambda: graph_of(sight.session))
        self._graph = graph
        self._draw(sight, graph)
        self._fit(sight, graph)
        text = f"{states_legend()}<p class='note'>{note(graph)}</p>"
        if text != self._note.text:
            self._note.text = text

    def _draw(self, sight: Sight, graph: Graph) -> None:
        functions, colours = sight.session.functions, sight.colours
        parts: Columns = {name: [] for name in ("left", "right", "y", "colour")}
        stripes: Columns = {name: [] for name in parts}
        boxes: Columns = {name: [] for name in ("x", "y", "label", "name", "what", "edge")}
        for box in graph.boxes:
            name = functions[box.function].name
            left = box.x - WIDTH / 2
            for state, number in sorted(box.states.items(), reverse=True):
                right = left + WIDTH * number / box.tasks
                for column, value in zip(parts, (left, right, box.y, STATE_COLOURS[state]), strict=True):
                    parts[column].append(value)
                left = right
            stripe = (box.x - WIDTH / 2 - 0.05, box.x - WIDTH / 2, box.y, colours[name])
            for column, value in zip(stripes, stripe, strict=True):
                stripes[column].append(value)
            edge = "#d55e00" if box.task is not None and box.task == sight.selected else "#ffffff00"
            row = (box.x, box.y, label_of(name, box), name, words_of(box), edge)
            for column, value in zip(boxes, row, strict=True):
                boxes[column].append(value)
        for source, columns in ((self._parts, parts), (self._stripes, stripes), (self._boxes, boxes)):
            if columns != source.data:
                source.data = columns
        for source, lines in ((self._arrows, graph.arrows), (self._births, graph.births)):
            columns = arrow_columns(graph, lines)
            if columns != source.data:
                source.data = columns

    def _fit(self, sight: Sight, graph: Graph) -> None:
        """Let everything be seen, until the user goes somewhere else."""
        layers = max([box.x for box in graph.boxes], default=0)
        rows = max([abs(box.y) for box in graph.boxes], default=0.0) + 0.7
        if self._fitted != (sight.source, layers, rows):
            self._fitted = (sight.source, layers, rows)
            # A few layers do not grow to boxes of the width of the page.
            self._across.update(start=-0.6, end=max(layers, 4) + 0.6)
            self._across.update(reset_start=-0.6, reset_end=max(layers, 4) + 0.6)
            self._down.update(start=rows, end=-rows, reset_start=rows, reset_end=-rows)
            self._plot.height = int(min(MOST_PIXELS, max(LEAST_PIXELS, 60 + ROW_PIXELS * 2 * rows)))

    def _tapped(self, x: float | None, y: float | None) -> None:
        if self._graph is None or x is None or y is None:
            return
        for box in self._graph.boxes:
            if abs(box.x - x) < WIDTH / 2 and abs(box.y - y) < HEIGHT / 2 and box.task is not None:
                self.ask(f"task:{box.task}")


def label_of(name: str, box: Box) -> str:
    """What is written on a box."""
    short = name if len(name) <= LABEL else name[: LABEL - 1] + "…"
    return short if box.task is not None else f"{short} \N{MULTIPLICATION SIGN} {box.tasks:,}"


def words_of(box: Box) -> str:
    """What a box stands for, in words."""
    return f"#{box.task}" if box.task is not None else f"{box.tasks:,} in this layer"


def arrow_columns(graph: Graph, lines: dict[tuple[int, int], int]) -> Columns:
    """Curves from the right side of a box to the left side of another."""
    columns: Columns = {name: [] for name in CURVE}
    for (source, target), number in lines.items():
        one, other = graph.boxes[source], graph.boxes[target]
        x0, x1 = one.x + WIDTH / 2, other.x - WIDTH / 2
        bend = max(0.15, (x1 - x0) / 2)
        row = (x0, one.y, x1, other.y, x0 + bend, x1 - bend, 1.2 + min(5.0, number**0.5 / 3))
        for column, value in zip(columns, row, strict=True):
            columns[column].append(value)
    return columns


def note(graph: Graph) -> str:
    """What is shown of everything, in words."""
    words = f"{graph.tasks:,} of {count(graph.known, 'task')} shown"
    if graph.collapsed:
        words += ", those of one function in one layer as one box (up to "
        words += f"{MOST_BOXES} tasks are shown one by one)"
    return words + (
        ". A line leads from a task to one that needs its result, a dotted one to a task that it submitted; "
        "click on a box for its details."
    )
