"""What the views are handed at each update, and what a view is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bokeh.models.ui import UIElement

from .catalogue import Entry
from .model import Session
from .source import Source
from .theme import FunctionColours


@dataclass
class Scene:
    """One session, as one browser looks at it.

    Args:
        entry: which session.
        source: its decoded content.
        colours: of its functions.
        live: whether it still runs.
        now: the present for a session that runs, the last event for one that does not; seconds since 1970.
    """

    entry: Entry
    source: Source
    colours: FunctionColours = field(default_factory=FunctionColours)
    live: bool = False
    now: float = 0.0

    @property
    def session(self) -> Session:
        """The content."""
        return self.source.session

    @property
    def began(self) -> float:
        """When the session began, in seconds since 1970: the zero of the time axis."""
        try:
            return float(self.source.meta["started_at"])
        except (KeyError, ValueError):
            return self.session.last_ts

    def advance(self, live: bool, clock: Callable[[], float]) -> None:
        """Take the present time, and settle the colours of functions seen for the first time."""
        self.live = live
        self.now = max(clock(), self.session.last_ts) if live else self.session.last_ts
        for name in self.session.functions:
            self.colours[name]  # first come, first served: in the order in which the session saw them


class View(Protocol):
    """A part of the page."""

    @property
    def root(self) -> UIElement:
        """What to put on the page."""
        ...

    def show(self, scene: Scene | None) -> None:
        """Bring it up to date; ``None``: there is no session to show."""
        ...
