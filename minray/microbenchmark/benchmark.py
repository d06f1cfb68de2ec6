"""A benchmark is one line of the table: what is run, and how it is measured."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

_LONGEST_WARM_UP = 4.0  # seconds


@dataclass(frozen=True)
class Benchmark:
    """One line of the table.

    Args:
        name: what is measured; Ray's name where Ray measures it too.
        unit: what a result counts, for the table: "tasks/s" or, if less is better, "s", "us" or "MB".
        amount: how many of it one call of `run` does.
        run: does it once.  If it returns a `Reading`, that is the result, else the time that it took is.
    """

    name: str
    unit: str
    amount: float
    run: Callable[[], object]


@dataclass(frozen=True)
class Reading:
    """A result that `run` measured itself, in the benchmark's unit."""

    value: float


@dataclass(frozen=True)
class Measurement:
    """The results of one benchmark, in its unit; none if it failed, and then `problem` says why."""

    name: str
    unit: str
    values: tuple[float, ...]
    problem: str = ""

    @property
    def median(self) -> float:
        """The middle value: half of the repeats were better, half worse."""
        return statistics.median(self.values)

    @property
    def less_is_better(self) -> bool:
        """Whether this is a time or a size, and not a rate."""
        return not self.unit.endswith("/s")

    def times_better_than(self, other: "Measurement") -> float | None:
        """How many times better this is than another; None if one of them failed."""
        if not (self.values and other.values and self.median and other.median):
            return None
        return other.median / self.median if self.less_is_better else self.median / other.median

    def row(self) -> tuple[str, str, str, str]:
        """The line of the table: name, median, spread, unit."""
        if not self.values:
            return self.name, "-", self.problem, self.unit
        low, high = number(min(self.values)), number(max(self.values))
        return self.name, number(self.median), f"{low} .. {high}", self.unit


def number(value: float) -> str:
    """A number with three significant digits or all that stand before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def measure(benchmark: Benchmark, repeats: int, seconds: float) -> Measurement:
    """Run a benchmark again and again, `repeats` times for about so many seconds.

    Args:
        benchmark: what to run.
        repeats: how many results to collect; one more run before them warms everything up.
        seconds: how long to run for each result.

    Returns:
        As many results as repeats; a single one if the first run alone takes longer than all should, and
        more than a few seconds: a first run may be slow only because nothing is warm yet.
    """
    began = time.perf_counter()
    first = benchmark.run()
    first_took = time.perf_counter() - began
    if first_took > max(repeats * seconds, _LONGEST_WARM_UP):
        return Measurement(benchmark.name, benchmark.unit, (_result(benchmark, first, 1, first_took),))
    values = []
    for _ in range(repeats):
        count, began = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds or not count:
            last = benchmark.run()
            count += 1
        values.append(_result(benchmark, last, count, elapsed))
    return Measurement(benchmark.name, benchmark.unit, tuple(values))


def _result(benchmark: Benchmark, returned: object, count: int, elapsed: float) -> float:
    if isinstance(returned, Reading):
        return returned.value
    per_unit = elapsed / (count * benchmark.amount)
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}.get(benchmark.unit)
    return 1 / per_unit if scale is None else per_unit * scale
