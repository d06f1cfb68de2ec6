"""Exercise 11: a graph of tasks for each request; right is that nobody waits for what they do not need.

For each request ``confirm`` and ``classify`` may run side by side; ``report`` needs what ``classify`` says.
The events tell which task needed which.
"""

from collections.abc import Iterable

from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, nothing_returned, raised, references_returned, stopped
from ..judging.sharing_out import get_between, no_tasks, not_fetched, wrong_values
from ..judging.verdict import Finding
from ..photos.pictures import KINDS, some_requests
from ..watching.recording import RecordedTask
from ..watching.schedule import count

REQUESTS = 4
LABELS = tuple(KINDS[number % len(KINDS)] for number in range(REQUESTS))
STEPS = ("confirm", "classify", "report")


def requests() -> tuple[object, ...]:
    """What the answer is given."""
    return (some_requests(REQUESTS),)


def judge(evidence: Evidence) -> Finding:
    """Say whether each request became a graph of three tasks."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        nothing_returned,
        no_tasks,
        steps_missing,
        get_between,
        label_carried,
        needless_wait,
        wrong_values,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    return Finding(
        "passed",
        f"{count(len(evidence.recording.tasks), 'task')} in {REQUESTS} graphs, all submitted at once: while "
        "one picture is looked at, other e-mails go out.",
    )


EXERCISE = Exercise("exercise 11, a graph for each request", LABELS, judge, requests)


def named(evidence: Evidence, step: str) -> tuple[RecordedTask, ...]:
    """The tasks that execute this step."""
    return tuple(task for task in evidence.recording.tasks if task.name.rpartition(".")[2] == step)


def _need(tasks: Iterable[RecordedTask], others: Iterable[RecordedTask]) -> bool:
    numbers = {task.number for task in others}
    return all(numbers & set(task.needs) for task in tasks)


def steps_missing(evidence: Evidence) -> Finding | None:
    """Some steps are no tasks of their own."""
    missing = [step for step in STEPS if len(named(evidence, step)) < REQUESTS]
    if not missing:
        return None
    made = count(len(evidence.recording.tasks), "task")
    return Finding(
        "steps-missing",
        f"{made} for {REQUESTS} requests, and not a task for each request of: {', '.join(missing)}.",
        "three tasks for each request: confirm, classify and report.",
        (
            "The scheduler can only run side by side what are tasks of their own.",
            "Call all three with .remote, and hand the reference of one to the next that needs it.",
        ),
    )


def label_carried(evidence: Evidence) -> Finding | None:
    """The driver fetched the labels and handed them on."""
    if _need(named(evidence, "report"), named(evidence, "classify")):
        return None
    return Finding(
        "label-carried",
        "your reports do not take the result of classify as an argument; it went through your hands first.",
        "the reference that classify.remote returned handed to report.",
        (
            "label = classify.remote(request) is a reference.",
            "Pass it on as it is: report.remote(request, label).",
        ),
    )


def needless_wait(evidence: Evidence) -> Finding | None:
    """Classifying waits for the e-mail."""
    if not any(
        {task.number for task in named(evidence, "confirm")} & set(task.needs)
        for task in named(evidence, "classify")
    ):
        return None
    return Finding(
        "needless-wait",
        "classify waits until confirm is done, although it does not need anything from it.",
        "confirm and classify side by side.",
        ("Give classify only what it needs, the request.",),
    )
