"""Which stretch of time the timeline shows, and the controls that move it.

It follows what happens until the user goes somewhere, by mouse, slider, tools or keys; from then on it stays
there until it is told to follow again.
"""

from typing import Any

from bokeh.events import RangesUpdate
from bokeh.models import Range1d, Row
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Div, RangeSlider, Select, Toggle
from bokeh.plotting import figure

from ..view.sight import Sight
from ..view.theme import style_sheet

SHORTEST_VIEW = 0.5  # seconds
SPANS = {"10": "last 10 s", "30": "last 30 s", "60": "last minute"}
SPANS |= {"300": "last 5 minutes", "inf": "everything"}


class Window:
    """The stretch of time that is seen.

    Attributes:
        across: the same as the range of the plot's axis, in seconds since the session began.
        controls, slider: what moves it.
        moved: how often the user has gone somewhere.
    """

    def __init__(self) -> None:
        self.across = Range1d(start=0, end=10, min_interval=1e-5)
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
        self.slider = RangeSlider(
            start=0,
            end=10,
            value=(0, 10),
            step=0.01,
            title="Shown, in seconds",
            sizing_mode="stretch_width",
            stylesheets=[style_sheet()],
        )
        heading = "<h2>Timeline</h2>"
        title = Div(text=heading, align="end", stylesheets=[style_sheet()], sizing_mode="stretch_width")
        parts = list[UIElement]([title, self._span, self._follow])
        self.controls = Row(children=parts, sizing_mode="stretch_width", css_classes=["controls"])
        self.moved = 0
        self._follow.on_change("active", lambda attr, old, new: self._turn())
        self._span.on_change("value", lambda attr, old, new: self._follow_again())
        self.slider.on_change("value_throttled", lambda attr, old, new: self._go_to(*new))

    def move_with(self, plot: figure) -> None:
        """Go along when the user moves this plot with mouse or tools."""
        plot.on_event(RangesUpdate, lambda event: self._went(event.x0, event.x1))

    def begin(self, live: bool) -> None:
        """Another session is to be shown: the newest of one that runs, all of one that is over."""
        self._span.value = "30" if live else "inf"
        self._follow.active = True

    def show(self, sight: Sight) -> None:
        """Follow what happens, if it does, and let the controls say so."""
        if self._follow.active:
            self._settle(sight)
        self._label(sight)
        self._fit_slider(sight)

    def key(self, what: str) -> None:
        """Arrows move, plus and minus zoom, f follows, 0 shows everything."""
        start, end = self.seen
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

    @property
    def seen(self) -> tuple[float, float]:
        """From when to when, in seconds since the session began."""
        start, end = self.across.start, self.across.end
        assert isinstance(start, int | float), "the axis has no dates"
        assert isinstance(end, int | float), "the axis has no dates"
        return float(start), float(end)

    @property
    def following(self) -> bool:
        """Whether it moves with what happens."""
        return bool(self._follow.active)

    def _turn(self) -> None:
        self.moved += 1

    def _follow_again(self) -> None:
        """Another span was picked."""
        self._follow.active = True
        self.moved += 1

    def _went(self, start: float | None, end: float | None) -> None:
        """The user has moved the plot."""
        if start is not None and end is not None:
            self.across.update(start=start, end=end)
        self._follow.active = False
        self.moved += 1

    def _go_to(self, start: float, end: float) -> None:
        self._went(start, max(end, start + 1e-4))

    def _settle(self, sight: Sight) -> None:
        session = sight.session
        latest = sight.now if session.running() else session.last_task_ts
        first = session.first_task_ts or sight.now
        start, end = window(first - sight.began, latest - sight.began, float(self._span.value))
        self.across.update(start=start, end=end)

    def _label(self, sight: Sight) -> None:
        label = follow_label(sight.live, self.following)
        if self._follow.label != label:
            self._follow.update(label=label, button_type="default" if self.following else "primary")

    def _fit_slider(self, sight: Sight) -> None:
        end = max(SHORTEST_VIEW, sight.now - sight.began, sight.session.last_ts - sight.began)
        if end > self.slider.end or end < self.slider.end / 4:
            self.slider.update(end=end * (1.25 if sight.live else 1.02), step=max(end / 2_000, 1e-4))
        low, high = max(0.0, self.seen[0]), self.seen[1]
        value = (low, min(float(self.slider.end), max(low + 1e-4, high)))
        # Each change moves the handles under the user's fingers, so small ones wait.
        visible_change = 0.005 * float(self.slider.end)
        if any(abs(new - old) > visible_change for new, old in zip(value, self.slider.value, strict=True)):
            self.slider.value = value


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


def follow_label(live: bool, following: bool) -> str:
    """What the button says: the state it is in, or what a click will do."""
    if following:
        return "Following" if live else "Fitted"
    return "Follow again" if live else "Fit again"
