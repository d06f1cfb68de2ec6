"""What the views are handed at each update, and what a view is."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minray.lessons.figures.colours import FunctionColours

from ..data.catalogue import SessionEntry
from ..data.columns import Array
from ..data.model import Session
from ..data.mosaic import Mosaic
from ..data.processes import Vitals
from ..data.source import Source


@dataclass
class Sight:
    """One session, as one browser looks at it.

    Args:
        entry: which session.
        source: its decoded content.
        live: whether it still runs, and its present is shown.
        now: the moment that is shown, in seconds since 1970: the present for a session that runs, the last
            event for one that does not, or the moment in the past that was asked for.
        selected: the task whose details are shown; None: none.
        processes: CPU (percent) and memory (bytes) of processes, by pid; only of sessions that run.
    """

    entry: SessionEntry
    source: Source
    live: bool = False
    now: float = 0.0
    selected: int | None = None
    processes: dict[int, tuple[float, int]] | None = None

    @property
    def session(self) -> Session:
        """The content."""
        return self.source.session

    @property
    def past(self) -> bool:
        """Whether a past moment is shown, by somebody's wish."""
        return self.source.until is not None

    @property
    def began(self) -> float:
        """When the session began, in seconds since 1970: the zero of the time axis."""
        with contextlib.suppress(KeyError, ValueError):
            return float(self.source.meta["started_at"])
        return self.session.last_ts

    @property
    def colours(self) -> FunctionColours:
        """Of the functions: first come, first served, in the order in which the session saw them."""
        colours: FunctionColours = self.source.once("colours", None, FunctionColours)
        for function in self.session.functions[1:]:
            colours[function.name]
        return colours

    @property
    def palette(self) -> Array:
        """The colour of each function as a row of red, green and blue."""
        palette: Array = self.source.once("palette", len(self.session.functions), self._make_palette)
        return palette

    @property
    def colour_codes(self) -> Array:
        """The same as Bokeh takes it in columns: 0xRRGGBBAA."""
        red, green, blue = self.palette.astype(np.uint32).T
        codes: Array = red << 24 | green << 16 | blue << 8 | 255
        return codes

    def _make_palette(self) -> Array:
        colours = self.colours
        names = [function.name for function in self.session.functions]
        return np.array([[int(colours[name][at : at + 2], 16) for at in (1, 3, 5)] for name in names], float)

    def mosaic(self, level: int) -> Mosaic:
        """The picture of the timeline with bins of this size."""
        return self.source.once(f"mosaic {level}", None, lambda: Mosaic(self.session, level))

    def advance(
        self,
        live: bool,
        clock: Callable[[], float],
        selected: int | None = None,
        processes: Vitals | None = None,
    ) -> None:
        """Take the time that is to be shown, and what goes with it.

        Args:
            live: whether the session runs.
            clock: the time of its present.
            selected: see `Sight`.
            processes: asks the system; None: nobody wants to know.
        """
        self.live = live and not self.past
        if self.source.until is not None:
            self.now = self.source.until
        else:
            self.now = max(clock(), self.session.last_ts) if self.live else self.session.last_ts
        self.selected = selected
        self.processes = processes.look(self.entry.name, self.session) if processes and self.live else None


class View:
    """A page, or a part of all pages; what is seen of it is its ``root``.

    Args:
        ask: what to call so that somebody else on the page does something; see `frame.app.Page.ask`.
    """

    root: Any  # each view knows what kind of Bokeh's elements it is

    def __init__(self, ask: Callable[[str], None]) -> None:
        self.ask = ask

    def show(self, sight: Sight | None) -> None:
        """Bring it up to date; ``None``: there is no session to show."""
        raise NotImplementedError

    def asked(self, verb: str, what: str) -> None:
        """The user has clicked on something of this view; see `theme.link`."""

    def moving(self, sight: Sight) -> Any:  # noqa: ANN401 (anything that can be compared)
        """What it depends on beside the content of the session; equal values need no new drawing."""
        return None
