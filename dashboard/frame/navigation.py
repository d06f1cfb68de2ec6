"""Which pages there are, and the row of buttons to choose among them."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bokeh.models.widgets import Div

from ..view.sight import Sight, View
from ..view.theme import style_sheet


@dataclass(frozen=True)
class PageEntry:
    """A page in the navigation.

    Args:
        title: its name for people.
        module: of the dashboard, in which its view is; imported when the page is first opened.
        name: of the view.
        hint: what is to be seen there.
    """

    title: str
    module: str
    name: str
    hint: str

    def view(self) -> Callable[..., View]:
        """The class of the view."""
        made: Any = getattr(importlib.import_module(f"minray.dashboard.{self.module}"), self.name)
        return made  # type: ignore[no-any-return]


# The names are those of `notebook.PAGE_NAMES`, which has no need of Bokeh.
PAGES = {
    "overview": PageEntry("Overview", "pages.overview", "Overview", "What every worker does right now"),
    "timeline": PageEntry("Timeline", "timeline.timeline", "Timeline", "What ran where and when"),
    "tasks": PageEntry(
        "Tasks", "pages.tasks", "TasksPage", "All tasks as a table; errors and what was printed"
    ),
    "graph": PageEntry("Graph", "pages.graph", "GraphPage", "Which task needs the result of which"),
    "objects": PageEntry("Objects", "pages.objects", "ObjectsPage", "What lies in the object stores"),
    "granularity": PageEntry(
        "Granularity", "pages.granularity", "Granularity", "Is a task worth its overhead?"
    ),
    "hood": PageEntry("Under the hood", "pages.hood", "Hood", "The parts of the runtime, event by event"),
}


class Navigation(View):
    """Buttons, one a page; keys 1 to 7 do the same (see ``page.js``)."""

    def __init__(self) -> None:
        super().__init__(lambda question: None)
        self._current = ""
        self.root = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["navigation"])

    def turn_to(self, page: str) -> None:
        """This page is shown from now on."""
        self._current = page

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        items = ""
        for place, (page, entry) in enumerate(PAGES.items(), start=1):
            here = ' aria-current="page"' if page == self._current else ""
            items += (
                f'<li><button type="button" data-ask="page:{page}" title="{entry.hint} (key {place})"{here}>'
                f"{entry.title}</button></li>"
            )
        text = f'<nav aria-label="Pages"><ul class="pages">{items}</ul></nav>'
        if text != self.root.text:
            self.root.text = text
