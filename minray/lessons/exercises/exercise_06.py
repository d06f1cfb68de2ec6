"""Exercise 6: read the events of a run; right is the sum of what was copied, each copy counted once."""

from ..hood.under_the_hood import FORWARD, GET, PULL_BEGINS, PULL_ENDS, SEAL, SUBMIT, Step
from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, stopped
from ..judging.verdict import Finding

FIRST, SECOND, TOTAL = 700, 1_300, 900  # bytes
STEPS = (
    Step(0.0, SUBMIT, "first", 0),
    Step(0.1, SUBMIT, "second", 0),
    Step(0.2, SUBMIT, "total", 0),
    Step(0.3, FORWARD, "first", 0),
    Step(0.4, FORWARD, "second", 2),
    Step(0.5, SEAL, "first", 0, FIRST),
    Step(0.6, SEAL, "second", 2, SECOND),
    Step(0.7, FORWARD, "total", 1),
    Step(0.8, PULL_BEGINS, "first", 1, FIRST),
    Step(0.8, PULL_BEGINS, "second", 1, SECOND),
    Step(0.9, PULL_ENDS, "first", 1, FIRST),
    Step(1.0, PULL_ENDS, "second", 1, SECOND),
    Step(1.0, SEAL, "first", 1, FIRST),
    Step(1.0, SEAL, "second", 1, SECOND),
    Step(1.1, SEAL, "total", 1, TOTAL),
    Step(1.2, PULL_BEGINS, "total", 0, TOTAL),
    Step(1.3, PULL_ENDS, "total", 0, TOTAL),
    Step(1.4, GET, "total", 0),
)
COPIED = FIRST + SECOND + TOTAL
COPIES = 3
EXPECTED = f"{COPIED:,} bytes for the run of this check, in which {COPIES} objects are copied."


def judge(evidence: Evidence) -> Finding:
    """Say whether the copies were added up."""
    mistake = first_of(evidence, stopped, raised, nothing, counted_twice, other_events, a_count, wrong)
    return mistake or Finding("passed", f"{COPIES} copies, {COPIED:,} bytes in all, each counted once.")


EXERCISE = Exercise("exercise 6, what was copied", (COPIED,), judge, lambda: (list(STEPS),))


def nothing(evidence: Evidence) -> Finding | None:
    """No number came back."""
    if isinstance(evidence.result, (int, float)):
        return None
    return Finding(
        "no-number",
        f"your function returned {evidence.result!r:.80}.",
        "one number, of bytes.",
        ("Add up the sizes, and return the sum. print shows it, but return gives it back.",),
    )


def counted_twice(evidence: Evidence) -> Finding | None:
    """Both the beginning and the end of a copy."""
    if evidence.result != 2 * COPIED:
        return None
    return Finding(
        "counted-twice",
        f"you found {evidence.result:,} bytes, exactly twice as many as were copied.",
        EXPECTED,
        ("A copy has two events: it begins, and it ends. Take one of them, the end.",),
    )


def other_events(evidence: Evidence) -> Finding | None:
    """All sizes, or those of the objects that were sealed."""
    sealed = sum(step.size for step in STEPS if step.what == SEAL)
    everything = sum(step.size for step in STEPS)
    on_nodes = sum(step.size for step in STEPS if step.what == SEAL and step.node)
    if evidence.result not in (everything, on_nodes) and evidence.result != sealed + COPIED:
        return None
    return Finding(
        "other-events",
        f"you found {evidence.result:,} bytes: sizes of objects that were sealed are among them.",
        EXPECTED,
        (
            "An object is sealed whenever it is complete in a store, where it was made as well.",
            f"Look at step.what: only {PULL_ENDS!r} is the end of a copy.",
        ),
    )


def a_count(evidence: Evidence) -> Finding | None:
    """How many copies, not how many bytes."""
    if evidence.result not in (COPIES, 2 * COPIES):
        return None
    return Finding(
        "a-count",
        f"you returned {evidence.result}, which is a number of events.",
        EXPECTED,
        ("Each step has a size. Add those up instead of counting steps.",),
    )


def wrong(evidence: Evidence) -> Finding | None:
    """Any other number."""
    if evidence.result == COPIED:
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result}.",
        EXPECTED,
        (
            "Do you look at all copies? The result travels as well, from where it was made to the driver.",
            f"sum(step.size for step in steps if step.what == {PULL_ENDS!r})",
        ),
    )
