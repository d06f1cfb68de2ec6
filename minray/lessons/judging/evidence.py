"""What a check knows about one run of a learner's answer, and the mistakes that all exercises share.

A judge is a function from `Evidence` to `Finding`, pure and quick, so tests can show it any case that a
slow, loaded or tiny machine might produce. It may look at results and events; it never asks how long
something took.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..watching.recording import Call, RecordedTask, Recording


@dataclass(frozen=True)
class Evidence:
    """One run of an answer.

    Attributes:
        recording: the tasks and calls since the answer was called.
        expected: the values that a right answer returns.
        result: what it returned.
        error: what it raised.
        stopped: whether it was interrupted, by the learner or by the check.
        cpus: how many tasks can run at the same time.
        given: how many references the answer was handed (exercises that hand out some).
        timeout: the timeout that the answer was asked to use, in seconds.
    """

    recording: Recording
    expected: tuple[Any, ...]
    result: Any = None
    error: BaseException | None = None
    stopped: bool = False
    cpus: int = 1
    given: int = 0
    timeout: float | None = None

    @property
    def siblings(self) -> tuple[RecordedTask, ...]:
        """The tasks of the submitter (the driver, or one task) that submitted most."""
        by_parent: dict[int | None, list[RecordedTask]] = {}
        for task in self.recording.tasks:
            by_parent.setdefault(task.parent, []).append(task)
        return max((tuple(tasks) for tasks in by_parent.values()), key=len, default=())

    def failed_with(self, name: str) -> bool:
        """Whether the answer raised an exception of this name, or one that came out of a task as such.

        By name, as Ray's exceptions are other classes; with the bases, as what a task raised arrives as
        ``RayTaskError(Name)``, which is both.
        """
        return any(base.__name__ == name for base in type(self.error).__mro__)

    def calls(self, kind: str) -> tuple[Call, ...]:
        """The calls of `get` or `wait` by whoever submitted most tasks."""
        caller = self.siblings[0].parent if self.siblings else None
        return tuple(call for call in self.recording.calls if call.kind == kind and call.caller == caller)


def rounds_of_submission(tasks: Sequence[RecordedTask], calls: Sequence[Call]) -> int:
    """In how many rounds tasks were submitted; a call that came back in between starts a new round.

    Firing everything first is one round; a `get` after each submission makes as many rounds as tasks.
    """
    return 1 + sum(
        any(before.submitted < call.ended <= after.submitted for call in calls)
        for before, after in itertools.pairwise(tasks)
    )


def submitted_one_by_one(evidence: Evidence) -> bool:
    """Whether the answer waited for results between submissions.

    Both times are noted by the process that submits and waits, so their order is certain.
    """
    blocking = evidence.calls("get") + evidence.calls("wait")
    return rounds_of_submission(evidence.siblings, blocking) > 1


def chained(tasks: Sequence[RecordedTask]) -> bool:
    """Whether some of the tasks need results of others of them."""
    numbers = {task.number for task in tasks}
    return any(numbers & set(task.needs) for task in tasks)


def is_reference(value: object) -> bool:
    """Whether this is the id of a result rather than the result (minray's and Ray's class alike)."""
    return any(base.__name__ == "ObjectRef" for base in type(value).__mro__)


def as_list(result: object) -> list[Any] | None:
    """The result as a list, if it is a collection of some kind."""
    if isinstance(result, (str, bytes)):
        return None
    try:
        return list(result)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        return None


def same(values: Sequence[Any], expected: Sequence[Any], in_order: bool) -> bool:
    """Whether two lists hold equal values, in the same order or in any."""
    try:
        if not in_order:
            values, expected = sorted(values), sorted(expected)
        return all(bool(value == other) for value, other in zip(values, expected, strict=True))
    except (TypeError, ValueError):  # of unequal length, or values that cannot be compared
        return False
