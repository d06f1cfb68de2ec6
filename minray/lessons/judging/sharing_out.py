"""Mistakes in sharing out work, that several exercises have in common.

As in `mistakes`, each function looks at the evidence for one mistake and returns a `Finding` or None.
"""

from ..watching.schedule import count
from .evidence import Evidence, as_list, same, submitted_one_by_one
from .verdict import Finding


def no_tasks(evidence: Evidence) -> Finding | None:
    """Everything ran in the driver."""
    if evidence.siblings:
        return None
    return Finding(
        "no-tasks",
        "no task was submitted: everything ran right here, in the notebook's own process.",
        "tasks that share the work.",
        (
            "Who does the work in your function? Only a call with .remote hands it over to a worker.",
            "Put @ray.remote above the function that does one part, and call it with .remote(...).",
        ),
    )


def one_big_task(evidence: Evidence) -> Finding | None:
    """One task for all the work."""
    if len(evidence.siblings) != 1:
        return None
    return Finding(
        "one-big-task",
        f"one single task, {evidence.siblings[0].name}, did all the work; no other worker could help.",
        "several tasks, so that several workers have something to do.",
        ("A task runs on one worker from beginning to end. Cut the work in parts, and make a task of each.",),
    )


def get_between(evidence: Evidence) -> Finding | None:
    """Results were fetched before the last task was submitted."""
    if not submitted_one_by_one(evidence):
        return None
    return Finding(
        "get-in-the-loop",
        f"you waited for results before the last of your {count(len(evidence.siblings), 'task')} was "
        "submitted, so workers stood idle.",
        "all tasks submitted first, and then one ray.get.",
        (
            "Which line of your function waits, and what could have been submitted before it?",
            "Collect the references in a list; call ray.get once, after the last .remote.",
        ),
    )


def wrong_values(evidence: Evidence) -> Finding | None:
    """Other values than expected, or in another order."""
    values = as_list(evidence.result) or []
    if same(values, evidence.expected, in_order=True):
        return None
    expected = f"{count(len(evidence.expected), 'value')}, beginning with {evidence.expected[:5]!r:.120}."
    flat = [value for part in values for value in (part if isinstance(part, list) else [part])]
    if len(flat) > len(values) and same(flat, evidence.expected, in_order=True):
        return Finding(
            "not-flattened",
            f"the values are right, but they come as {count(len(values), 'list')} in a list.",
            expected,
            ("Each task returned a list. Put them together: [value for part in parts for value in part].",),
        )
    if same(values, evidence.expected, in_order=False):
        return Finding(
            "wrong-order",
            "the values are right, but in another order.",
            expected,
            ("ray.get of a list returns the values in the order of that list. In which order is yours?",),
        )
    return Finding(
        "wrong-values",
        f"your function returned {count(len(values), 'value')}, beginning with {values[:5]!r:.120}.",
        expected,
        (
            "Is every part of the input in exactly one task, the last one too?",
            "Use what your function is given: the check calls it with other values than the example.",
        ),
    )


def not_fetched(evidence: Evidence) -> Finding | None:
    """The values are right, but nobody fetched the results of the tasks."""
    if any(call.ready for call in evidence.calls("get")):
        return None
    return Finding(
        "not-fetched",
        "the values are right, but nobody fetched the results of the tasks: yours come from elsewhere.",
        "the values that the tasks computed.",
        ("Return what ray.get brings, and nothing that you computed, or typed, beside it.",),
    )
