"""Colours, style sheets, and how numbers read.

The colours of the page are CSS variables in ``style.css`` which follow the system's light or dark theme;
Bokeh's plots take theirs from variables named ``--bk-…``.  The colours of functions are fixed: see
`minray.lessons.figures.colours`.
"""

from html import escape
from pathlib import Path

from bokeh.models import InlineStyleSheet

from minray.gcs.schema import TaskState

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_text(encoding="utf-8")
PAGE = (HERE / "page.html").read_text(encoding="utf-8")
SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")

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

# Dark enough for white letters on them, in both themes.
WAITING, RUNNING, BLOCKED, DONE, BROKEN = "#5c6670", "#0065a0", "#8a5a00", "#00785a", "#b3261e"
STATE_COLOURS = {
    0: WAITING,
    **{int(state): WAITING for state in TaskState if state < TaskState.RUNNING},
    TaskState.RUNNING: RUNNING,
    TaskState.RUNNING_IN_RAY_GET: BLOCKED,
    TaskState.RUNNING_IN_RAY_WAIT: BLOCKED,
    TaskState.FINISHED: DONE,
    TaskState.FAILED: BROKEN,
}


def states_legend() -> str:
    """The colours of states, as HTML."""
    words = {"waiting": WAITING, "running": RUNNING, "blocked": BLOCKED, "finished": DONE, "failed": BROKEN}
    items = "".join(
        f'<li><i style="background: {colour}"></i><small>{word}</small></li>'
        for word, colour in words.items()
    )
    return f'<ul class="legend" aria-label="States">{items}</ul>'


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


def size(number: float) -> str:
    """A number of bytes as people say it.

    Example:
        >>> size(0), size(1_600_192), size(2_000_000_000)
        ('0 B', '1.6 MB', '2 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:,.3g} {unit}" if number < 1000 else f"{number:,.0f} {unit}"
        number /= 1000
    raise AssertionError("GB is the last unit")


def percent(share: float) -> str:
    """A share as people say it: little is not nothing.

    Example:
        >>> percent(0), percent(0.004), percent(0.431)
        ('0 %', '0.4 %', '43 %')
    """
    return f"{share * 100:.1f} %" if 0 < share < 0.0095 else f"{share * 100:.0f} %"


def link(question: str, text: str, title: str = "") -> str:
    """A button, as HTML, that asks the page something; see `frame.app.Page.ask`.

    Args:
        question: such as ``task:12``.
        text, title: plain text, which is escaped here.

    Example:
        >>> link("task:12", "f <12>")
        '<button type="button" class="link" data-ask="task:12">f &lt;12&gt;</button>'
    """
    hint = f' title="{escape(title)}"' if title else ""
    return f'<button type="button" class="link" data-ask="{escape(question)}"{hint}>{escape(text)}</button>'


def table(caption: str, heads: list[str], rows: list[list[str]], numeric: tuple[int, ...] = ()) -> str:
    """A table as HTML; everything in it is HTML already.

    Args:
        caption: for those who hear the page.
        heads, rows: the cells.
        numeric: which columns hold numbers.
    """
    right = {place: ' class="number"' for place in numeric}
    top = "".join(f'<th scope="col"{right.get(place, "")}>{head}</th>' for place, head in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{right.get(place, '')}>{cell}</td>" for place, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    # A region that scrolls must be reachable by keyboard.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f'<caption class="hidden">{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
