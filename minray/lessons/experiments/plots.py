"""Figures of Bokeh for the lessons: measurements with their models."""

from collections.abc import Sequence
from typing import Any

from ..figures.cost_model import Crossing, Series

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # told apart by the colour-blind as well
MARKERS = ("circle", "square", "triangle", "diamond")


def draw_experiment(name: str, unit: str, curves: Sequence[Series], found: Crossing | None) -> Any:  # noqa: ANN401
    """An experiment on logarithmic axes; each curve has a colour and a marker of its own.

    Args:
        name: the experiment's.
        unit: what the numbers on the x axis count.
        curves: with their models.
        found: where two of the models cross, if they do.

    Returns:
        A Bokeh figure.
    """
    import numpy as np
    from bokeh.models.annotations import BoxAnnotation, Span
    from bokeh.plotting import figure

    plot = figure(
        x_axis_type="log", y_axis_type="log", width=560, height=360, title=_title(name, unit, found),
        x_axis_label=unit, y_axis_label="seconds a call", tools="pan,wheel_zoom,reset,hover",
        tooltips=[("", "$name"), (unit, "@x{0,0}"), ("seconds", "@y{0.000000}")],
    )  # fmt: skip
    for series, colour, marker in zip(curves, COLOURS, MARKERS, strict=False):
        look: dict[str, Any] = {"color": colour, "legend_label": series.name, "name": series.name}
        xs, _, low, high = (list(column) for column in zip(*series.spread(), strict=True))
        plot.segment(x0=xs, y0=low, x1=xs, y1=high, color=colour, line_alpha=0.5)
        plot.scatter(x=series.xs, y=series.ys, size=6, fill_alpha=0.4, marker=marker, **look)
        if series.line:
            along = np.geomspace(min(xs), max(xs), 60)
            plot.line(x=along, y=series.line.at(along), line_width=2, **look)
    if found:
        plot.add_layout(BoxAnnotation(left=found.low, right=found.high, fill_alpha=0.12, fill_color="gray"))
        plot.add_layout(Span(location=found.x, dimension="height", line_dash="dashed", line_color="gray"))
    plot.legend.location = "top_left"
    return plot


def _title(name: str, unit: str, found: Crossing | None) -> str:
    """As short as a title has to be; `Experiment.conclusion` says more."""
    if found is None:
        return f"{name}: the curves do not cross"
    return f"{name}: a task pays from about {found.x:,.0f} {unit} on"
