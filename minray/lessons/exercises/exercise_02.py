"""Exercise 2: a loop of `wait` with a timeout that is shorter than the tasks.

Right is: every result exactly once, by calls of `wait` that used the given timeout. A call that runs into
its timeout comes back with less than was asked, perhaps with nothing, and the answer copes with that.
"""

from ..basics.clock import slow_value, time_scale
from ..basics.session import remote
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
from ..watching.schedule import count

UNITS = (0.6, 1.2, 1.8, 2.4, 3.0)  # how long the tasks take whose references the answer is given
VALUES = (10, 20, 30, 40, 50)  # and what they return
TIMEOUT = 0.25  # units; shorter than any task, so that some calls of `wait` come back empty


def references() -> tuple[object, ...]:
    """References to the results of five tasks, and the timeout in seconds."""
    task = remote(slow_value)
    pairs = zip(UNITS, VALUES, strict=True)
    return [task.remote(units, value) for units, value in pairs], TIMEOUT * time_scale()


def judge(evidence: Evidence) -> Finding:
    """Say whether all results were gathered in spite of the timeouts."""
    mistake = first_of(
        evidence,
        stopped,
        list_does_not_shrink,
        get_with_a_timeout,
        asked_for_too_many,
        counted_on_ready,
        raised,
        references_returned,
        nothing_returned,
        no_wait,
        without_the_timeout,
        results_missing,
    )
    if mistake is not None:
        return mistake
    waits = evidence.calls("wait")
    short = [call for call in waits if call.ready < call.num_returns]
    empty = [call for call in short if not call.ready]
    return Finding(
        "passed",
        f"{count(len(waits), 'call')} of wait; {len(short)} of them ran into the timeout and brought less "
        f"than asked, {len(empty)} brought nothing at all, and still you have all {evidence.given} results.",
    )


EXERCISE = Exercise(
    "exercise 2, a timeout shorter than the tasks",
    VALUES,
    judge,
    references,
    given=len(VALUES),
    timeout=TIMEOUT,
)


def get_with_a_timeout(evidence: Evidence) -> Finding | None:
    """`get` does not share `wait`'s manners: at its timeout it raises."""
    if not evidence.failed_with("GetTimeoutError"):
        return None
    return Finding(
        "get-with-a-timeout",
        "your function passed the timeout to ray.get, which raised GetTimeoutError when the time was over.",
        "the timeout goes to ray.wait, which returns what it has.",
        (
            "get knows only all or nothing. Which of the two calls tells you what is ready so far?",
            "Ask ray.wait(waiting, timeout=timeout), then get only the references in its first list.",
        ),
    )


def asked_for_too_many(evidence: Evidence) -> Finding | None:
    """`num_returns` larger than the list."""
    if not isinstance(evidence.error, ValueError) or "num_returns" not in str(evidence.error):
        return None
    return Finding(
        "asked-for-too-many",
        "wait was asked for more results than there were references left in the list.",
        "num_returns is never larger than the list.",
        (
            "How many are left in the last round? After a timeout that need not be an even number.",
            "Write num_returns=min(2, len(waiting)).",
        ),
    )


def counted_on_ready(evidence: Evidence) -> Finding | None:
    """Taking it for granted how many results are in the ready list."""
    error = evidence.error
    unpacked = isinstance(error, ValueError) and "unpack" in str(error)
    if not (isinstance(error, IndexError) or unpacked):
        return None
    return Finding(
        "counted-on-ready",
        "your function took a result from the ready list that was not there.",
        "a ready list of any length, an empty one included.",
        (
            "When the time is over wait returns what it has: two results, one, or none.",
            "Instead of ready[0], go through the list with for, or extend your results by ray.get(ready).",
        ),
    )


def no_wait(evidence: Evidence) -> Finding | None:
    """Results were fetched without asking which are ready."""
    if evidence.calls("wait"):
        return None
    return Finding(
        "no-wait",
        "your function never called ray.wait.",
        "a loop that asks ray.wait what is ready, again and again.",
        (
            "The loop that you read above is a good start: keep it, and change one argument.",
            "ready, waiting = ray.wait(waiting, timeout=timeout) in a loop that goes on while waiting is not "
            "empty.",
        ),
    )


def without_the_timeout(evidence: Evidence) -> Finding | None:
    """`wait` was called, but not with the timeout that the answer was given."""
    waits = evidence.calls("wait")
    if any(_used(call, evidence.timeout) for call in waits):
        return None
    used = sorted({"none" if call.timeout is None else f"{call.timeout:g} s" for call in waits})
    return Finding(
        "without-the-timeout",
        f"the timeout of your calls of wait was: {', '.join(used)}.",
        f"the timeout that your function is given, {evidence.timeout:g} s this time.",
        (
            "wait takes the timeout by name.",
            "Pass it on: ray.wait(waiting, num_returns=..., timeout=timeout). It is in seconds already.",
        ),
    )


def _used(call: Call, timeout: float | None) -> bool:
    return call.timeout is not None and timeout is not None and abs(call.timeout - timeout) <= 0.01 * timeout


def results_missing(evidence: Evidence) -> Finding | None:
    """Not every result exactly once."""
    values = as_list(evidence.result) or []
    if same(values, evidence.expected, in_order=False):
        return None
    hints: tuple[str, ...]
    if len(values) < len(evidence.expected):
        hints = (
            "A timeout is no failure. The tasks go on, and what was not ready is in wait's second list.",
            "Make the loop go on while that list is not empty, however short the ready list was.",
        )
        return Finding(
            "gave-up",
            f"your function returned {len(values)} of {len(evidence.expected)} results.",
            "all results, however many calls of wait it takes.",
            hints,
        )
    hints = (
        "Each time round, add the values of the ready list of that round, and only those.",
        "results.extend(ray.get(ready)) adds every value once.",
    )
    return Finding(
        "wrong-values",
        f"your function returned {values!r:.200}.",
        f"each of {list(evidence.expected)} once, in any order.",
        hints,
    )
