"""The time scrubber: look at the session as it was at any moment of its life."""

from collections.abc import Callable

from bokeh.models import Row
from bokeh.models.widgets import Div, Slider

from ..view.sight import Sight, View
from ..view.theme import duration, style_sheet

STEPS = 1_000


class Scrubber(View):
    """A slider over the life of the session; at its right end is the present.

    Args:
        go_to: called with a moment in seconds since the session began, or None for the present.
    """

    def __init__(self, go_to: Callable[[float | None], None]) -> None:
        super().__init__(lambda question: None)
        self._go_to = go_to
        self._fitted: tuple[object, ...] = ()
        self._slider = Slider(
            start=0.0,
            end=1.0,
            value=1.0,
            step=0.001,
            title="Moment",
            show_value=False,
            sizing_mode="stretch_width",
            stylesheets=[style_sheet()],
        )
        self._note = Div(width=190, stylesheets=[style_sheet()])
        self._slider.on_change("value_throttled", lambda attr, old, new: self._moved(new))
        self.root = Row(
            children=[self._slider, self._note], sizing_mode="stretch_width", css_classes=["scrubber"]
        )

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None and (sight.past or sight.session.last_ts > 0)
        if sight is None or not self.root.visible:
            return
        if sight.past:
            shown = f"<b>at {duration(sight.now - sight.began)}</b>, as it was then"
        else:
            self._fit(max(0.1, sight.session.last_ts - sight.began), sight)
            shown = "now" if sight.live else f"the end, after {duration(sight.now - sight.began)}"
        text = f'<p class="moment">{shown}</p>'
        if self._note.text != text:
            self._note.text = text

    def _fit(self, end: float, sight: Sight) -> None:
        """Let the scale reach to the end, which it outgrows in steps: a slider that moves cannot be held."""
        another = (sight.source, sight.live) != self._fitted
        if another or end > self._slider.end:
            self._fitted = (sight.source, sight.live)
            end *= 1.25 if sight.live else 1.0
            at_end = another or self._slider.value >= self._slider.end
            self._slider.update(end=end, step=end / STEPS, value=end if at_end else self._slider.value)

    def _moved(self, moment: float) -> None:
        self._go_to(None if moment >= self._slider.end - self._slider.step / 2 else moment)
