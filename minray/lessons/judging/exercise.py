"""What a check has to know about an exercise; each file of `exercises` makes one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .evidence import Evidence
from .verdict import Finding


@dataclass(frozen=True)
class Exercise:
    """What a check has to know about an exercise.

    Attributes:
        title: its name, for the learner.
        expected: the values that a right answer returns.
        judge: from the evidence of one run to a finding.
        arguments: makes the arguments that the answer is called with.
        given: how many references are among those.
        timeout: the timeout among those, in units.
        nodes: how many nodes it needs.
    """

    title: str
    expected: tuple[Any, ...]
    judge: Callable[[Evidence], Finding]
    arguments: Callable[[], tuple[Any, ...]]
    given: int = 0
    timeout: float | None = None
    nodes: int = 1
