"""A task where it is named in the HTML of a page: the button that selects it, and its state in words."""

from minray.gcs.schema import TaskState

from .sight import Sight
from .theme import STATE_LABELS, link


def task_link(sight: Sight, task: int, title: str = "") -> str:
    """A button that selects a task, labelled with its function; the title is seen on hover."""
    row = sight.session.tasks.row(task)
    name = sight.session.functions[int(row["function"])].name if row is not None else "task"
    return link(f"task:{task}", f"{name} #{task}", title)


def state_word(number: int) -> str:
    """A task's state in words for people, as HTML."""
    if not number:
        return "submitted"
    state = TaskState(number)
    css = {TaskState.FINISHED: "good", TaskState.FAILED: "bad"}.get(state, "held" if number > 8 else "")
    return f'<span class="{css}" title="{state.name}">{STATE_LABELS[state]}</span>'
