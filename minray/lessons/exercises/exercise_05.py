"""Exercise 5: pieces of uneven length; right is to cut finely enough that nobody waits for the longest.

What "finely enough" is depends on the workers there are: several parts for each, and yet not a task for
every piece.
"""

from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, nothing_returned, raised, references_returned, stopped
from ..judging.sharing_out import get_between, no_tasks, not_fetched, one_big_task, wrong_values
from ..judging.verdict import Finding
from ..watching.schedule import count

UNITS = (0.2,) * 16 + (0.01,) * 32
PARTS_A_WORKER = 3


def judge(evidence: Evidence) -> Finding:
    """Say whether the parts were small enough, and not too small."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        nothing_returned,
        no_tasks,
        one_big_task,
        wrong_values,
        get_between,
        too_coarse,
        too_fine,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    tasks = len(evidence.siblings)
    return Finding(
        "passed",
        f"{count(tasks, 'part')} for {count(evidence.cpus, 'worker')}: whoever was done early took another.",
    )


EXERCISE = Exercise("exercise 5, even shares", UNITS, judge, lambda: (list(UNITS),))


def most() -> int:
    """The largest number of tasks: two pieces in each on average."""
    return len(UNITS) // 2


def least(cpus: int) -> int:
    """The smallest number of tasks."""
    return min(PARTS_A_WORKER * cpus, most())


def too_coarse(evidence: Evidence) -> Finding | None:
    """So few parts that one worker has all the long ones."""
    tasks, needed = len(evidence.siblings), least(evidence.cpus)
    if tasks >= needed:
        return None
    return Finding(
        "too-coarse",
        f"{count(tasks, 'part')} for {count(evidence.cpus, 'worker')}: the long pieces lay side by side in "
        "one part, and its worker was still busy when the others had nothing left to do.",
        f"at least {needed} parts, so that whoever is done early can take another one.",
        (
            "Look at the picture: how long is the longest bar, and who is idle meanwhile?",
            "With more parts than workers, those with short parts take over more of them.",
            "Choose the size of a part from the length of the list: size = len(units) // 12, for example.",
        ),
    )


def too_fine(evidence: Evidence) -> Finding | None:
    """A task for every piece."""
    tasks = len(evidence.siblings)
    if tasks <= most():
        return None
    return Finding(
        "too-fine",
        f"{tasks} tasks for {len(UNITS)} pieces: evenly shared, but each task costs something as well.",
        f"at most {most()} tasks, of two pieces or more.",
        ("Between one part for each worker and one for each piece there is room. Put some pieces together.",),
    )
