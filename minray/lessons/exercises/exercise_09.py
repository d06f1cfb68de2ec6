"""Exercise 9: the sum of some results; right is a tree of additions, not a chain.

The events tell which task needed the result of which: the longest way through that graph is what the
additions take at least, however many workers there are.
"""

from ..basics.clock import slow_value
from ..basics.session import remote
from ..judging.evidence import Evidence, is_reference
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.verdict import Finding
from ..watching.recording import RecordedTask
from ..watching.schedule import count

VALUES = (3, 1, 4, 1, 5, 9, 2, 6)
TOTAL = sum(VALUES)
DEEPEST = 4  # a tree over eight leaves has three levels; one more is forgiven


def references() -> tuple[object, ...]:
    """References to the numbers that are to be added."""
    return ([remote(slow_value).remote(0.2, value) for value in VALUES],)


def judge(evidence: Evidence) -> Finding:
    """Say whether the additions form a tree."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        fetched_first,
        too_few_additions,
        wrong_total,
        a_chain,
    )
    if mistake is not None:
        return mistake
    made = additions(evidence)
    return Finding(
        "passed",
        f"{count(len(made), 'addition')}, at most {depth(made)} of them one after the other, and "
        "nothing fetched before the total.",
    )


EXERCISE = Exercise("exercise 9, a tree of sums", (TOTAL,), judge, references, given=len(VALUES))


def additions(evidence: Evidence) -> tuple[RecordedTask, ...]:
    """The tasks that the answer made itself, without those whose results it was given."""
    return evidence.recording.tasks[evidence.given :]


def depth(tasks: tuple[RecordedTask, ...]) -> int:
    """How many of these tasks lie on the longest way from a result to a result that needs it."""
    levels: dict[int, int] = {}
    for task in tasks:  # in the order of submission, so producers come first
        levels[task.number] = 1 + max((levels.get(need, 0) for need in task.needs), default=0)
    return max(levels.values(), default=0)


def fetched_first(evidence: Evidence) -> Finding | None:
    """Results were fetched before they were added."""
    gets = [call for call in evidence.recording.calls if call.kind == "get" and call.caller is None]
    if sum(call.count for call in gets) <= 1:
        return None
    return Finding(
        "fetched-in-between",
        f"you fetched {sum(call.count for call in gets)} results, and each came to you and went out again.",
        "only the total fetched.",
        (
            "A reference can be an argument: the next task gets the value without your help.",
            "add.remote(refs[0], refs[1]) works with references. Call ray.get once, at the very end.",
        ),
    )


def too_few_additions(evidence: Evidence) -> Finding | None:
    """One task that adds everything, or none."""
    needed, made = len(VALUES) - 1, len(additions(evidence))
    if made >= needed:
        return None
    return Finding(
        ("no-tasks", "one-big-task")[made] if made < 2 else "too-few-tasks",
        f"{count(made, 'task')} added up {len(VALUES)} values.",
        f"{needed} additions of two values each.",
        ("add takes two values. Take two references from the list, and put their sum's reference back.",),
    )


def wrong_total(evidence: Evidence) -> Finding | None:
    """Another number than the total."""
    if not is_reference(evidence.result) and evidence.result == TOTAL:
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.200}.",
        f"the sum of all {len(VALUES)} values, {TOTAL}.",
        ("Is each reference used once? Return the value of the last one, not a list.",),
    )


def a_chain(evidence: Evidence) -> Finding | None:
    """Each addition needs the one before."""
    deepest = depth(additions(evidence))
    if deepest <= DEEPEST:
        return None
    return Finding(
        "a-chain",
        f"{deepest} of your additions need each other's results one after the other: a chain, in which only "
        "one worker is ever busy.",
        f"a tree: at most {DEEPEST} one after the other.",
        (
            "A running total is used again at once, every time. Which two could be added instead?",
            "Take from the front of the list, and put the sum at its end: what is in front comes first.",
            "while len(refs) > 1: refs.append(add.remote(refs.pop(0), refs.pop(0)))",
        ),
    )
