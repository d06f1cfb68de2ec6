"""Exercise 15: several tasks for one answer; right is to take the first, and to cancel the others."""

from ..basics.faults import some_that_race
from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.verdict import Finding

UNITS = (8.0, 1.0, 8.0)
VALUES = (1, 2, 3)


def judge(evidence: Evidence) -> Finding:
    """Say whether the first result was taken, and the other tasks were stopped."""
    mistake = first_of(
        evidence,
        stopped,
        cancelled_too_early,
        raised,
        references_returned,
        waited_for_all,
        no_wait,
        wrong_value,
        not_cancelled,
    )
    if mistake is not None:
        return mistake
    return Finding("passed", "you took the first result, and no task went on that nobody needed.")


EXERCISE = Exercise("exercise 15, the first one wins", VALUES, judge, lambda: some_that_race(UNITS, VALUES))


def cancelled_too_early(evidence: Evidence) -> Finding | None:
    """Everything was cancelled, the winner too."""
    if not evidence.failed_with("TaskCancelledError"):
        return None
    return Finding(
        "cancelled-too-early",
        "you asked for the result of a task that you had cancelled.",
        "only those tasks cancelled that are not ready.",
        (
            "Which of the two lists of ray.wait must not be cancelled?",
            "Loop over the second list only: for ref in waiting: ray.cancel(ref).",
        ),
    )


def waited_for_all(evidence: Evidence) -> Finding | None:
    """All results, where one would do."""
    calls = evidence.recording.calls
    if not any(call.caller is None and call.ready == len(UNITS) and call.num_returns > 1 for call in calls):
        return None
    return Finding(
        "waited-for-all",
        "you waited for all tasks, though the first result was there long before.",
        "the first result, as soon as it is there.",
        (
            "Which call comes back when one of several references is ready?",
            "ready, waiting = ray.wait(refs), then ray.get(ready[0]).",
        ),
    )


def no_wait(evidence: Evidence) -> Finding | None:
    """A bet on one of the tasks."""
    if any(call.kind == "wait" for call in evidence.recording.calls):
        return None
    return Finding(
        "no-wait",
        "you chose a task before you knew which one is first.",
        "ray.wait, to find out which one is.",
        (
            "Nobody can tell from a reference how long it takes.",
            "Begin with ready, waiting = ray.wait(refs).",
        ),
    )


def wrong_value(evidence: Evidence) -> Finding | None:
    """Not the result of one of the tasks."""
    if evidence.result in VALUES and any(call.kind == "get" for call in evidence.recording.calls):
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.200}.",
        "the value of the task that was ready first.",
        ("ready is a list with one reference in it.", "Return ray.get(ready[0])."),
    )


def not_cancelled(evidence: Evidence) -> Finding | None:
    """The others went on."""
    tasks = evidence.recording.tasks[: len(UNITS)]
    over = max(call.ended for call in evidence.recording.calls if call.kind == "wait")
    went_on = [task for task in tasks if not task.failed and (task.finished or over + 1) > over]
    if not went_on:
        return None
    return Finding(
        "not-cancelled",
        f"{len(went_on)} of the tasks went on although you had your answer, and kept workers busy.",
        "the tasks that are not needed any more cancelled.",
        (
            "Look at the picture: which bars go on after the first one ends?",
            "ray.cancel(ref) ends a task. Call it for each reference in the second list.",
        ),
    )
