"""Rows of `task_steps` for tests that tell of one change of state after the other."""

from collections.abc import Iterable
from typing import Any


def one_step_each(events: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """A row for each change of state: (task, attempt, state, ts, worker)."""
    return [(task, attempt, int(state), ts, worker, 0.0, 0.0) for task, attempt, state, ts, worker in events]
