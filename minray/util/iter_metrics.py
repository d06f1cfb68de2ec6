"""What the operators of one iterator share: counters, timers, and where the current item came from."""

import time
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any


class Timer:
    """How long a block of code takes, over its last runs.

    Example:
        >>> timer = Timer()
        >>> with timer:
        ...     work()
        >>> timer.mean  # seconds
        0.25
    """

    def __init__(self, window_size: int = 10) -> None:
        self.count = 0
        self._seconds: deque[float] = deque(maxlen=window_size)
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *exc_info: object) -> None:
        self.push(time.perf_counter() - self._began)

    def push(self, seconds: float) -> None:
        """Add a measurement that was taken elsewhere."""
        self._seconds.append(seconds)
        self.count += 1

    @property
    def mean(self) -> float:
        """The mean of the last runs, in seconds; 0 before the first."""
        return sum(self._seconds) / len(self._seconds) if self._seconds else 0.0


class MetricsContext:
    """What `LocalIterator.get_metrics()` gives to the functions of an iterator.

    Attributes:
        counters: numbers by name, 0 to begin with.
        timers: `Timer`s by name.
        info: anything else by name.
        current_actor: the shard that the current item came from; set by `gather_async`.
    """

    def __init__(self) -> None:
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.timers: defaultdict[str, Timer] = defaultdict(Timer)
        self.info: dict[str, Any] = {}
        self.current_actor: Any = None

    def save(self) -> dict[str, Any]:
        """The counters and the info, as plain data."""
        return {"counters": dict(self.counters), "info": dict(self.info), "timers": None}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `save` returned; timers start anew."""
        self.counters = defaultdict(int, saved["counters"])
        self.timers.clear()
        self.info = dict(saved["info"])


class SharedMetrics:
    """Points to a context, so that a union can make its parts point to one and the same."""

    def __init__(self, parents: Iterable["SharedMetrics"] = ()) -> None:
        self._parents = list(parents)
        self._point_to(MetricsContext())

    def _point_to(self, context: MetricsContext) -> None:
        self._context = context
        for parent in self._parents:
            parent._point_to(context)

    def get(self) -> MetricsContext:
        """The context."""
        return self._context
