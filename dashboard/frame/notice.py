"""Above every page: what is wrong with a recording, or what to do when there is nothing to show."""

from collections.abc import Callable
from html import escape

from bokeh.models.widgets import Div

from ..view.sight import Sight, View
from ..view.theme import count, style_sheet

NO_SESSION = """
<section class="empty"><h2>Nothing is running yet</h2>
<p>Start minray in a notebook or a Python prompt. This page follows along by itself.</p>
<pre>import minray

minray.init()</pre></section>"""

NO_TASKS = """
<section class="empty"><h2>Ready for work</h2>
<p>The workers wait for tasks. Submit some, and watch them here:</p>
<pre>@minray.remote
def square(x):
    return x * x

minray.get([square.remote(x) for x in range(4)])</pre></section>"""


class Banner(View):
    """The notice in words; invisible as long as there is none."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self.root = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["notice"])

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        text = NO_SESSION if sight is None else notice_html(sight)
        self.root.visible = bool(text)
        if text != self.root.text:
            self.root.text = text


def notice_html(sight: Sight) -> str:
    """What is wrong, or what is missing."""
    source, html = sight.source, ""
    if source.problem:
        html += f'<section class="problem" role="alert">{escape(source.problem)}</section>'
    if source.skipped:
        words = "were too many to read and are not counted"
        html += f'<p class="note">The first {count(source.skipped, "row")} of the recording {words}; '
        html += "move the slider to look at earlier moments.</p>"
    if source.unread:
        html += f'<p class="note">Still reading: {count(source.unread, "row")} to go.</p>'
    if sight.live and not sight.session.task_total() and not source.problem:
        html += NO_TASKS
    return html
