"""Exercise 14: results of tasks of which some fail; right is to keep what worked and mark what did not."""

from ..basics.faults import some_that_fail
from ..judging.evidence import Evidence, as_list, same
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, nothing_returned, raised, references_returned, stopped
from ..judging.verdict import Finding

RESULTS = (0, None, 20, None, 40)
FAILED = 2


def judge(evidence: Evidence) -> Finding:
    """Say whether each failure cost one result and no more."""
    mistake = first_of(
        evidence,
        stopped,
        one_takes_all,
        only_one_kind,
        raised,
        references_returned,
        nothing_returned,
        left_out,
        wrong_values,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    return Finding("passed", f"{FAILED} of {len(RESULTS)} tasks failed, and the others' results were kept.")


EXERCISE = Exercise("exercise 14, keep what worked", RESULTS, judge, some_that_fail)


def one_takes_all(evidence: Evidence) -> Finding | None:
    """One `get` for all, which raises what the first failed task raised."""
    together = any(call.count > 1 for call in evidence.recording.calls if call.kind == "get")
    if not together or (evidence.error is None and same(_values(evidence), RESULTS, in_order=True)):
        return None
    return Finding(
        "one-takes-all",
        "a ray.get of several references raised an exception, and with it every result was out of reach.",
        "the results of the tasks that worked, and None for the others.",
        (
            "ray.get of a list gives all values or none. How many references should each get have?",
            "Loop over the references, and put ray.get(ref) between try and except.",
        ),
    )


def only_one_kind(evidence: Evidence) -> Finding | None:
    """An `except` for the one kind of failure, but not for the other."""
    if not evidence.failed_with("WorkerCrashedError"):
        return None
    return Finding(
        "only-one-kind",
        "your function caught the task that raised, but a worker died as well: WorkerCrashedError.",
        "None for each task without a result, whatever went wrong.",
        (
            "A task fails by itself, or because its process is gone. What do both errors have in common?",
            "Every error that comes out of ray.get for a failed task is a ray.exceptions.RayError.",
        ),
    )


def left_out(evidence: Evidence) -> Finding | None:
    """The failures were dropped, or everything after the first one was."""
    values = _values(evidence)
    if len(values) >= len(RESULTS):
        return None
    rest = [value for value in RESULTS if value is not None]
    if same(values, rest, in_order=True):
        return Finding(
            "failures-left-out",
            f"your function returned {values!r:.200}: nobody can tell which tasks are missing.",
            f"{len(RESULTS)} entries, with None where a task failed.",
            ("What should be added to the list in the except branch?", "Add None there."),
        )
    return Finding(
        "gives-up",
        f"your function returned {values!r:.200}: it stopped at a failure.",
        f"{len(RESULTS)} entries; the tasks after a failed one may be fine.",
        ("Is the loop inside the try, or the try inside the loop?", "Put the try inside the loop."),
    )


def wrong_values(evidence: Evidence) -> Finding | None:
    """Other values."""
    if same(_values(evidence), RESULTS, in_order=True):
        return None
    return Finding(
        "wrong-values",
        f"your function returned {_values(evidence)!r:.200}.",
        f"the results in the order of the references, with None for a failure: {list(RESULTS)}.",
        ("Go through the references in their order, and add one entry for each.",),
    )


def not_fetched(evidence: Evidence) -> Finding | None:
    """The right list, without asking the tasks."""
    if sum(call.count for call in evidence.recording.calls if call.kind == "get") >= len(RESULTS):
        return None
    return Finding(
        "not-fetched",
        "the list is right, but not every reference was asked for its result.",
        "a ray.get for every reference.",
        ("The check may choose other tasks next time. Ask each reference.",),
    )


def _values(evidence: Evidence) -> list[object]:
    return as_list(evidence.result) or []
