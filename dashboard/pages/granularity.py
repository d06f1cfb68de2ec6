"""The granularity page: local against remote, log-log, and where a task is worth its overhead."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from bokeh.models import (
    BoxZoomTool,
    Column,
    ColumnDataSource,
    HoverTool,
    PanTool,
    ResetTool,
    Row,
    SaveTool,
    WheelZoomTool,
)
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.models.widgets import Div, Select
from bokeh.plotting import figure

from minray.lessons.figures.colours import PALETTE
from minray.lessons.figures.cost_model import DRAWN, Series, crossing, pair, series_of

from ..timeline.lanes import Columns
from ..view.sight import Sight, View
from ..view.theme import duration, style_sheet

MARKS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus")
CURVE_POINTS = 60

NOTHING = """
<section class="empty"><h2>No experiment has been recorded yet</h2>
<p>The lesson on granularity draws here while it measures. So can you, from your own code:</p>
<pre>from minray.api import record_experiment

record_experiment("my experiment", "remote", x=0.001, y=0.25)</pre>
<p>Here x is the work in one task, and y how long it all took, both in seconds.</p>
</section>"""


class Granularity(View):
    """A choice of experiments, the plot, and what it says in words."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self._choice = Select(title="Experiment", width=220, stylesheets=[style_sheet()], options=[])
        self._choice.on_change("value", lambda attr, old, new: self.ask("experiment:"))
        self._points = ColumnDataSource(_empty("x", "y", "colour", "mark", "alpha", "series"))
        self._ranges = ColumnDataSource(_empty("x", "low", "high", "colour"))
        self._lines = ColumnDataSource(_empty("xs", "ys", "colour"))
        self._guesses = ColumnDataSource(_empty("xs", "ys", "colour"))
        self._cross = Span(dimension="height", line_color="#d55e00", line_width=2, visible=False)
        self._interval = BoxAnnotation(fill_color="#d55e00", fill_alpha=0.12, line_color=None, visible=False)
        self._plot = self._make_plot()
        self._words = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width")
        head = Div(text="<h2>Granularity</h2>", stylesheets=[style_sheet()], sizing_mode="stretch_width")
        controls = Row(children=[head, self._choice], sizing_mode="stretch_width", css_classes=["controls"])
        self.root = Column(children=[controls, self._plot, self._words], sizing_mode="stretch_width")

    def _make_plot(self) -> figure:
        plot = figure(
            height=380,
            sizing_mode="stretch_width",
            x_axis_type="log",
            y_axis_type="log",
            x_axis_label="work in one task (x)",
            y_axis_label="time (y, seconds)",
            tools=[
                PanTool(),
                BoxZoomTool(),
                WheelZoomTool(modifiers="ctrl"),
                ResetTool(),
                SaveTool(filename="minray-granularity"),
            ],
            toolbar_location="above",
            stylesheets=[style_sheet()],
            css_classes=["granularity"],
        )
        plot.toolbar.logo = None
        plot.add_layout(self._interval)
        plot.add_layout(self._cross)
        plot.multi_line(xs="xs", ys="ys", line_color="colour", line_width=2, source=self._lines)
        plot.multi_line(
            xs="xs", ys="ys", line_color="colour", line_width=1.5, line_dash="dashed", source=self._guesses
        )
        plot.segment(
            x0="x", x1="x", y0="low", y1="high", line_color="colour", line_width=1.5, source=self._ranges
        )
        points = plot.scatter(
            x="x",
            y="y",
            marker="mark",
            size=8,
            fill_color="colour",
            fill_alpha="alpha",
            line_color="colour",
            line_alpha="alpha",
            source=self._points,
        )
        hover = HoverTool(renderers=[points], tooltips=[("series", "@series"), ("x", "@x"), ("y", "@y")])
        hover.visible = False
        plot.add_tools(hover)
        return plot

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None
        if sight is None:
            return
        names = list(dict.fromkeys(point.name for point in sight.session.experiments))
        options: list[str | tuple[Any, str]] = [(name, name) for name in names]
        if options != self._choice.options:
            self._choice.options = options
        if names and self._choice.value not in names:
            self._choice.value = names[-1]
        self._plot.visible = self._choice.visible = bool(names)
        if not names:
            self._say(NOTHING)
            return
        number = len(sight.session.experiments)
        series = sight.source.once(
            "experiment",
            (self._choice.value, number),
            lambda: series_of(sight.session.experiments, str(self._choice.value)),
        )
        self._draw(series)
        self._say(words_html(series))

    def _say(self, text: str) -> None:
        if text != self._words.text:
            self._words.text = text

    def _draw(self, series: list[Series]) -> None:
        points, ranges = (
            _empty("x", "y", "colour", "mark", "alpha", "series"),
            _empty("x", "low", "high", "colour"),
        )
        lines, guesses = _empty("xs", "ys", "colour"), _empty("xs", "ys", "colour")
        for place, one in enumerate(series):
            colour, mark = PALETTE[place % len(PALETTE)], MARKS[place % len(MARKS)]
            if one.name in DRAWN:
                order = np.argsort(one.xs)
                _add(guesses, one.xs[order], one.ys[order], colour)
                continue
            for x, y in one.earlier:
                _add(points, x, y, colour, mark, 0.18, f"{one.name}, an earlier run")
            for x, y in zip(one.xs.tolist(), one.ys.tolist(), strict=True):
                _add(points, x, y, colour, mark, 0.75, one.name)
            for x, _, low, high in one.spread():
                _add(ranges, x, low, high, colour)
            if one.line is not None:
                xs = np.geomspace(one.xs[one.xs > 0].min(), one.xs.max(), CURVE_POINTS)
                _add(lines, xs, one.line.at(xs), colour)
        pairs = (
            (self._points, points),
            (self._ranges, ranges),
            (self._lines, lines),
            (self._guesses, guesses),
        )
        if points != self._points.data:
            for source, columns in pairs:
                source.data = columns
        both = pair(series)
        found = crossing(*both) if both else None
        self._cross.visible = self._interval.visible = found is not None
        if found is not None:
            self._cross.location = found.x
            self._interval.update(left=found.low, right=found.high)


def words_html(series: list[Series]) -> str:
    """The fitted models and the crossover, in words."""
    html, both = "", pair(series)
    found = crossing(*both) if both else None
    if both and found:
        html += (
            f"<p class='finding'><b>{escape(both[0].name)}</b> and <b>{escape(both[1].name)}</b> cross at "
            f"x = <b>{found.x:.3g}</b> (nine of ten fits: {found.low:.3g} to {found.high:.3g}). Beyond it, "
            f"{escape(min(both, key=lambda one: one.line.slope if one.line else 0.0).name)} is faster.</p>"
        )
    elif both:
        html += "<p class='finding'>The two do not cross: on this machine one of them is always faster.</p>"
    items = ""
    for place, one in enumerate(series):
        colour = PALETTE[place % len(PALETTE)]
        model = ""
        if one.line is not None:
            model = f"{duration(one.line.base)} + {one.line.slope:.3g} · x"
        earlier = f", and {len(one.earlier)} of earlier runs" if one.earlier else ""
        items += (
            f'<li><i style="background: {colour}"></i><strong>{escape(one.name)}</strong>'
            f"<small>{model} ({len(one.xs)} points{earlier})</small></li>"
        )
    return f'{html}<ul class="legend" aria-label="Series">{items}</ul>'


def _empty(*names: str) -> Columns:
    return {name: [] for name in names}


def _add(columns: Columns, *values: object) -> None:
    for name, value in zip(columns, values, strict=True):
        columns[name].append(value)
