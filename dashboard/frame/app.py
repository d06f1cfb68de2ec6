"""The page: one `Page` for each browser tab, all fed from one `Library`.

::

    Library (one a process)                    Page (one a tab)
      reads new rows, once for all  <--asks--    every 70 ms: anything new, and the browser ready for it?
      every second: lists sessions                 then the view that is seen brings itself up to date

Reading happens once however many tabs look; drawing happens only when something changed, so a dashboard
on which nothing happens costs next to nothing.

What is clicked in the HTML of a view arrives as a short text, ``verb:what``, in `Pulse.asked`.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from bokeh.application.application import SessionContext
from bokeh.core.properties import Float, Int, String
from bokeh.document import Document
from bokeh.events import ConnectionLost
from bokeh.model import DataModel
from bokeh.models import Column, CustomJS
from jinja2 import Template

from ..data.catalogue import Catalogue, SessionEntry
from ..data.processes import Vitals
from ..data.source import Shelf
from ..view.sight import Sight, View
from ..view.theme import PAGE, SCRIPT, STYLE
from .details import Details
from .header import NEWEST, Header
from .navigation import PAGES, Navigation
from .notice import Banner
from .pacing import Pacing
from .scrubber import Scrubber

TEMPLATE = Template(PAGE)
TICK_MS = 70
FRESH = 0.04  # seconds for which what was read is new enough for another browser
LOOK_EVERY = 1.0  # seconds between two looks at which sessions there are
DROWSY = 30  # ticks without anything new, after which two of three are left out
COOL_DOWN = 65.0  # seconds for which a quiet session is still redrawn: the last minute is drawn


class Library:
    """What all tabs share: the list of sessions, and the event stores that are being read."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.catalogue = Catalogue()
        self.shelf = Shelf()
        self.processes = Vitals()
        self._looked = self._read = float("-inf")

    def refresh(self) -> None:
        """Read what is new, if nobody has done so a moment ago.

        Each page asks for it right before it draws: read by a clock of its own, what is new would wait
        for the next drawing, for half a tick on average.
        """
        if time.monotonic() - self._read < FRESH:
            return
        self._read = time.monotonic()
        if self.clock() - self._looked >= LOOK_EVERY:
            self._looked = self.clock()
            self.catalogue.refresh()
        self.shelf.refresh()


class Pulse(DataModel):
    """What goes to and fro with each update.

    Attributes:
        sent, seen: the numbers of the last update sent to the browser, and of the last that it has painted.
        newest: the time of the newest event in it, so that anybody can measure how late it is.
        asked: what was clicked, as "count verb:what"; the count makes equal questions differ.
    """

    sent = Int(default=0)
    seen = Int(default=0)
    newest = Float(default=0.0)
    asked = String(default="")


class Page:
    """One browser tab.

    Args:
        document: Bokeh's document of the tab.
        library: what all tabs share.
        page: the name of the page to begin with.
        session: the name of the session to begin with.
    """

    def __init__(self, document: Document, library: Library, page: str = "", session: str = NEWEST) -> None:
        self._library = library
        self._choice = session or NEWEST
        self._moment: float | None = None
        self._selected: int | None = None
        self._sight: Sight | None = None
        self._drawn: tuple[object, ...] | None = None
        self._pacing = Pacing()
        self._quiet = 0  # ticks since there was anything new
        self._events = 0  # how many events of the session have been drawn
        self._pulse = Pulse(name="pulse")
        self._page = page if page in PAGES else next(iter(PAGES))
        self._made: dict[str, View] = {}
        self._header = Header(self._choose)
        self._header.pick(self._choice)
        self._scrubber = Scrubber(self._go_to)
        self._navigation, self._details, self._banner = Navigation(), Details(self.ask), Banner(self.ask)
        self._content = Column(children=[], sizing_mode="stretch_width")
        library.refresh()
        self._turn_to(self._page)
        self._draw()
        # Last: what belongs to a document already is gone through anew with each change.
        self._build(document)

    def ask(self, question: str) -> None:
        """Do what was clicked: ``page:tasks``, ``task:12``, or something only the view understands."""
        verb, _, what = question.partition(":")
        self._drawn = None
        if verb == "page" and what in PAGES:
            self._turn_to(what)
        elif verb == "task":
            self._selected = int(what) if what.isdecimal() else None
        else:
            self._view.asked(verb, what)

    @property
    def _view(self) -> View:
        return self._made[self._page]

    def _turn_to(self, page: str) -> None:
        self._page = page
        if page not in self._made:
            self._made[page] = PAGES[page].view()(self.ask)
        self._navigation.turn_to(page)
        self._content.children = [self._view.root]

    def _build(self, document: Document) -> None:
        # Asking for the next frame and answering in it says "painted", not merely "received".
        answer = CustomJS(
            args={"pulse": self._pulse},
            code="window.minray.painted(pulse)",
        )
        self._pulse.js_on_change("sent", answer)
        self._pulse.on_change("seen", lambda attr, old, new: self._pacing.painted(new))
        self._pulse.on_change("asked", lambda attr, old, new: self.ask(new.partition(" ")[2]))
        parts = [self._header.root, self._navigation.root, self._scrubber.root, self._banner.root]
        page = Column(
            children=[*parts, self._content, self._details.root],
            sizing_mode="stretch_width",
            name="page",
            tags=[self._pulse],  # so that it travels with the page, though nothing draws it
        )
        document.add_root(page)
        document.title = "minray dashboard"
        document.template = TEMPLATE
        document.template_variables.update(style=STYLE, script=SCRIPT)
        # The page says so itself, and loads itself again when a server answers (see ``page.js``).
        document.config.update(notify_connection_status=False, reconnect_session=False)
        # Part of the document, so that not even a connection that breaks at once goes unnoticed.
        document.js_on_event(ConnectionLost, CustomJS(code="window.minray.lost()"))
        document.add_periodic_callback(self._tick, TICK_MS)
        document.on_session_destroyed(self._closed)

    def _tick(self) -> None:
        self._quiet += 1
        if self._quiet > DROWSY and self._quiet % 3:
            return
        now = time.monotonic()
        catching_up = self._sight is not None and self._sight.source.unread
        ready = self._pacing.may_send(now)
        if ready or catching_up:
            self._library.refresh()
        if not ready:
            return
        before = self._events
        if self._draw():
            self._quiet = 0
            newest = self._sight.session.last_ts if self._sight else 0.0
            self._events = self._sight.source.events if self._sight else 0
            self._pulse.update(newest=newest, sent=self._pacing.send(now, self._events - before))

    def _draw(self) -> bool:
        """Bring everything up to date if there is anything new; returns whether there was."""
        self._header.offer(self._library.catalogue.entries)
        self._open(self._wanted())
        sight = self._sight
        if sight is not None:
            entry = self._library.catalogue.get(sight.entry.name)
            live = entry is not None and entry.live
            sight.advance(live, self._library.clock, self._selected, self._library.processes)
        state = (*_state(sight), self._page, self._selected, sight and self._view.moving(sight))
        if state == self._drawn:
            return False
        self._drawn = state
        for part in (self._header, self._navigation, self._scrubber, self._banner, self._view, self._details):
            part.show(sight)
        return True

    def _wanted(self) -> SessionEntry | None:
        chosen = self._library.catalogue.get(self._choice)
        if chosen is None and self._choice != NEWEST:  # rotated out meanwhile
            self._choice = NEWEST
            self._header.pick(NEWEST)
        return chosen or self._library.catalogue.newest()

    def _open(self, entry: SessionEntry | None) -> None:
        """Turn to this session at the moment wanted, if that is not what is shown."""
        shown = self._sight and (self._sight.entry.name, self._sight.source.until)
        if entry is not None and self._sight is not None and entry.name != self._sight.entry.name:
            self._moment = self._selected = None
        if shown == (entry and (entry.name, self._moment)):
            return
        if self._sight is not None:
            self._library.shelf.put_back(self._sight.source)
        self._sight = None
        if entry is not None:
            self._sight = Sight(entry, self._library.shelf.take(entry.path, self._moment))
            self._sight.source.refresh()

    def _choose(self, name: str) -> None:
        self._choice = name

    def _go_to(self, moment: float | None) -> None:
        """Show this moment, in seconds since the session began; None: the present."""
        self._moment = None if moment is None or self._sight is None else self._sight.began + moment

    def _closed(self, context: SessionContext) -> None:
        self._open(None)


def arguments_of(document: Document) -> dict[str, str]:
    """What the address of the page asks for, such as ``?page=tasks``."""
    arguments: dict[str, list[bytes]] = {}
    context: Any = document.session_context
    with contextlib.suppress(AttributeError):
        arguments = context.request.arguments
    return {name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()}


def _state(sight: Sight | None) -> tuple[Any, ...]:
    """What decides what is drawn on every page, so that equal states need no new drawing."""
    if sight is None:
        return ()
    moving = 0.0
    if sight.live and sight.session.running():
        moving = sight.now
    elif sight.live and sight.now - sight.session.last_ts < COOL_DOWN:
        moving = int(sight.now)
    return (sight.source, sight.source.version, sight.live, moving)
