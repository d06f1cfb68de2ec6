"""Downloads: a session in forms that other programs read.

::

    export/trace.json   for chrome://tracing and ui.perfetto.dev
    export/tasks.csv    a row a task, for a spreadsheet or pandas
    export/page.html    one file that needs no server: overview, timeline and graph, to send to somebody
    export/session.db   the recording itself, complete and consistent even while the session runs

They are made in a thread, so that other browsers see no pause, and sent from a file, however large they are.
"""

import csv
import io
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import IO

from bokeh.embed import file_html
from bokeh.models import Column
from bokeh.models.widgets import Div
from bokeh.resources import INLINE
from jinja2 import Template
from tornado.ioloop import IOLoop
from tornado.web import HTTPError, RequestHandler

from minray.gcs.chrome_trace import trace_events
from minray.gcs.store import copy

from ..data.catalogue import SessionEntry
from ..data.queries import all_tasks
from ..data.source import Source
from ..frame.app import Library
from ..frame.header import title_html
from ..pages.graph import GraphPage
from ..pages.overview import Overview
from ..view.sight import Sight
from ..view.theme import PAGE, STYLE, style_sheet

CHUNK = 1 << 18
TYPES = {
    "trace.json": "application/json",
    "tasks.csv": "text/csv; charset=utf-8",
    "page.html": "text/html; charset=utf-8",
    "session.db": "application/vnd.sqlite3",
}


class Export(RequestHandler):
    """One download; ``?session=`` names the session."""

    def initialize(self, library: Library) -> None:
        """Tornado hands over the keyword arguments here."""
        self._library = library

    async def get(self, kind: str) -> None:
        """Make it and send it."""
        entry = self._library.catalogue.get(self.get_query_argument("session", ""))
        if entry is None:
            raise HTTPError(404, reason="There is no such session any more")
        with tempfile.TemporaryFile() as file:
            try:
                await IOLoop.current().run_in_executor(None, WRITERS[kind], entry, file)
            except (sqlite3.Error, ValueError) as error:
                raise HTTPError(409, reason="This recording cannot be read") from error
            self.set_header("Content-Type", TYPES[kind])
            self.set_header("X-Content-Type-Options", "nosniff")
            name = f"minray-{entry.name.removeprefix('session_')}-{kind}"
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
            file.seek(0)
            while chunk := file.read(CHUNK):
                self.write(chunk)
                await self.flush()


def write_trace(entry: SessionEntry, file: IO[bytes]) -> None:
    """The session as a Chrome trace."""
    text = io.TextIOWrapper(file, encoding="utf-8")
    json.dump(trace_events(entry.path), text)
    text.detach()


def write_tasks(entry: SessionEntry, file: IO[bytes]) -> None:
    """A row a task."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in all_tasks(entry.path))
    text.detach()


def cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula.

    Example:
        >>> cell("=HYPERLINK(1)"), cell("f"), cell(-1.5)
        ("'=HYPERLINK(1)", 'f', -1.5)
    """
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def write_recording(entry: SessionEntry, file: IO[bytes]) -> None:
    """A copy of the event store as it is at this moment, with what is only in its log so far."""
    with tempfile.TemporaryDirectory() as folder:
        made_here = Path(folder) / "session.db"
        copy(entry.path, made_here)
        with made_here.open("rb") as made:
            while chunk := made.read(CHUNK):
                file.write(chunk)


def write_page(entry: SessionEntry, file: IO[bytes]) -> None:
    """Overview, timeline and graph as a page that needs neither server nor network."""
    source = Source(entry.path)
    while source.refresh() or source.unread:
        pass
    if source.problem:
        raise ValueError(source.problem)
    sight = Sight(entry, source)
    sight.advance(entry.live, time.time)
    overview, graph = Overview(_nobody_asks), GraphPage(_nobody_asks)
    overview.timeline.freeze()
    for view in (overview, graph):
        view.show(sight)
    head = f'<div class="head">{title_html(sight)}</div><p class="note">{escape(entry.name)}</p>'
    title = Div(text=head, stylesheets=[style_sheet()])
    page = Column(children=[title, overview.root, graph.root], sizing_mode="stretch_width", name="page")
    look = {"style": STYLE, "script": ""}
    name = f"minray {entry.name}"
    html = file_html(page, INLINE, name, template=Template(PAGE), template_variables=look)
    file.write(html.encode())


def _nobody_asks(question: str) -> None:
    """There is no server behind the page."""


WRITERS: dict[str, Callable[[SessionEntry, IO[bytes]], None]] = {
    "trace.json": write_trace,
    "tasks.csv": write_tasks,
    "page.html": write_page,
    "session.db": write_recording,
}
