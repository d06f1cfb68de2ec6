"""Colours, style sheets, and how numbers read.

The colours of the page are CSS variables in ``style.css`` which follow the system's light or dark theme;
Bokeh's plots take theirs from variables named ``--bk-…``.  The colours of functions are fixed: see
`minray.colours`.
"""

from pathlib import Path

from bokeh.models import InlineStyleSheet

from minray.colours import PALETTE, FunctionColours
from minray.events import TaskState

__all__ = [
    "DRIVER_COLOUR",
    "PAGE",
    "PALETTE",
    "STATE_LABELS",
    "STYLE",
    "FunctionColours",
    "count",
    "duration",
    "style_sheet",
    "whole_seconds",
]

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
PAGE = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")

DRIVER_COLOUR = "#8a949e"

# Friendlier words than Ray's for the state of a task, in the order of its life.
STATE_LABELS = {
    TaskState.PENDING_ARGS_AVAIL: "waiting for arguments",
    TaskState.PENDING_NODE_ASSIGNMENT: "queued",
    TaskState.SUBMITTED_TO_WORKER: "on its way to a worker",
    TaskState.PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY: "behind other calls of its actor",
    TaskState.RUNNING: "running",
    TaskState.RUNNING_IN_RAY_GET: "blocked in get",
    TaskState.RUNNING_IN_RAY_WAIT: "blocked in wait",
    TaskState.FINISHED: "finished",
    TaskState.FAILED: "failed",
}


def style_sheet() -> InlineStyleSheet:
    """The page's style sheet for one of Bokeh's models, whose insides the page's own CSS cannot reach."""
    return InlineStyleSheet(css=STYLE)


def duration(seconds: float) -> str:
    """A duration as people say it.

    Example:
        >>> duration(0.00042), duration(0.25), duration(3.14159), duration(75), duration(7300)
        ('0.42 ms', '250 ms', '3.14 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def whole_seconds(seconds: float) -> str:
    """A duration that changes once a second, for what is still going on.

    Example:
        >>> whole_seconds(0.4), whole_seconds(12.9), whole_seconds(75)
        ('0 s', '12 s', '1 min 15 s')
    """
    return duration(int(seconds)) if seconds >= 1 else "0 s"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> count(1, "task"), count(2500, "task")
        ('1 task', '2,500 tasks')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
