"""Colours, style sheets, and how numbers read.

The colours of the page are CSS variables in ``style.css`` which follow the system's light or dark theme;
Bokeh's plots take theirs from variables named ``--bk-…``.  The colours of functions are fixed, and chosen
to be told apart on both backgrounds and by colour-blind readers.
"""

import zlib
from pathlib import Path

from bokeh.models import InlineStyleSheet

from minray.events import TaskState

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
PAGE = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")

# Okabe and Ito's colours for everybody, without black and yellow (each invisible on one background), and
# then four of other lightness in between.
PALETTE = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#9a8b00",
    "#8073c8",
    "#5f8a94",
    "#a8623a",
)
DRIVER_COLOUR = "#8a949e"

# Friendlier words than Ray's for the state of a task, in the order of its life.
STATE_LABELS = {
    TaskState.PENDING_ARGS_AVAIL: "waiting for arguments",
    TaskState.PENDING_NODE_ASSIGNMENT: "queued",
    TaskState.SUBMITTED_TO_WORKER: "on its way to a worker",
    TaskState.RUNNING: "running",
    TaskState.RUNNING_IN_RAY_GET: "blocked in get",
    TaskState.RUNNING_IN_RAY_WAIT: "blocked in wait",
    TaskState.FINISHED: "finished",
    TaskState.FAILED: "failed",
}


class FunctionColours:
    """A colour for each function name, the same in every run of the same program.

    The name's hash picks the colour.  If another function has it already the next free one is taken, so
    that the few functions of a lesson never look alike; only from the eleventh on must colours repeat.

    Example:
        >>> colours = FunctionColours()
        >>> colours["make_array"] == FunctionColours()["make_array"] != colours["add_arrays"]
        True
    """

    def __init__(self) -> None:
        self._colours: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._colours:
            first = zlib.crc32(name.encode()) % len(PALETTE)
            wanted = PALETTE[first:] + PALETTE[:first]
            taken = set(self._colours.values()) if len(self._colours) < len(PALETTE) else set()
            self._colours[name] = next(colour for colour in wanted if colour not in taken)
        return self._colours[name]


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
