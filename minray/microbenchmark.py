"""`minray microbenchmark`: how fast the runtime is on this machine, measured and not claimed.

Each line of the table is one small *exercise* of the runtime, repeated; the middle result and the spread
are shown, because one number from one run says little on a machine that does other things as well.  Lines
that Ray's own microbenchmark has (`ray/_private/ray_perf.py` in Ray's wheel) carry its names and do the
same, so the two tables can be laid side by side.

::

    start-up to first result   a fresh process: import, init, one task, its result
    tasks sync                 submit one, get it, submit the next: what one round trip costs
    tasks async, batch         submit many, get all: what one task costs when nobody waits in between
    get / put                  small objects (calls), large ones (gigabytes)
    wait                       1,000 references one by one, as in a working list

Events are recorded while all of this runs, as they are for every user; only the dashboard is left out, which
is a program of its own and would go on running after the last line.  An exercise is given the
module that it calls (`minray`), so anything with Ray's interface can be measured by the same code.

Example:
    $ minray microbenchmark --repeats 5
    $ minray microbenchmark --match tasks
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

START_UP = """
import time
began = time.perf_counter()
import {module} as ray
ray.init(include_dashboard=False)
@ray.remote
def first():
    return 1
ray.get(first.remote())
print("seconds", time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Exercise:
    """One line of the table.

    Args:
        name: what is measured; Ray's name where Ray measures it too.
        unit: what `amount` counts, for the table ("tasks/s"), or "s" if less is better.
        amount: how many of it one call of `run` does.
        run: does it once.
    """

    name: str
    unit: str
    amount: float
    run: Callable[[], object]


@dataclass(frozen=True)
class Measurement:
    """The results of one exercise, in its unit."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value: half of the repeats were better, half worse."""
        return statistics.median(self.values)

    def row(self) -> tuple[str, str, str, str]:
        """The line of the table: name, median, spread, unit."""
        low, high = _number(min(self.values)), _number(max(self.values))
        return self.name, _number(self.median), f"{low} .. {high}", self.unit


def _number(value: float) -> str:
    """A number with three significant digits or all that stand before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def start_up(module: str = "minray") -> float:
    """Seconds from before the import to the first task's result, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", START_UP.format(module=module)], capture_output=True, text=True, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("seconds ")]
    return float(line.removeprefix("seconds "))


def exercises(ray: ModuleType) -> Iterator[Exercise]:
    """All exercises that need a running session, in the order of the table.

    Args:
        ray: `minray`, or a module with the same interface; initialized.
    """
    yield from _task_exercises(ray)
    yield from _object_exercises(ray)


def _task_exercises(ray: ModuleType) -> Iterator[Exercise]:
    @ray.remote
    def small_value() -> bytes:
        return b"ok"

    @ray.remote
    def small_value_batch(count: int) -> None:
        ray.get([small_value.remote() for _ in range(count)])

    def batch(count: int) -> Callable[[], object]:
        return lambda: ray.get([small_value.remote() for _ in range(count)])

    def wait_one_by_one() -> None:
        working = [small_value.remote() for _ in range(1000)]
        while working:
            _, working = ray.wait(working)

    yield Exercise("single client tasks sync", "round trips/s", 1, batch(1))
    yield Exercise("single client tasks async", "tasks/s", 1000, batch(1000))
    yield Exercise("2,000 no-op tasks in a batch", "tasks/s", 2000, batch(2000))
    yield Exercise("single client tasks and get batch", "batches of 1,000/s", 1, batch(1000))
    yield Exercise(
        "multi client tasks async",
        "tasks/s",
        4000,
        lambda: ray.get([small_value_batch.remote(1000) for _ in range(4)]),
    )
    yield Exercise("single client wait 1k refs", "runs/s", 1, wait_one_by_one)


def _object_exercises(ray: ModuleType) -> Iterator[Exercise]:
    @ray.remote
    def make_array() -> "np.ndarray[Any, Any]":
        return np.ones(1_000_000)

    small = ray.put(0)
    large = np.zeros(100 * 1024 * 1024 // 8)

    yield Exercise("single client get calls (Plasma Store)", "calls/s", 1, lambda: ray.get(small))
    yield Exercise("single client put calls (Plasma Store)", "calls/s", 1, lambda: ray.put(0))
    yield Exercise("single client put gigabytes", "GB/s", large.nbytes / 1e9, lambda: ray.put(large))
    yield Exercise("8 MB array from a task", "arrays/s", 1, lambda: ray.get(make_array.remote()))


def measure(exercise: Exercise, repeats: int, seconds: float) -> Measurement:
    """Run an exercise again and again, `repeats` times for about so many seconds.

    Args:
        exercise: what to run.
        repeats: how many results to collect; one more run before them warms everything up.
        seconds: how long to run for each result.

    Returns:
        As many rates as repeats.
    """
    exercise.run()
    rates = []
    for _ in range(repeats):
        count, began = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds or not count:
            exercise.run()
            count += 1
        rates.append(count * exercise.amount / elapsed)
    return Measurement(exercise.name, exercise.unit, tuple(rates))


def run(repeats: int, seconds: float, match: str = "") -> Iterator[Measurement]:
    """Measure all lines whose names contain `match`; yields each result as soon as it is there."""
    import minray

    name = "start-up to first result"
    if match in name:
        start_up()  # the first start in a while reads files that the next ones find in memory
        yield Measurement(name, "s", tuple(start_up() for _ in range(repeats)))
    minray.init(include_dashboard=False)
    try:
        for exercise in exercises(minray):
            if match in exercise.name:
                yield measure(exercise, repeats, seconds)
    finally:
        minray.shutdown()


def machine() -> str:
    """The machine and the versions, which every table of measurements should carry."""
    import minray

    return (
        f"minray {minray.__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs, "
        f"{platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--repeats", type=int, default=5, help="results to collect for each line (default: 5)"
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each result (default: 0.5)")
    parser.add_argument("--match", default="", metavar="TEXT", help="only the lines whose names contain TEXT")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `minray microbenchmark`; returns its exit status."""
    parser = argparse.ArgumentParser(prog="minray microbenchmark", description=(__doc__ or "").split("\n")[0])
    add_arguments(parser)
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.seconds < 0:
        parser.error("--repeats must be at least 1, and --seconds not negative")
    layout = "{:<40} {:>9} {:>19}  {}"
    print(machine())
    print(layout.format("", "median", "spread", "unit"), flush=True)
    found = 0
    for measurement in run(options.repeats, options.seconds, options.match):
        print(layout.format(*measurement.row()), flush=True)
        found += 1
    if not found:
        parser.error(f"no line's name contains {options.match!r}")
    return 0
