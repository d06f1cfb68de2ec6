"""The tasks page: all tasks as a table that the server filters, searches, sorts and cuts into pages."""

import time
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

from bokeh.models import Column, Row
from bokeh.models.widgets import Div, Select, TextInput

from ..view.links import state_word
from ..view.sight import Sight, View
from ..view.theme import count, duration, link, style_sheet, table
from .task_list import FILTERS, PAGE_ROWS, SORTS, Found, Wish, find

MANY = 20_000  # tasks beyond which looking through them is work, which is then done once a second
NUMERIC = (0, 3, 4, 5, 7)


class TasksPage(View):
    """Search and filter above, the table, and the pages below."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self._wish = Wish()
        self._drawn_at = float("-inf")
        self._late = False
        self._search = TextInput(
            title="Search", placeholder="function or number", width=200, stylesheets=[style_sheet()]
        )
        choices: list[str | tuple[Any, str]] = [(name, name) for name in FILTERS]
        self._which = Select(
            title="Show", value="all", options=choices, width=130, stylesheets=[style_sheet()]
        )
        self._search.on_change("value_input", lambda attr, old, new: self._want(search=new, page=0))
        self._which.on_change("value", lambda attr, old, new: self._want(which=new, page=0))
        self._table = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["tasks"])
        controls = Row(children=[self._search, self._which], css_classes=["controls"])
        self.root = Column(children=[controls, self._table], sizing_mode="stretch_width")

    def moving(self, sight: Sight) -> object:
        """See `View.moving`: a table that was not drawn a moment ago is due once a second."""
        return int(time.monotonic()) if self._late else None

    def asked(self, verb: str, what: str) -> None:
        """Sort by another column, or turn the page."""
        if verb == "sort" and what in SORTS:
            turned = not self._wish.descending if what == self._wish.sort else what != "function"
            self._want(sort=what, descending=turned, page=0)
        elif verb == "turn" and what.isdecimal():
            self._want(page=int(what))

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None and sight.session.task_total() > 0
        if sight is None or not self.root.visible:
            return
        many = len(sight.session.tasks.rows) > MANY
        self._late = many and time.monotonic() - self._drawn_at < 1.0
        if not self._late:
            self._drawn_at = time.monotonic()
            text = tasks_html(sight, self._wish)
            if text != self._table.text:
                self._table.text = text

    def _want(self, **changes: Any) -> None:  # noqa: ANN401 (fields of a Wish)
        self._wish = replace(self._wish, **changes)
        self._drawn_at = float("-inf")
        self.ask("tasks:")  # draw anew


def tasks_html(sight: Sight, wish: Wish) -> str:
    """The table with its pages."""
    state = (sight.source.version, wish, int(sight.now))
    found = sight.source.once("tasks", state, lambda: find(sight.session, wish, sight.now))
    heads = [_head(sort, title, wish) for sort, title in SORTS.items()]
    rows = [_row(sight, task) for task in found.tasks]
    if not rows:
        return f'<p class="note">None of {count(found.known, "task")} matches.</p>'
    return table("Tasks", heads, rows, numeric=NUMERIC) + _pages(found, wish, sight)


def _head(sort: str, title: str, wish: Wish) -> str:
    arrow = (" ▼" if wish.descending else " ▲") if sort == wish.sort else ""
    return link(f"sort:{sort}", title + arrow, f"Sort by {title}")


def _row(sight: Sight, task: int) -> list[str]:
    row = sight.session.tasks.row(task)
    assert row is not None, "it was found a moment ago"
    name = sight.session.functions[int(row["function"])].name
    colour = sight.colours[name]
    submitted, start = float(row["submitted"]), float(row["start"])
    queued = duration(max(0.0, (start or sight.now) - submitted)) if submitted else ""
    ran = duration(max(0.0, (float(row["end"]) or sight.now) - start)) if start else ""
    return [
        link(f"task:{task}", f"{task}", "Show its details"),
        f'<i style="background: {colour}"></i>{escape(name)}',
        state_word(int(row["state"])),
        duration(max(0.0, submitted - sight.began)) if submitted else "",
        queued,
        ran,
        f"worker {row['worker']}" if row["worker"] else "",
        f"{row['attempt'] + 1}",
    ]


def _pages(found: Found, wish: Wish, sight: Sight) -> str:
    """Which part of everything is seen, and the way to the rest."""
    first = wish.page * PAGE_ROWS + 1
    last = first + len(found.tasks) - 1
    words = f"{first:,} to {last:,} of {count(found.matching, 'task')}"
    if found.matching < found.known:
        words += f" that match; there are {found.known:,}"
    forgotten = sight.session.tasks.forgotten
    words += f"; the oldest {forgotten:,} are no longer kept" if forgotten else ""
    pages = (found.matching - 1) // PAGE_ROWS
    ways = []
    if wish.page:
        ways += [link("turn:0", "First"), link(f"turn:{wish.page - 1}", "Previous")]
    if wish.page < pages:
        ways += [link(f"turn:{wish.page + 1}", "Next"), link(f"turn:{pages}", "Last")]
    return f'<p class="note pager">{words}. {" ".join(ways)}</p>'
