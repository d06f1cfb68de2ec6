"""Where a task or actor is to run, as its spec carries it: a tuple of plain data.

::

    ()                                        anywhere: near what it needs, and who submitted it
    ("spread",)                               anywhere, the nodes in turn
    ("group", group id, bundle index, child)  in a placement group; child: its own tasks too
    ("node", node id, soft)                   on this node; soft: elsewhere if it is gone or too small
    ("labels", conditions, wishes)            on a node with such labels; best with those wished for

A condition is ``(label, operator, values)``, the operator one of in, not in, exists, does not exist.
"""

from collections.abc import Mapping
from typing import Any

Placement = tuple[Any, ...]
SPREAD: Placement = ("spread",)
Condition = tuple[str, str, tuple[str, ...]]

UNSCHEDULABLE = (
    "The node specified via NodeAffinitySchedulingStrategy doesn't exist any more or is infeasible, and "
    "soft=False was specified."
)


def fulfils(labels: Mapping[str, str], conditions: tuple[Condition, ...]) -> bool:
    """Whether a node with these labels is one that the conditions allow.

    Example:
        >>> fulfils({"zone": "a"}, (("zone", "in", ("a", "b")),))
        True
    """
    return all(_holds(labels.get(label), operator, values) for label, operator, values in conditions)


def _holds(value: str | None, operator: str, values: tuple[str, ...]) -> bool:
    if operator in ("exists", "does not exist"):
        return (value is not None) == (operator == "exists")
    return (value in values) == (operator == "in")
