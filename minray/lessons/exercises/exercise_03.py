"""Exercise 3: the squares again, each collected with `wait` as soon as it is there.

Right is: tasks as in exercise 1, and a loop of `wait` on a list that shrinks, in which each round fetches
what is ready. The squares may come in any order.
"""

from ..judging.evidence import Evidence, as_list, same
from ..judging.exercise import Exercise
from ..judging.mistakes import (
    first_of,
    list_does_not_shrink,
    nothing_returned,
    raised,
    references_returned,
    stopped,
)
from ..judging.verdict import Finding
from ..watching.recording import Call
from .exercise_01 import NUMBERS, SQUARES, get_in_the_loop, in_a_chain, not_fetched, overlap, too_few_tasks


def judge(evidence: Evidence) -> Finding:
    """Say whether each square was collected when it was ready."""
    mistake = first_of(
        evidence,
        stopped,
        list_does_not_shrink,
        raised,
        references_returned,
        nothing_returned,
        too_few_tasks,
        wrong_values,
        in_a_chain,
        get_in_the_loop,
        no_wait,
        got_all_first,
        waited_for_all,
        fetched_all_at_once,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    waits = evidence.calls("wait")
    return Finding(
        "passed",
        f"{len(evidence.siblings)} tasks submitted at once, then {len(waits)} calls of wait on a list that "
        f"shrank from {waits[0].count} to {waits[-1].count}. {overlap(evidence)}",
    )


EXERCISE = Exercise("exercise 3, squares as they come", SQUARES, judge, lambda: (list(NUMBERS),))


def wrong_values(evidence: Evidence) -> Finding | None:
    """The values are not the squares, in whatever order."""
    values = as_list(evidence.result) or []
    if same(values, evidence.expected, in_order=False):
        return None
    return Finding(
        "wrong-values",
        f"your function returned {values!r:.200}.",
        f"for the numbers {list(NUMBERS)} the squares {sorted(evidence.expected)}, in any order.",
        (
            "Use the numbers that your function is given, and give back each square once.",
            "Each time round, add ray.get(ready) to the results, and go on with the second list.",
        ),
    )


def no_wait(evidence: Evidence) -> Finding | None:
    """Collected by `get` alone."""
    if evidence.calls("wait"):
        return None
    return Finding(
        "no-wait",
        "your tasks run side by side, but you collected them without ray.wait.",
        "a loop of ray.wait that collects each square when it is ready.",
        (
            "With get alone you see nothing until the slowest task is done.",
            "Keep a list waiting, at first all references, and loop while it is not empty.",
            "In the loop: ready, waiting = ray.wait(waiting), then results.extend(ray.get(ready)).",
        ),
    )


def waited_for_all(evidence: Evidence) -> Finding | None:
    """One call of `wait` that asks for everything is `get` in disguise.

    With a timeout it is not: on a slow machine everything may be ready by then.
    """
    successful = _successful(evidence)
    if len(successful) > 1 or any(call.timeout is not None for call in successful):
        return None
    return Finding(
        "waited-for-all",
        "a single call of wait brought everything, so the first square had to wait for the last one.",
        "several calls, each of which brings what is ready by then.",
        (
            "What does num_returns ask for? The call does not return before it has as many.",
            "Leave num_returns at 1, its default, and call wait in a loop.",
        ),
    )


def got_all_first(evidence: Evidence) -> Finding | None:
    """A `get` that waits for everything, before a loop of `wait` that then has nothing to wait for."""
    first_wait = evidence.calls("wait")[0]
    if not any(call.started < first_wait.started for call in _gets_of_all(evidence)):
        return None
    return Finding(
        "got-all-first",
        "you did call wait, but also a get of all references, which waited for the slowest of them.",
        "each round fetches the values that are ready in that round.",
        (
            "Imagine that each square shall be shown to somebody who waits for it. When could you show it?",
            "Have the only get inside the loop, and give it the ready list and nothing else.",
        ),
    )


def fetched_all_at_once(evidence: Evidence) -> Finding | None:
    """A loop that asks what is ready, and a `get` for everything when all is over."""
    if not _gets_of_all(evidence) or len(_successful(evidence)) == 1:
        return None
    return Finding(
        "fetched-all-at-once",
        "your loop asked what was ready, but the values were fetched at the end, with one get for all.",
        "each round fetches the values that are ready in that round.",
        (
            "Knowing that a square is ready helps nobody who waits for its value. When could you fetch it?",
            "Move the get into the loop, and give it the ready list.",
        ),
    )


def _successful(evidence: Evidence) -> list[Call]:
    return [call for call in evidence.calls("wait") if call.ready]


def _gets_of_all(evidence: Evidence) -> list[Call]:
    return [call for call in evidence.calls("get") if call.count >= len(evidence.siblings)]
