"""What an experiment on granularity tells: cost models, and where they cross.  No Bokeh.

With ``x`` the work in one task, a series of measured times is modelled as ``y = a + b x``: what a task costs
whatever it does, and what its work costs.  Run locally there is hardly an ``a``; run remotely there is, but
``b`` is divided by the number of workers.  Where the lines cross, a task begins to be worth its overhead::

    y |          / local
      |        /   __-- remote       the crossover comes with an interval: fits to points drawn anew
      |__----X--                     again and again (a bootstrap) cross elsewhere, and 9 of 10 within it
      |    /
      +----------- x
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

RESAMPLES = 300
DRAWN = ("predicted",)  # series that somebody has guessed, which are drawn and not fitted


class Measured(Protocol):
    """A point of a curve of an experiment."""

    @property
    def name(self) -> str:
        """Of the experiment."""

    @property
    def series(self) -> str:
        """Of the curve."""

    @property
    def x(self) -> float:
        """How much work."""

    @property
    def y(self) -> float:
        """The time it took."""


@dataclass(frozen=True)
class Line:
    """A cost model: what a task costs, and what its work costs."""

    base: float
    slope: float

    def at(self, x: Array) -> Array:
        """The time for so much work."""
        return self.base + self.slope * x


@dataclass
class Series:
    """One curve of an experiment.

    Attributes:
        name: such as "local" or "remote".
        xs, ys: the points of the newest run.
        earlier: those of the runs before.
        line: the fitted model; None if there are too few points.
    """

    name: str
    xs: Array = field(default_factory=lambda: np.zeros(0))
    ys: Array = field(default_factory=lambda: np.zeros(0))
    earlier: list[tuple[float, float]] = field(default_factory=list)
    line: Line | None = None

    def spread(self) -> list[tuple[float, float, float, float]]:
        """For each ``x``: the median, and the lowest and the highest ``y``."""
        return [
            (float(x), float(np.median(ys)), float(ys.min()), float(ys.max()))
            for x in np.unique(self.xs)
            for ys in [self.ys[self.xs == x]]
        ]


@dataclass(frozen=True)
class Crossing:
    """Where two models cross, and between which values nine of ten fits do."""

    x: float
    low: float
    high: float


def series_of(points: Iterable[Measured], experiment: str) -> list[Series]:
    """The curves of an experiment, in the order in which they appeared, fitted.

    A run begins anew when a series comes back to the ``x`` it began with after it had been elsewhere.
    """
    found: dict[str, list[list[tuple[float, float]]]] = {}
    for point in points:
        if point.name != experiment or not (np.isfinite(point.x) and np.isfinite(point.y)):
            continue
        runs = found.setdefault(point.series, [[]])
        run = runs[-1]
        if run and point.x == run[0][0] != run[-1][0]:
            run = []
            runs.append(run)
        run.append((point.x, point.y))
    return [_series(name, runs) for name, runs in found.items()]


def _series(name: str, runs: list[list[tuple[float, float]]]) -> Series:
    newest = np.array(runs[-1], float).reshape(-1, 2)
    earlier = [point for run in runs[:-1] for point in run]
    series = Series(name, newest[:, 0], newest[:, 1], earlier)
    if name not in DRAWN:
        series.line = fit(series.xs, series.ys)
    return series


def fit(xs: Array, ys: Array) -> Line | None:
    """The line that is nearest in relative terms: a microsecond is much for a short task, little for a long.

    Example:
        >>> fit(np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 9.0]))
        Line(base=1.0, slope=2.0)
    """
    usable = (ys > 0) & (xs > 0)
    xs, ys = xs[usable], ys[usable]
    if len(np.unique(xs)) < 2:
        return None
    system = np.stack([1 / ys, xs / ys], axis=1)
    base, slope = np.linalg.lstsq(system, np.ones(len(ys)), rcond=None)[0]
    if base < 0:  # no task costs less than nothing
        base, slope = 0.0, float(np.sum(xs / ys) / np.sum((xs / ys) ** 2))
    if slope < 0:
        base, slope = float(np.sum(1 / ys) / np.sum(1 / ys**2)), 0.0
    return Line(round(float(base), 12), round(float(slope), 12))


def cross(one: Line | None, other: Line | None) -> float | None:
    """Where two models give the same time; None if they do not for any amount of work."""
    if one is None or other is None or one.slope == other.slope:
        return None
    x = (other.base - one.base) / (one.slope - other.slope)
    return x if x > 0 else None


def crossing(one: Series, other: Series) -> Crossing | None:
    """Where two series cross, with its interval; None if their models do not cross."""
    x = cross(one.line, other.line)
    if x is None:
        return None
    dice = np.random.default_rng(0)  # the same points give the same interval
    found = []
    for _ in range(RESAMPLES):
        lines = []
        for series in (one, other):
            drawn = dice.integers(0, len(series.xs), len(series.xs))
            lines.append(fit(series.xs[drawn], series.ys[drawn]))
        again = cross(*lines)
        if again is not None:
            found.append(again)
    low, high = np.quantile(found, [0.05, 0.95]) if found else (x, x)
    return Crossing(x, float(min(low, x)), float(max(high, x)))


def pair(series: list[Series]) -> tuple[Series, Series] | None:
    """The two series that are compared: local and remote, if they are called so, else the first two."""
    fitted = [one for one in series if one.line is not None]
    local = next((one for one in fitted if "local" in one.name.lower()), None)
    remote = next((one for one in fitted if "remote" in one.name.lower()), None)
    if local and remote:
        return local, remote
    return (fitted[0], fitted[1]) if len(fitted) > 1 else None
