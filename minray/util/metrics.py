"""Counters, gauges and histograms of your own: kept in the process that records them.

Ray sends such numbers to Prometheus; minray has no exporter, so they can be read here only, with `values`.
Source: https://docs.ray.io/en/latest/ray-observability/user-guides/add-app-metrics.html.
"""

import bisect
import re
import warnings
from typing import Any

_VALID_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
Tags = dict[str, str]


class Metric:
    """What all kinds have in common.

    Args:
        name: letters, digits and underscores.
        description: for people.
        tag_keys: by which the numbers are told apart; each record must give all of them.

    Raises:
        ValueError: the name is empty.
        TypeError: `tag_keys` is not a tuple of strings.
    """

    def __init__(self, name: str, description: str = "", tag_keys: tuple[str, ...] | None = None) -> None:
        if not name:
            raise ValueError("Empty name is not allowed. Please provide a metric name.")
        self._discard = not _VALID_NAME.fullmatch(name)
        if self._discard:
            warnings.warn(
                f"Invalid metric name: {name}. The metric is discarded. Names consist of letters, digits and "
                "underscores, and begin with no digit.",
                UserWarning,
                stacklevel=3,
            )
        if not isinstance(tag_keys or (), tuple):
            raise TypeError(f"tag_keys should be a tuple type, got: {type(tag_keys)}")
        for key in tag_keys or ():
            if not isinstance(key, str):
                raise TypeError(f"Tag keys must be str, got {type(key)}.")
        self._name = name
        self._description = description
        self._tag_keys = tag_keys or ()
        self._default_tags: Tags = {}
        self._values: dict[tuple[str, ...], Any] = {}

    def set_default_tags(self, default_tags: Tags) -> "Metric":
        """Give tags that records need not repeat; returns the metric itself.

        Raises:
            ValueError: there is no such tag key.
            TypeError: a value is no string.
        """
        for key in default_tags:
            if key not in self._tag_keys:
                raise ValueError(f"Unrecognized tag key {key}.")
        self._check_tags(default_tags)
        self._default_tags = default_tags
        return self

    @property
    def info(self) -> dict[str, Any]:
        """What the metric was made with."""
        return {
            "name": self._name,
            "description": self._description,
            "tag_keys": self._tag_keys,
            "default_tags": self._default_tags,
        }

    @property
    def values(self) -> dict[tuple[str, ...], Any]:
        """What has been recorded in this process, by the values of the tags in the order of `tag_keys`."""
        return dict(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, self._description, self._tag_keys)

    def _key(self, value: float, tags: Tags | None) -> tuple[str, ...]:
        """Check a record; return the values of its tags."""
        if not isinstance(value, (int, float)):
            raise TypeError(f"value must be int or float, got {type(value)}.")
        self._check_tags(tags or {})
        given = {**self._default_tags, **(tags or {})}
        missing = [key for key in self._tag_keys if key not in given]
        if missing:
            raise ValueError(f"Missing value for tag key(s): {','.join(missing)}.")
        return tuple(given[key] for key in self._tag_keys)

    @staticmethod
    def _check_tags(tags: Tags) -> None:
        for value in tags.values():
            if not isinstance(value, str):
                raise TypeError(f"Tag values must be str, got {type(value)}.")

    def _record(self, key: tuple[str, ...], value: Any) -> None:  # noqa: ANN401
        if not self._discard:
            self._values[key] = value


class Counter(Metric):
    """A number that only grows.

    Example:
        >>> requests = Counter("requests", tag_keys=("route",))
        >>> requests.inc(2, tags={"route": "/"})
    """

    def inc(self, value: float = 1.0, tags: Tags | None = None) -> None:
        """Add to it.

        Raises:
            ValueError: the value is not above 0, or a tag is missing.
            TypeError: the value is no number.
        """
        key = self._key(value, tags)
        if value <= 0:
            raise ValueError(f"value must be >0, got {value}")
        self._record(key, self._values.get(key, 0) + value)


class Gauge(Metric):
    """A number that goes up and down: the last one counts."""

    def set(self, value: float | None, tags: Tags | None = None) -> None:
        """Set it; None changes nothing."""
        if value is not None:
            self._record(self._key(value, tags), value)


class Histogram(Metric):
    """How many of the observed values lie between boundaries.

    Args:
        boundaries: numbers above 0, ascending.
        name, description, tag_keys: as for all metrics.

    Raises:
        ValueError: there are no boundaries, or one is not above 0.
    """

    def __init__(
        self,
        name: str,
        description: str = "",
        boundaries: list[float] | None = None,
        tag_keys: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(name, description, tag_keys)
        if not boundaries:
            raise ValueError(
                "boundaries argument should be provided when using the Histogram class, e.g., "
                'Histogram("name", boundaries=[1.0, 2.0])'
            )
        for place, boundary in enumerate(boundaries):
            if boundary <= 0:
                raise ValueError(
                    f"Invalid `boundaries` argument at index {place}, {boundaries}. Use positive values."
                )
        self.boundaries = boundaries

    def observe(self, value: float, tags: Tags | None = None) -> None:
        """Count a value."""
        key = self._key(value, tags)
        counts = list(self._values.get(key, [0] * (len(self.boundaries) + 1)))
        counts[bisect.bisect_left(self.boundaries, value)] += 1
        self._record(key, counts)

    @property
    def info(self) -> dict[str, Any]:
        """What the metric was made with, and its boundaries."""
        return {**super().info, "boundaries": self.boundaries}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, self._description, self.boundaries, self._tag_keys)
