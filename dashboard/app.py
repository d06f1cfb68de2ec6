"""The page: one `Page` for each browser tab, all fed from one `Library`.

::

    Library (one a process)                     Page (one a tab)
      every 0.1 s: read new rows    <--asks--     every 0.1 s: anything new, and the browser ready for it?
      every second: list sessions                   then every view brings itself up to date

Reading happens once however many tabs look; drawing happens only when something changed, so a dashboard
on which nothing happens costs next to nothing.
"""

import time
from collections.abc import Callable

from bokeh.application.application import SessionContext
from bokeh.core.properties import Int
from bokeh.document import Document
from bokeh.model import DataModel
from bokeh.models import Column, CustomJS
from jinja2 import Template

from .catalogue import Catalogue, Entry
from .header import NEWEST, Header
from .pacing import Pacing
from .scene import Scene, View
from .source import Shelf
from .status import Status
from .theme import PAGE, STYLE
from .timeline import Timeline

TICK_MS = 100
LOOK_EVERY = 1.0  # seconds between two looks at which sessions there are
COOL_DOWN = 65.0  # seconds for which a quiet session is still redrawn: the last minute is drawn


class Library:
    """What all tabs share: the list of sessions, and the event stores that are being read."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.catalogue = Catalogue()
        self.shelf = Shelf()
        self._looked = float("-inf")

    def refresh(self) -> None:
        """Read what is new; call it every `TICK_MS`."""
        if self.clock() - self._looked >= LOOK_EVERY:
            self._looked = self.clock()
            self.catalogue.refresh()
        self.shelf.refresh()


class Pulse(DataModel):
    """The numbers of the last update sent to the browser, and of the last one that it has painted."""

    sent = Int(default=0)
    seen = Int(default=0)


class Page:
    """One browser tab.

    Args:
        document: Bokeh's document of the tab.
        library: what all tabs share.
    """

    def __init__(self, document: Document, library: Library) -> None:
        self._library = library
        self._choice = NEWEST
        self._scene: Scene | None = None
        self._drawn: tuple[object, ...] | None = None
        self._pacing = Pacing()
        self._pulse = Pulse()
        self._header = Header(self._choose)
        self._views: list[View] = [self._header, Status(), Timeline()]
        self._build(document)
        library.refresh()
        self._draw()

    def _build(self, document: Document) -> None:
        # Asking for the next frame and answering in it says "painted", not merely "received".
        answer = CustomJS(
            args={"pulse": self._pulse},
            code="requestAnimationFrame(() => { pulse.seen = pulse.sent })",
        )
        self._pulse.js_on_change("sent", answer)
        self._pulse.on_change("seen", lambda attr, old, new: self._pacing.painted(new))
        page = Column(
            children=[view.root for view in self._views],
            sizing_mode="stretch_width",
            name="page",
            tags=[self._pulse],  # so that it travels with the page, though nothing draws it
        )
        document.add_root(page)
        document.title = "minray dashboard"
        document.template = Template(PAGE)
        document.template_variables["style"] = STYLE
        document.add_periodic_callback(self._tick, TICK_MS)
        document.on_session_destroyed(self._closed)

    def _tick(self) -> None:
        now = time.monotonic()
        if self._pacing.may_send(now) and self._draw():
            self._pulse.update(sent=self._pacing.send(now))

    def _draw(self) -> bool:
        """Bring all views up to date if there is anything new; returns whether there was."""
        self._header.offer(self._library.catalogue.entries)
        self._open(self._wanted())
        scene = self._scene
        if scene is not None:
            entry = self._library.catalogue.get(scene.entry.name)
            scene.advance(entry is not None and entry.live, self._library.clock)
        state = _state(scene)
        if state == self._drawn:
            return False
        self._drawn = state
        for view in self._views:
            view.show(scene)
        return True

    def _wanted(self) -> Entry | None:
        chosen = self._library.catalogue.get(self._choice)
        if chosen is None and self._choice != NEWEST:  # rotated out meanwhile
            self._choice = NEWEST
            self._header.pick(NEWEST)
        return chosen or self._library.catalogue.newest()

    def _open(self, entry: Entry | None) -> None:
        """Turn to this session, if it is not the one shown."""
        if (entry and entry.name) == (self._scene and self._scene.entry.name):
            return
        if self._scene is not None:
            self._library.shelf.put_back(self._scene.source)
        self._scene = None
        if entry is not None:
            self._scene = Scene(entry, self._library.shelf.take(entry.path))
            self._scene.source.refresh()

    def _choose(self, name: str) -> None:
        self._choice = name

    def _closed(self, context: SessionContext) -> None:
        self._open(None)


def _state(scene: Scene | None) -> tuple[object, ...]:
    """Everything that decides what is drawn, so that equal states need no new drawing."""
    if scene is None:
        return ()
    moving = 0.0
    if scene.live and scene.session.running_bars():
        moving = scene.now
    elif scene.live and scene.now - scene.session.last_ts < COOL_DOWN:
        moving = int(scene.now)
    return (scene.source, scene.source.version, scene.live, moving)
