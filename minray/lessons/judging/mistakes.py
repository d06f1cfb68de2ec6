"""Mistakes that can happen in every exercise: exceptions, references instead of values, no result.

Each function looks at the evidence for one family of mistakes and returns a `Finding` or None.
"""

import traceback
from collections.abc import Callable

from ...wire.config import PACKAGE
from .evidence import Evidence, as_list, is_reference
from .verdict import Finding


def first_of(evidence: Evidence, *mistakes: Callable[[Evidence], Finding | None]) -> Finding | None:
    """Look for one mistake after the other; the first that was made is what the learner is told."""
    for mistake in mistakes:
        finding = mistake(evidence)
        if finding is not None:
            return finding
    return None


def describe_error(error: BaseException) -> str:
    """An exception in a sentence, with the line of the learner's own code that it came from."""
    cause = getattr(error, "cause", None)
    who = "One of your tasks" if cause is not None else "Your function"
    raised = error if cause is None else cause
    mine = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((str(PACKAGE), "<frozen"))
    ]
    where = f" (at `{mine[-1].line}`)" if mine and mine[-1].line else ""
    text = str(raised).strip().splitlines() or ["it says no more than that"]
    return f"{who} raised {type(raised).__name__}{where}: {text[0]}"


def raised(evidence: Evidence) -> Finding | None:
    """The answer ended with an exception."""
    error = evidence.error
    if error is None:
        return None
    happened, text = describe_error(error), str(error)
    expected = "your function runs to its end and returns the results."
    if isinstance(error, TypeError) and "remote" in text and "ObjectRef" not in text:
        hints = (
            "A function with @ray.remote on top cannot be called like other functions any more.",
            "Write .remote between its name and the parentheses: name.remote(n).",
        )
        return Finding("called-directly", happened, expected, hints)
    if isinstance(error, TypeError) and "ObjectRef" in text:
        hints = (
            "What .remote(...) returns is not the result yet but a reference to it.",
            "To calculate with the value, fetch it with ray.get(reference); or hand the reference to a task.",
        )
        return Finding("reference-as-value", happened, expected, hints)
    hints = (
        "Read the message above; the part after the colon says what was wrong.",
        "Call your function yourself in a new cell, with a short list: there you see the whole traceback.",
    )
    return Finding("raised", happened, expected, hints)


def stopped(evidence: Evidence) -> Finding | None:
    """The answer was interrupted, and not because its `wait` loop goes round in circles."""
    if not evidence.stopped or list_does_not_shrink(evidence):
        return None
    return Finding(
        "stopped",
        "the run was interrupted before your function returned.",
        "your function comes to an end by itself.",
        ("Which line does it wait at? The picture shows what the tasks did until then.",),
    )


def list_does_not_shrink(evidence: Evidence) -> Finding | None:
    """`wait` brought more results than there are tasks, so some came again and again."""
    waits = evidence.calls("wait")
    brought, there_are = sum(call.ready for call in waits), evidence.given or len(evidence.siblings)
    if brought <= there_are:
        return None
    rest = " so I stopped it; it would have gone on forever." if evidence.stopped else " so some came twice."
    return Finding(
        "list-not-shrinking",
        f"{len(waits)} calls of wait brought {brought} results, but there are only {there_are};" + rest,
        "each result comes back from wait once.",
        (
            "What does your loop pass to wait the second time round? Print it, if in doubt.",
            "wait does not remember what it told you. A result that was ready stays ready, and wait names it "
            "again as long as it is in the list.",
            "The second list that wait returns is what is left: go on with that one, as in "
            "ready, waiting = ray.wait(waiting).",
        ),
    )


def nothing_returned(evidence: Evidence) -> Finding | None:
    """The answer returned None, or something that is no collection."""
    if as_list(evidence.result) is not None:
        return None
    what = "nothing (None)" if evidence.result is None else f"a single {type(evidence.result).__name__}"
    if is_reference(evidence.result):
        return references_returned(evidence)
    return Finding(
        "nothing-returned",
        f"your function returned {what}.",
        f"a list of {len(evidence.expected)} results.",
        ("Collect the results in a list, and end the function with return and that list.",),
    )


def references_returned(evidence: Evidence) -> Finding | None:
    """The answer returned references rather than the values that they stand for."""
    values = [evidence.result] if is_reference(evidence.result) else as_list(evidence.result) or []
    if not any(is_reference(value) for value in values):
        return None
    return Finding(
        "references-returned",
        "your function returned references, the ids that come back at once, not what the tasks computed.",
        "the values themselves.",
        (
            "Good so far: the tasks are on their way. One step is missing after that.",
            "ray.get turns a list of references into the list of their values.",
            "Return ray.get(refs) instead of refs.",
        ),
    )
