"""Time in units: one setting makes every sleep of a lesson longer or shorter.

A *unit* is one second, unless ``MINRAY_TIME_SCALE`` says otherwise: 0.1 makes all lessons ten times
quicker, 2 gives a class twice the time to watch the dashboard. Set it before `minray.init`, because
workers inherit the driver's environment when they start.
"""

import math
import os
import time
from types import TracebackType
from typing import Any

SETTING = "MINRAY_TIME_SCALE"


def time_scale() -> float:
    """How many seconds one unit lasts.

    Raises:
        ValueError: ``MINRAY_TIME_SCALE`` is set to something that is not a positive number.

    Example:
        >>> os.environ["MINRAY_TIME_SCALE"] = "0.1"
        >>> time_scale()
        0.1
    """
    text = os.environ.get(SETTING, "1")
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(
            f"{SETTING} is {text!r}, but it has to be a positive number: the seconds that one unit lasts. "
            f"Correct or unset it, then restart the kernel."
        )
    return scale


def nap(units: float) -> None:
    """Sleep for that many units; it stands in for real work that takes a while.

    A nap keeps a worker busy without keeping a processor core busy, so the lessons behave alike on a
    laptop with two cores and on a server with ninety-six.

    Args:
        units: how long, in units of `time_scale` seconds.
    """
    time.sleep(units * time_scale())


def slow_value(units: float, value: Any) -> Any:  # noqa: ANN401 - whatever is given comes back
    """Return a value after a nap: a task that some exercises hand out."""
    nap(units)
    return value


class stopwatch:  # noqa: N801 - reads like the verb it is: `with stopwatch("..."):`
    """Measure a block in units, and print the result when the block ends.

    Args:
        what: the words to print before the number.

    Example:
        >>> with stopwatch("two naps"):
        ...     nap(1)
        ...     nap(1)
        two naps: 2.00 units
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._started = time.perf_counter()
        self._units: float | None = None

    @property
    def units(self) -> float:
        """Units since the block began; once it has ended, how long it took."""
        if self._units is None:
            return (time.perf_counter() - self._started) / time_scale()
        return self._units

    def __enter__(self) -> "stopwatch":
        self._started = time.perf_counter()
        self._units = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._units = self.units
        if kind is None:
            print(f"{self.what}: {self._units:.2f} units")
