"""The overview: tasks by state, tasks per second, a cell a worker, the actors, and what failed."""

import contextlib
import json
from collections.abc import Callable
from html import escape

from bokeh.models import Column
from bokeh.models.widgets import Div

from minray.gcs.schema import TaskState

from ..data.holdings import KnownActor, Use
from ..data.model import KEEP_SECONDS
from ..data.workers import BLOCKED_STATES, CrewMember
from ..timeline.timeline import Timeline
from ..view.links import task_link
from ..view.sight import Sight, View
from ..view.theme import count, duration, link, size, style_sheet, table, whole_seconds

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
ACTORS_SHOWN = 30
FAILURES_SHOWN = 8


class Overview(View):
    """Tiles with numbers, the workers node by node, the timeline, the actors, and the newest failures."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self.timeline = Timeline(ask, compact=True)
        self._above, self._below = (
            Div(stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["status"])
            for _ in range(2)
        )
        parts = [self._above, self.timeline.root, self._below]
        self.root = Column(children=parts, sizing_mode="stretch_width")

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.timeline.show(sight)
        for div, make in ((self._above, status_html), (self._below, aftermath_html)):
            text = "" if sight is None else make(sight)
            if text != div.text:
                div.text = text

    def asked(self, verb: str, what: str) -> None:
        """See `View.asked`."""
        self.timeline.asked(verb, what)

    def moving(self, sight: Sight) -> object:
        """See `View.moving`."""
        processes = None if sight.processes is None else list(sight.processes.values())
        return (processes, self.timeline.moving(sight))


def status_html(sight: Sight) -> str:
    """What is above the timeline, as HTML; everything that comes from the session is escaped."""
    if sight.source.problem and not sight.session.task_total():
        return ""
    return _tiles(sight) + (_nodes(sight) if sight.live or sight.past else _unfinished(sight))


def aftermath_html(sight: Sight) -> str:
    """What is below it: the actors, and the newest failures."""
    return actors_html(sight) + _failures(sight)


def _tiles(sight: Sight) -> str:
    counts = sight.session.counts
    tiles = ""
    for css, label, states, meaning in TILES:
        number = sum(counts[state] for state in states)
        tiles += (
            f'<li class="{css}{"" if number else " zero"}" title="{meaning}">'
            f"<b>{number:,}</b><span>{label}</span></li>"
        )
    return f'<ul class="tiles" aria-label="Tasks by state">{tiles}{_rate(sight)}</ul>'


def _rate(sight: Sight) -> str:
    """Tasks finished per second: the number, and the last minute as little columns."""
    session = sight.session
    # For a recording the last second of its life counts as the present.
    now = sight.now if sight.live or sight.past else session.last_task_ts + 1
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


def _nodes(sight: Sight) -> str:
    """The workers, node by node."""
    crew, html = sight.session.crew, ""
    workers = crew.in_lanes()
    nodes = {worker.node for worker in workers} | set(crew.nodes)
    for number in sorted(nodes):
        here = [worker for worker in workers if worker.node == number]
        html += f"<section>{_node_head(number, sight)}{_workers(here, sight)}</section>"
    return html


def _node_head(number: int, sight: Sight) -> str:
    """A node's name, what it has, and how full its store is."""
    node = sight.session.crew.nodes.get(number)
    words = []
    if node is not None:
        resources: dict[str, float] = {}
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            resources = {str(key): float(amount) for key, amount in json.loads(node.resources).items()}
        shown = {
            name: amount
            for name, amount in resources.items()
            if ":" not in name and not name.endswith("memory")
        }
        words += [f"{escape(name)} {amount:g}" for name, amount in shown.items()]
        if node.state == "DEAD":
            words.append(f'<em class="bad">dead: {escape(node.detail or "no reason known")}</em>')
    use = sight.session.objects.uses.get(number, Use())
    stored = f"object store: {count(use.count, 'object')}, {size(use.memory)}"
    words.append(stored + (f", {size(use.disk)} spilled to disk" if use.disk else ""))
    if sight.processes:
        mine = [w.pid for w in sight.session.crew.workers.values() if w.node == number and w.state != "DEAD"]
        memory = sum(sight.processes[pid][1] for pid in mine if pid in sight.processes)
        words.append(f"processes: {size(memory)}")
    return f"<h2>Node {number} <small>{' · '.join(words)}</small></h2>"


def _workers(latest: list[CrewMember], sight: Sight) -> str:
    alive = [worker for worker in latest if worker.state != "DEAD"]
    dead = [worker for worker in latest if worker.state == "DEAD" and worker.detail not in LEFT]
    wanted = alive + sorted(dead, key=lambda worker: -worker.since)[:DEAD_SHOWN]
    cells = "".join(_cell(worker, sight) for worker in wanted[:CELLS_SHOWN] if worker.number)
    more = len(wanted) - CELLS_SHOWN
    note = f'<p class="note">{CELLS_SHOWN} of {count(len(wanted), "worker")} shown.</p>' if more > 0 else ""
    return f'<ul class="cells" aria-label="Workers">{cells}</ul>{note}'


def _unfinished(sight: Sight) -> str:
    """What a session that has ended did not get done."""
    counts = sight.session.counts
    number = sight.session.task_total() - counts[TaskState.FINISHED] - counts[TaskState.FAILED]
    if not number:
        return ""
    return f'<p class="note">The session ended with {count(number, "task")} unfinished.</p>'


def _cell(worker: CrewMember, sight: Sight) -> str:
    css, doing, colour = _doing(worker, sight)
    load = ""
    if sight.processes and worker.pid in sight.processes:
        cpu, memory = sight.processes[worker.pid]
        load = f'<em class="load">{cpu:.0f} % CPU, {size(memory)}</em>'
    return (
        f'<li class="{css}" style="--fn: {colour}"><span class="who"><span>{_name(worker)}</span>'
        f"<small>pid {worker.pid}</small></span>{doing}{load}</li>"
    )


def _name(worker: CrewMember) -> str:
    """A worker's number; an actor's worker is named after the actor's class."""
    return f"actor {escape(worker.detail)}" if worker.state == "ACTOR" else f"worker {worker.number}"


def _doing(worker: CrewMember, sight: Sight) -> tuple[str, str, str]:
    """What a worker does: CSS class, HTML, and the colour of its function."""
    if worker.state == "DEAD":
        return "dead", f"<span>dead</span><em>{escape(worker.detail)}</em>", "transparent"
    running = list(worker.running.values())
    run = running[-1] if running else None
    if run is None or run.start is None:
        word = "starting" if worker.state == "STARTING" else "idle"
        return word, f"<span>{word}</span>", "transparent"
    blocked = run.state in BLOCKED_STATES
    word = "blocked in get" if blocked else "running"
    plain = sight.session.functions[run.function].name
    name = f'<strong title="{escape(plain)}">{escape(plain)}</strong>'
    since = whole_seconds(sight.now - run.start)
    more = f", and {count(len(running) - 1, 'more call')}" if len(running) > 1 else ""
    css = "blocked" if blocked else "running"
    return css, f"<span>{name}</span><em>{word}, {since}{more}</em>", sight.colours[plain]


ACTOR_WORDS = {
    "DEPENDENCIES_UNREADY": "waiting for arguments",
    "PENDING_CREATION": "being made",
    "ALIVE": "alive",
    "RESTARTING": "restarting",
    "DEAD": "dead",
}


def actors_html(sight: Sight) -> str:
    """The actors: which live where, and what became of the others."""
    actors = sight.session.actors
    if not actors.total:
        return ""
    ordered = sorted(actors.by_number.values(), key=lambda actor: (actor.state == "DEAD", -actor.number))
    alive = sum(actor.state != "DEAD" for actor in ordered)
    rows = [_actor_row(actor, sight) for actor in ordered[:ACTORS_SHOWN]]
    note = ""
    if actors.total > len(rows):
        note = f'<p class="note">{len(rows)} of {count(actors.total, "actor")} shown, the living first.</p>'
    heads = ["actor", "state", "where", "calls", "restarts", "note"]
    head = f"<h2>Actors <small>{alive:,} alive, {actors.total - alive:,} dead</small></h2>"
    return f"<section class='actors'>{head}{table('Actors', heads, rows, numeric=(3, 4))}{note}</section>"


def _actor_row(actor: KnownActor, sight: Sight) -> list[str]:
    crew = sight.session.crew
    where = "no worker yet"
    if actor.worker is not None:
        worker = crew.workers.get(actor.worker)
        where = f"worker {actor.worker}" + (f", node {worker.node}, pid {worker.pid}" if worker else "")
        where = f"was on {where}" if actor.state == "DEAD" else where
    called = link(f"task:{actor.task}", actor.class_name, "The task that made it")
    name = f" <small>named {escape(actor.name)}</small>" if actor.name else ""
    css = {"ALIVE": "good", "DEAD": "muted"}.get(actor.state, "held")
    word = ACTOR_WORDS.get(actor.state, actor.state)
    since = duration(max(0.0, sight.now - actor.since))
    calls = f"{actor.done:,}" + (f' <em class="bad">({actor.failed:,} failed)</em>' if actor.failed else "")
    state = (
        f'<span class="{css}" title="{escape(actor.state)}">{escape(word)}</span> <small>for {since}</small>'
    )
    if actor.state == "DEAD":
        state = f'<span class="{css}" title="{escape(actor.state)}">{escape(word)}</span>'
    kept = "detached" if actor.detached else ""
    detail = actor.detail if actor.state in ("DEAD", "RESTARTING") else ""
    note = escape(" · ".join(filter(None, [kept, detail])))
    return [called + name, state, where, calls, f"{actor.restarts:,}", f"<small>{note}</small>"]


def _failures(sight: Sight) -> str:
    """The newest failures; each leads to its traceback."""
    session = sight.session
    if not session.failures_total:
        return ""
    newest = list(session.failures)[::-1][:FAILURES_SHOWN]
    items = ""
    for failure in newest:
        opened = task_link(sight, failure.task, "Show the traceback")
        when = duration(max(0.0, failure.ts - sight.began))
        message = f"{failure.kind}: {failure.message}"[:200]
        items += f"<li>{opened} <small>at {when}</small> <span>{escape(message)}</span></li>"
    note = ""
    if session.failures_total > len(newest):
        number = f"{len(newest)} of {count(session.failures_total, 'failure')}"
        note = f'<p class="note">The newest {number} shown; the tasks page has them all.</p>'
    return (
        f'<section><h2>Failures</h2><ul class="failures" aria-label="Failures">{items}</ul>{note}</section>'
    )
