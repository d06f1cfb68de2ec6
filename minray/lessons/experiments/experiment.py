"""`Experiment`: measurements that the dashboard draws while they are made, and the model that explains them.

::

    Experiment("make_array")
        .measure("local", n, ...)   --point--> event store --> the dashboard's page Granularity
        .measure("remote", n, ...)  --point-->     "
        .crossover()                 the size from which on a task is worth its overhead

A time is modelled as ``overhead + cost * n``; see `cost_model`, which the dashboard uses as well.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..basics.session import record_point
from ..figures.cost_model import Crossing, Series, crossing, pair, series_of

MARGIN = 30  # `bracket` goes this many times below and above the expected crossover


class Point(NamedTuple):
    """One measurement: how long so much work took."""

    name: str
    series: str
    x: float
    y: float


class Experiment:
    """Points of some curves, each recorded in the session at the moment it is measured.

    Args:
        name: how the dashboard lists it.
        unit: what the numbers on the x axis count.

    Example:
        >>> experiment = Experiment("make_array")
        >>> experiment.measure("local", 1000, lambda: make_array(1000), trials=5)
        >>> experiment
        make_array: local 1 size, 5 points
    """

    def __init__(self, name: str, unit: str = "numbers") -> None:
        self.name = name
        self.unit = unit
        self._points: list[Point] = []

    def add(self, series: str, x: float, seconds: float) -> None:
        """Note one measured point.

        Args:
            series: which curve, such as "local" or "remote".
            x: the size of the work.
            seconds: how long it took.
        """
        self._points.append(Point(self.name, series, float(x), float(seconds)))
        record_point(self.name, series, x, seconds)

    def measure(
        self, series: str, x: float, work: Callable[[], object], trials: int = 5, calls: int = 1
    ) -> float:
        """Do some work several times, and note how long a call of it took each time.

        Args:
            series: which curve.
            x: the size of the work.
            work: what to measure.
            trials: how often.
            calls: how many calls `work` makes; a point is the time for one of them.

        Returns:
            The median of the times, in seconds for a call.
        """
        times = []
        for _ in range(trials):
            began = time.perf_counter()
            work()
            times.append((time.perf_counter() - began) / calls)
            self.add(series, x, times[-1])
        return sorted(times)[len(times) // 2]

    @property
    def series(self) -> list[Series]:
        """The curves, each with its fitted model."""
        return series_of(self._points, self.name)

    def crossover(self) -> Crossing | None:
        """Where the models of "local" and "remote" cross, with an interval; None if they do not."""
        two = pair(self.series)
        return crossing(*two) if two else None

    def __repr__(self) -> str:
        lines = [
            f"{self.name}: {one.name} {len(one.spread())} sizes, {len(one.xs)} points" for one in self.series
        ]
        lines += [
            f"  {one.name}: {1e6 * one.line.base:.1f} us a call and {1e6 * one.line.slope:.6f} us for each of"
            f" the {self.unit}"
            for one in self.series
            if one.line
        ]
        return "\n".join([*lines, self.conclusion()])

    def conclusion(self) -> str:
        """What the models say, in a sentence."""
        found = self.crossover()
        if found is None:
            return "The two curves do not cross."
        return (
            f"As a task it is faster from about {found.x:,.0f} {self.unit} on "
            f"(between {found.low:,.0f} and {found.high:,.0f})."
        )

    def plot(self) -> Any:  # noqa: ANN401 - a Bokeh figure
        """The points with their spread, the models and the crossover, on logarithmic axes.

        Returns:
            A Bokeh figure; ``bokeh.io.show`` displays it.
        """
        from .plots import draw_experiment

        return draw_experiment(self.name, self.unit, self.series, self.crossover())


def bracket(overhead: float, cost: float, workers: int, points: int = 7) -> list[int]:
    """Sizes on both sides of where a task should begin to be worth its overhead, on this machine.

    Args:
        overhead: what a task costs that does nothing, in seconds.
        cost: what a unit of work costs locally, in seconds.
        workers: how many tasks run at the same time.
        points: how many sizes; fewer come back if the smallest would be less than 1.

    Returns:
        Sizes in rising order, each a fixed number of times the one before.

    Example:
        >>> bracket(overhead=1e-4, cost=1e-8, workers=2, points=3)
        [667, 20000, 600000]
    """
    saved = cost * (1 - 1 / workers) if workers > 1 else cost
    middle = overhead / saved
    step = MARGIN ** (2 / (points - 1))
    return sorted({max(1, round(middle / MARGIN * step**place)) for place in range(points)})
