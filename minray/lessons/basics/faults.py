"""Tasks that go wrong on purpose: what exercises 14 and 15 hand to a learner's function."""

import os
from typing import Any

from .clock import nap, slow_value
from .session import remote


def sound(value: int) -> int:
    """Return the value."""
    return value


def broken(value: int) -> int:
    """Raise an exception."""
    raise ValueError(f"no result for {value}")


def crashing(value: int) -> int:
    """End the worker's process in the middle of the task."""
    nap(0.2)
    os._exit(1)


def some_that_fail() -> tuple[Any, ...]:
    """References to results of five tasks, of which one raises and one ends its worker."""
    kinds = (sound, broken, sound, crashing, sound)
    return ([remote(kind).options(max_retries=0).remote(10 * n) for n, kind in enumerate(kinds)],)


def some_that_race(units: tuple[float, ...], values: tuple[int, ...]) -> tuple[Any, ...]:
    """References to the results of tasks of very different length."""
    task = remote(slow_value)
    return ([task.remote(*pair) for pair in zip(units, values, strict=True)],)
