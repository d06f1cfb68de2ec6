"""The timeline zoomed out: a picture in which a pixel is as strong as its worker was busy there.  No Bokeh.

A row of no-op tasks keeps a worker busy for two hundredths of the time; single rectangles, each at least a
pixel wide, would paint it full.  So time is cut into bins of about a pixel, and a bin's colour is the mean
of what ran in it, its opacity the *busy fraction*; blocked time counts for `PALE` of itself, as in the bars.

A bar that begins at 2.75 bins and ends at 5.5 is two steps, and the sum over all steps before a bin is what
it contains; so a new bar costs four additions, however long it is, and nothing is drawn twice::

    steps   +0.25 +0.75        -0.5 -0.5
    bins  |  2  |  3  |  4  |  5  |  6  |
    sum     0.25  1.00  1.00  0.50   0
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .columns import Array
from .model import Session
from .workers import Run

PALE = 0.35
BINS = 4096  # that are kept ready; about a quarter of them is visible
FINEST, COARSEST = -24, 24  # bins are powers of two of a second
FEW = 1_000  # stretches that are added one by one rather than all bins at once
LATE = 2.0  # seconds by which the end of a bar may lie before that of the one read before it

RED, GREEN, BLUE, BUSY, FAILED, CHANNELS = range(6)


def level_for(width: float, pixels: int) -> int:
    """The size of a bin, as a power of two of a second, if `width` seconds are to fill about so many pixels.

    Example:
        >>> level_for(width=1000.0, pixels=1000), level_for(width=1.0, pixels=1024)
        (0, -10)
    """
    wanted = np.log2(max(width, 1e-9) / pixels)
    return int(np.clip(np.ceil(wanted), FINEST, COARSEST))


def visible(bars: Array, start: float, end: float) -> Array:
    """The rows that are (partly) between two moments."""
    candidates = bars[_ended_before(bars, start - LATE) :]
    return candidates[(candidates["end"] >= start) & (candidates["start"] <= end)]


def surely_visible(bars: Array, start: float, end: float) -> int:
    """How many rows are between two moments at least; takes no longer however many rows there are."""
    return max(0, _ended_before(bars, end - LATE) - _ended_before(bars, start + LATE))


def _ended_before(bars: Array, moment: float) -> int:
    # Not `np.searchsorted`, which copies the column first, since it is part of a structured array.
    return bisect_left(bars["end"], moment)


@dataclass
class Tiles:
    """A stretch of the picture: one row a lane, one column a bin."""

    start: float  # of its first bin, seconds since 1970
    step: float  # of a bin, in seconds
    sums: Array  # lanes x bins x channels
    begun: Array  # lanes x bins: how many executions began there

    def rgb(self) -> Array:
        """The mean colour of what ran, 0 to 255."""
        weight = np.maximum(self.sums[..., BUSY : BUSY + 1], 1e-9)
        return np.clip(self.sums[..., RED : BLUE + 1] / weight, 0, 255).astype(np.uint8)

    def busy(self) -> Array:
        """The busy fraction, 0 to 1."""
        return np.clip(self.sums[..., BUSY], 0.0, 1.0)

    def failed(self) -> Array:
        """Whether something that failed ran there."""
        return self.sums[..., FAILED] > 1e-6


@dataclass
class Mosaic:
    """The picture of one session at one size of bins; all browsers share it.

    Args:
        session: what to draw.
        level: see `level_for`.
    """

    session: Session
    level: int
    _first: int = 0  # the bin at which the arrays begin, counted from 1970
    _drawn: int = -1  # bars and holds up to these serial numbers are in the arrays
    _held: int = 0
    _steps: Array = field(default_factory=lambda: np.zeros((0, 0, CHANNELS)))
    _begun: Array = field(default_factory=lambda: np.zeros((0, 0), np.uint32))

    @property
    def step(self) -> float:
        """The length of a bin in seconds."""
        return float(2.0**self.level)

    def tiles(self, start: float, end: float, now: float, palette: Array) -> Tiles:
        """The picture between two moments.

        Args:
            start, end: seconds since 1970; at most a quarter of `BINS` bins are between them.
            now: where that ends which still goes on.
            palette: the colour of each function, as rows of red, green and blue.
        """
        low = int(np.floor(start / self.step))
        high = low + min(BINS // 2, int(np.ceil(end / self.step)) - low + 1)
        lanes = len(self.session.crew.depth)
        outside = low < self._first or high > self._first + BINS
        if self._drawn < self.session.bars.first or outside or lanes > len(self._steps):
            self._restart(low - BINS // 8, lanes)
        self._catch_up(palette)
        shown = slice(low - self._first, high - self._first)
        sums = np.cumsum(self._steps[:, : shown.stop], axis=1)[:, shown]
        begun = self._begun[:, shown].copy()
        self._add_running(sums, begun, low, now, palette)
        return Tiles(low * self.step, self.step, sums, begun)

    def _restart(self, first: int, lanes: int) -> None:
        self._first = first
        self._drawn, self._held = self.session.bars.first, self.session.holds.first
        self._steps = np.zeros((lanes, BINS + 2, CHANNELS))
        self._begun = np.zeros((lanes, BINS + 2), np.uint32)

    def _catch_up(self, palette: Array) -> None:
        bars, holds = self.session.bars, self.session.holds
        start, end = self._first * self.step, (self._first + BINS) * self.step
        new = visible(bars.since(self._drawn), start, end)
        if len(new):
            colours = np.empty((len(new), CHANNELS))
            colours[:, :BUSY] = palette[new["function"]]
            colours[:, BUSY] = 1.0
            colours[:, FAILED] = new["state"] == 12
            self._add(self._steps, new["lane"], new["start"] - start, new["end"] - start, colours)
            begins = new["start"] >= start
            bins = ((new["start"][begins] - start) / self.step).astype(int)
            np.add.at(self._begun, (new["lane"][begins], bins), 1)
        pale = visible(holds.since(self._held), start, end)
        if len(pale):
            colours = np.zeros((len(pale), CHANNELS))
            colours[:, :BUSY] = palette[pale["function"]] * (PALE - 1)
            colours[:, BUSY] = PALE - 1
            self._add(self._steps, pale["lane"], pale["start"] - start, pale["end"] - start, colours)
        self._drawn, self._held = bars.total, holds.total

    def _add(self, steps: Array, lanes: Array, start: Array, end: Array, colours: Array) -> None:
        """Add stretches, given in seconds from the beginning of `steps`."""
        most, flat = steps.shape[1] - 2, steps.reshape(-1, CHANNELS)
        for moments, sign in ((start, 1.0), (end, -1.0)):
            place = np.clip(moments / self.step, 0, most)
            bins = place.astype(np.int64)
            late = place - bins
            at = lanes.astype(np.int64) * (most + 2) + bins
            for channel in range(CHANNELS):
                amount = sign * colours[:, channel]
                if not amount.any():
                    continue
                for where, share in ((at, 1 - late), (at + 1, late)):
                    if len(where) < FEW:
                        np.add.at(flat[:, channel], where, amount * share)
                    else:
                        flat[:, channel] += np.bincount(where, amount * share, minlength=len(flat))

    def _add_running(self, sums: Array, begun: Array, low: int, now: float, palette: Array) -> None:
        """What goes on is not in the arrays, since its end moves."""
        going: Sequence[Run] = [e for e in self.session.running() if e.start is not None and e.worker]
        if not going or not sums.shape[1]:
            return
        steps = np.zeros((sums.shape[0], sums.shape[1] + 2, CHANNELS))
        start = low * self.step
        for run in going:
            lane = self.session.crew.worker(run.worker or 0).lane
            if lane is None or lane >= len(steps) or run.start is None:
                continue
            full = np.array([*palette[run.function], 1.0, 0.0])
            stretches = [(run.start, now, full)]
            stretches += [(since, until, full * (PALE - 1)) for since, until in run.holds]
            if run.held is not None:
                stretches.append((run.held, now, full * (PALE - 1)))
            for since, until, colour in stretches:
                one = (np.array([lane]), np.array([since - start]), np.array([max(since, until) - start]))
                self._add(steps, *one, colour[None, :])
            place = int((run.start - start) / self.step)
            if 0 <= place < begun.shape[1] and run.start >= start:
                begun[lane, place] += 1
        sums += np.cumsum(steps, axis=1)[:, : sums.shape[1]]
