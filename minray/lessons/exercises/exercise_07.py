"""Exercise 7: where a task should run; right is that the large array stays where it is.

The events tell what was copied from node to node.
"""

from ..basics.session import node_ids, only_on, remote
from ..judging.evidence import Evidence, is_reference
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.verdict import Finding

LONG, SHORT = 400_000, 100_000
TOTAL = float(LONG + 2 * SHORT)
LARGE = LONG * 4  # bytes; anything of at least half the large array's size counts as a copy of it


def _ones(length: int, value: float) -> object:
    import numpy as np

    return np.full(length, value)


def arrays() -> tuple[object, ...]:
    """A large array on the second node, a small one on the third."""
    task, (_, second, third, *_) = remote(_ones), node_ids()
    return (
        task.options(scheduling_strategy=only_on(second)).remote(LONG, 1.0),
        task.options(scheduling_strategy=only_on(third)).remote(SHORT, 2.0),
    )


def judge(evidence: Evidence) -> Finding:
    """Say whether the large array was copied."""
    mistake = first_of(evidence, stopped, raised, references_returned, added_here, large_copied, wrong_total)
    if mistake is not None:
        return mistake
    copied = sum(copy.size for copy in evidence.recording.copied)
    return Finding(
        "passed",
        f"the large array stayed where it was; only the small one travelled, {copied:,} bytes.",
    )


EXERCISE = Exercise("exercise 7, bring the work to the data", (TOTAL,), judge, arrays, given=2, nodes=3)


def added_here(evidence: Evidence) -> Finding | None:
    """No task: everything came to the driver."""
    if len(evidence.recording.tasks) > evidence.given:
        return None
    return Finding(
        "added-here",
        "no task added the arrays: both were brought to your own node, and added here.",
        "a task that adds them, on one of the nodes where they are.",
        ("Call add_up with .remote, with the references as arguments, and fetch only the total.",),
    )


def large_copied(evidence: Evidence) -> Finding | None:
    """The task ran where the large array was not."""
    large = [copy for copy in evidence.recording.copied if copy.size >= LARGE]
    if not large:
        return None
    return Finding(
        "large-copied",
        f"{sum(copy.size for copy in large):,} bytes of the large array were copied from node "
        f"{large[0].source + 1} to node {large[0].node + 1}.",
        "only the small array copied.",
        (
            "One of the two arrays has to travel. Which one should it be?",
            "The large one was made on the second node: run the task there, nodes[1].",
            "Or leave the choice to the scheduler: without a scheduling strategy it goes where most of the "
            "data is.",
        ),
    )


def wrong_total(evidence: Evidence) -> Finding | None:
    """Another number than the total."""
    if not is_reference(evidence.result) and evidence.result == TOTAL:
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.100}.",
        f"the total of both arrays, {TOTAL:,.0f}.",
        ("Return what ray.get gives for the reference to the total.",),
    )
