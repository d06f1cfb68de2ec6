"""Tasks by state, tasks per second, and a cell a worker that says what the worker does right now."""

from html import escape

from bokeh.models.widgets import Div

from minray.events import TaskState

from .model import BLOCKED_STATES, KEEP_SECONDS, Worker
from .scene import Scene
from .theme import count, style_sheet, whole_seconds

# The states a learner tells apart: CSS class, label, Ray's states, explanation on hover.
TILES = (
    (
        "waiting",
        "waiting for arguments",
        (TaskState.PENDING_ARGS_AVAIL,),
        "An argument is the result of a task that has not finished (PENDING_ARGS_AVAIL)",
    ),
    (
        "queued",
        "queued",
        (
            TaskState.PENDING_NODE_ASSIGNMENT,
            TaskState.SUBMITTED_TO_WORKER,
            TaskState.PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY,
        ),
        "Ready to run, but every CPU is taken (PENDING_NODE_ASSIGNMENT, SUBMITTED_TO_WORKER), or its "
        "actor is busy (PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY)",
    ),
    ("running", "running", (TaskState.RUNNING,), "A worker executes it (RUNNING)"),
    (
        "blocked",
        "blocked in get",
        BLOCKED_STATES,
        "Waits inside for another task; its CPU is lent out (RUNNING_IN_RAY_GET, RUNNING_IN_RAY_WAIT)",
    ),
    ("finished", "finished", (TaskState.FINISHED,), "Its result is there (FINISHED)"),
    ("failed", "failed", (TaskState.FAILED,), "It raised an exception, or its worker died (FAILED)"),
)
DEAD_SHOWN = 4  # dead workers that nobody replaced and that still get a cell
# What the local scheduler writes of workers that ended as they should.
LEFT = ("left when idle", "its actor ended")
CELLS_SHOWN = 64

NO_SESSION = """
<section class="empty"><h2>Nothing is running yet</h2>
<p>Start minray in a notebook or a Python prompt. This page follows along by itself.</p>
<pre>import minray

minray.init()</pre></section>"""

NO_TASKS = """
<section class="empty"><h2>Ready for work</h2>
<p>The workers wait for tasks. Submit some, and watch them here:</p>
<pre>@minray.remote
def square(x):
    return x * x

minray.get([square.remote(x) for x in range(4)])</pre></section>"""


class Status:
    """Tiles with numbers, then worker cells; or what to do when there is nothing to show."""

    def __init__(self) -> None:
        self.root = Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["status"])

    def show(self, scene: Scene | None) -> None:
        """See `View.show`."""
        self.root.text = NO_SESSION if scene is None else status_html(scene)


def status_html(scene: Scene) -> str:
    """The whole part as HTML; everything that comes from the session is escaped."""
    html = ""
    if scene.source.problem:
        html += f'<section class="problem" role="alert">{escape(scene.source.problem)}</section>'
        if not scene.session.task_total():
            return html
    html += _tiles(scene) + (_workers(scene) if scene.live else _unfinished(scene))
    if scene.live and not scene.session.task_total():
        html += NO_TASKS
    return html


def _tiles(scene: Scene) -> str:
    counts = scene.session.counts
    tiles = ""
    for css, label, states, meaning in TILES:
        number = sum(counts[state] for state in states)
        tiles += (
            f'<li class="{css}{"" if number else " zero"}" title="{meaning}">'
            f"<b>{number:,}</b><span>{label}</span></li>"
        )
    return f'<ul class="tiles" aria-label="Tasks by state">{tiles}{_rate(scene)}</ul>'


def _rate(scene: Scene) -> str:
    """Tasks finished per second: the number, and the last minute as little columns."""
    session = scene.session
    # For a recording the last second of its life counts as the present.
    now = scene.now if scene.live else session.last_task_ts + 1
    last = int(now) - 1
    columns = [session.finished_by_second.get(last - ago, 0) for ago in range(KEEP_SECONDS)][::-1]
    highest = max(columns) or 1
    bars = "".join(
        f'<rect x="{place}" width="0.8" y="{20 - 20 * number / highest:.2f}" '
        f'height="{20 * number / highest:.2f}"/>'
        for place, number in enumerate(columns)
        if number
    )
    return (
        f'<li class="rate" title="Tasks finished in the last full second; the columns are the last minute">'
        f'<svg viewBox="0 0 {KEEP_SECONDS} 20" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'
        f"<b>{session.rate(now):,}</b><span>tasks per second, peak {session.peak_rate:,}</span></li>"
    )


def _workers(scene: Scene) -> str:
    latest = [worker for worker in scene.session.lanes() if worker]
    alive = [worker for worker in latest if worker.state != "DEAD"]
    dead = [worker for worker in latest if worker.state == "DEAD" and worker.detail not in LEFT]
    wanted = alive + sorted(dead, key=lambda worker: -worker.since)[:DEAD_SHOWN]
    cells = "".join(_cell(worker, scene) for worker in wanted[:CELLS_SHOWN])
    more = len(wanted) - CELLS_SHOWN
    note = f'<p class="note">{CELLS_SHOWN} of {count(len(wanted), "worker")} shown.</p>' if more > 0 else ""
    return f'<ul class="cells" aria-label="Workers">{cells}</ul>{note}'


def _unfinished(scene: Scene) -> str:
    """What a session that has ended did not get done."""
    counts = scene.session.counts
    number = scene.session.task_total() - counts[TaskState.FINISHED] - counts[TaskState.FAILED]
    if not number:
        return ""
    return f'<p class="note">The session ended with {count(number, "task")} unfinished.</p>'


def _cell(worker: Worker, scene: Scene) -> str:
    css, doing, colour = _doing(worker, scene)
    return (
        f'<li class="{css}" style="--fn: {colour}"><span class="who">{_name(worker)}'
        f"<small>pid {worker.pid}</small></span>{doing}</li>"
    )


def _name(worker: Worker) -> str:
    """A worker's number; an actor's worker is named after the actor's class."""
    return f"actor {escape(worker.detail)}" if worker.state == "ACTOR" else f"worker {worker.number}"


def _doing(worker: Worker, scene: Scene) -> tuple[str, str, str]:
    """What a worker does: CSS class, HTML, and the colour of its function."""
    execution = worker.execution
    if worker.state == "DEAD":
        return "dead", f"<span>dead</span><em>{escape(worker.detail)}</em>", "transparent"
    if execution is None or execution.start is None:
        word = "starting" if worker.state == "STARTING" else "idle"
        return word, f"<span>{word}</span>", "transparent"
    blocked = execution.state in BLOCKED_STATES
    word = "blocked in get" if blocked else "running"
    name = escape(execution.name)
    name = f'<strong title="{name}">{name}</strong>'
    since = whole_seconds(scene.now - execution.start)
    css = "blocked" if blocked else "running"
    return css, f"<span>{name}</span><em>{word}, {since}</em>", scene.colours[execution.name]
