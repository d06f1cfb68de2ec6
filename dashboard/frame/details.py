"""Below every page: the details of the task that was clicked, wherever that was."""

from collections.abc import Callable
from html import escape
from typing import Any

from bokeh.models.widgets import Div

from minray.gcs.schema import FINAL_STATES

from ..data.queries import TaskDetails, task_details
from ..view.links import state_word, task_link
from ..view.sight import Sight, View
from ..view.theme import duration, link, size, style_sheet, table

LINKS_SHOWN = 12
ATTEMPTS_SHOWN = 10


class Details(View):
    """One task in words; invisible as long as none is selected."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        super().__init__(ask)
        self.root = Div(
            stylesheets=[style_sheet()], sizing_mode="stretch_width", css_classes=["details"], visible=False
        )

    def show(self, sight: Sight | None) -> None:
        """See `View.show`."""
        self.root.visible = sight is not None and sight.selected is not None
        if sight is None or sight.selected is None:
            return
        text = details_html(sight, sight.selected)
        if text != self.root.text:
            self.root.text = text


def details_html(sight: Sight, task: int) -> str:
    """Everything about one task; text of the session is escaped."""
    row = sight.session.tasks.row(task)
    close = link("task:", "Close", "Key Escape")
    if row is None:
        unknown = f"<p>Task {task} is not known (any more). {close}</p>"
        return f'<section class="card" aria-label="Task {task}">{unknown}</section>'
    final = row["state"] in FINAL_STATES
    # What is still going on is looked up again each second; what is over, once more when it ends.
    state = (task, int(row["state"]), int(row["attempt"]), None if final else int(sight.now))
    found: TaskDetails = sight.source.once("details", state, lambda: task_details(sight.source.path, task))
    name = sight.session.functions[int(row["function"])].name
    colour = sight.colours[name]
    title = f"{escape(found.name or name)} <small>task {task}</small> {close}"
    head = f'<h2><i style="background: {colour}"></i>{title}</h2>'
    parts = [_facts(sight, row, found), _attempts(sight, task), _needs(sight, found)]
    parts += [_errors(found), _printed(sight, found)]
    return f'<section class="card" aria-label="Task {task}">{head}{"".join(parts)}</section>'


def _facts(sight: Sight, row: Any, found: TaskDetails) -> str:  # noqa: ANN401 (a NumPy record)
    facts = [("state", state_word(int(row["state"])))]
    if row["start"]:
        until = row["end"] or sight.now
        facts.append(("ran for", duration(max(0.0, float(until - row["start"])))))
        if row["submitted"]:
            facts.append(("waited before", duration(max(0.0, float(row["start"] - row["submitted"])))))
    if row["submitted"]:
        facts.append(("submitted at", duration(max(0.0, float(row["submitted"]) - sight.began))))
    if row["worker"]:
        facts.append(("worker", f"{row['worker']}"))
    facts.append(("submitted by", task_link(sight, int(row["parent"])) if row["parent"] else "the driver"))
    if row["actor"]:
        actor = sight.session.actors.by_number.get(int(row["actor"]))
        facts.append(("actor", escape(actor.class_name if actor else str(row["actor"]))))
    if found.resources and found.resources != "{}":
        facts.append(("resources", escape(found.resources.strip("{}").replace('"', ""))))
    if found.made:
        stored = sum(amount or 0 for _, amount in found.made)
        facts.append(("result in the store", size(stored)))
    facts.append(("id", f"<code>{escape(found.task_id)}</code>"))
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f"<dl>{items}</dl>"


def _attempts(sight: Sight, task: int) -> str:
    """All tries of a task that was tried more than once."""
    bars = sight.session.bars.rows
    tries = bars[bars["task"] == task]
    if len(tries) < 2:
        return ""
    rows = [
        [
            f"{bar['attempt'] + 1}",
            state_word(int(bar["state"])),
            duration(float(bar["start"]) - sight.began),
            duration(float(bar["end"] - bar["start"])),
            f"worker {bar['worker']}",
        ]
        for bar in tries[:ATTEMPTS_SHOWN]
    ]
    return table("Attempts", ["attempt", "ended", "started at", "ran for", "where"], rows, numeric=(0, 2, 3))


def _needs(sight: Sight, found: TaskDetails) -> str:
    producers = list(dict.fromkeys(producer for _, producer in found.needs if producer))
    put = sum(1 for _, producer in found.needs if not producer)
    parts = ""
    for title, tasks in (("Needs the results of", producers), ("Its result is needed by", found.needed_by)):
        if tasks:
            links = " ".join(task_link(sight, task) for task in tasks[:LINKS_SHOWN])
            more = f" <small>and {len(tasks) - LINKS_SHOWN} more</small>" if len(tasks) > LINKS_SHOWN else ""
            parts += f"<p><b>{title}</b> {links}{more}</p>"
    if put:
        parts += f"<p><b>Arguments that were put</b> {put}</p>"
    return parts


def _errors(found: TaskDetails) -> str:
    html = ""
    for attempt, kind, message, traceback in found.errors:
        text = escape(traceback or message or "")
        html += f'<h3 class="bad">Attempt {attempt + 1}: {escape(kind or "error")}</h3>'
        html += f'<pre tabindex="0">{text}</pre>'
    return html


def _printed(sight: Sight, found: TaskDetails) -> str:
    if not found.printed:
        return ""
    lines = "".join(
        f'<span class="{"bad" if stream == "stderr" else ""}">{escape(text)}</span>\n'
        for _, stream, text in found.printed
    )
    return f'<h3>Printed</h3><pre tabindex="0">{lines}</pre>'
