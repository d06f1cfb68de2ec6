"""The head of the page: what is shown, whether it still runs, and the picker to show something else."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from bokeh.models import Row
from bokeh.models.widgets import Div, Select

from ..data.catalogue import SessionEntry, short_program
from ..view.sight import Sight, View
from ..view.theme import count, style_sheet

Choices = list[str | tuple[Any, str]]  # as Bokeh types it: (value, label)
NEWEST = "newest"
FOLLOW: Choices = [(NEWEST, "Newest (follows along)")]


class Header(View):
    """Name and state of the session, and the picker.

    Args:
        choose: called with the name of the session picked, or `NEWEST`.
    """

    def __init__(self, choose: Callable[[str], None]) -> None:
        super().__init__(lambda question: None)
        self._title = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["head"])
        self._picker = Select(
            title="Session",
            value=NEWEST,
            options={"Follow": FOLLOW},
            width=250,
            stylesheets=[style_sheet()],
            css_classes=["picker"],
        )
        self._offered: Iterable[SessionEntry] = ()
        self._picker.on_change("value", lambda attr, old, new: choose(new))
        # Apart from the title, which changes all the time and would close the list.
        self._exports = Div(stylesheets=[style_sheet()], width=86, css_classes=["menu"])
        self.root = Row(
            children=[self._title, self._exports, self._picker],
            sizing_mode="stretch_width",
            css_classes=["header"],
        )

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        text = title_html(sight)
        if text != self._title.text:
            self._title.text = text
        exports = "" if sight is None or sight.source.problem else _exports(sight)
        if exports != self._exports.text:
            self._exports.text = exports

    def offer(self, entries: Iterable[SessionEntry]) -> None:
        """Put these sessions into the picker."""
        if entries is self._offered:
            return
        self._offered = entries
        running: Choices = []
        finished: Choices = []
        labels: Counter[str] = Counter()
        for entry in entries:
            labels[entry.label] += 1
            # Bokeh tells the choices apart by their labels: two sessions of one second must differ.
            label = entry.label + (f" ({labels[entry.label]})" if labels[entry.label] > 1 else "")
            (running if entry.live else finished).append((entry.name, label))
        groups = {"Follow": FOLLOW, "Running": running, "Recordings": finished}
        options = {title: sessions for title, sessions in groups.items() if sessions}
        if options != self._picker.options:
            self._picker.options = options

    def pick(self, name: str) -> None:
        """Show this choice in the picker."""
        self._picker.value = name


def title_html(sight: Sight | None) -> str:
    """Name and state of the session."""
    if sight is None:
        return '<h1>minray</h1><p class="pill none">no session yet</p>'
    state, word = session_state(sight)
    meta = sight.source.meta
    program = escape(short_program(meta.get("entrypoint", "")))
    parts = [f"{program} pid {escape(meta.get('driver_pid', '?'))}"]
    if "num_cpus" in meta:
        parts.append(f"{escape(meta['num_cpus'].removesuffix('.0'))} CPUs")
    if sight.began:
        parts.append(f"since {datetime.fromtimestamp(sight.began):%H:%M:%S}")
    parts.append(count(sight.session.task_total(), "task"))
    pill = f'<p class="pill {state}">{word}</p>'
    return f'<h1>minray</h1>{pill}<p class="what">{" · ".join(parts)}</p>'


def _exports(sight: Sight) -> str:
    """Links to download what is shown, in forms that other programs read."""
    session = quote(sight.entry.name)
    kinds = {
        "trace.json": ("Chrome trace", "for ui.perfetto.dev"),
        "tasks.csv": ("CSV", "a row a task"),
        "page.html": ("Web page", "one file, to send to somebody"),
        "session.db": ("Recording", "the SQLite file itself"),
    }
    items = "".join(
        f'<li><a href="export/{kind}?session={session}" download>{title}</a> <small>{hint}</small></li>'
        for kind, (title, hint) in kinds.items()
    )
    return f'<details class="exports"><summary>Export</summary><ul>{items}</ul></details>'


def session_state(sight: Sight) -> tuple[str, str]:
    """The state of a session as a CSS class, and in words."""
    if sight.source.problem:
        return "broken", "cannot be read"
    if sight.past:
        return "past", "a past moment"
    if sight.live:
        return "live", "live"
    if "ended_at" in sight.source.meta:
        return "finished", "finished"
    return "cut", "broke off"
