"""Exercise 4: many tiny pieces of work in few tasks; right is a task for each of some batches."""

from ..judging.evidence import Evidence
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, nothing_returned, raised, references_returned, stopped
from ..judging.sharing_out import get_between, no_tasks, not_fetched, one_big_task, wrong_values
from ..judging.verdict import Finding
from ..watching.schedule import count

NUMBERS = tuple(range(3, 403))
REMAINDERS = tuple(number % 7 for number in NUMBERS)
MOST = len(NUMBERS) // 10  # tasks; on average ten numbers in each at least


def judge(evidence: Evidence) -> Finding:
    """Say whether the work came in batches, and in enough of them to keep all workers busy."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        nothing_returned,
        no_tasks,
        one_big_task,
        too_many_tasks,
        wrong_values,
        get_between,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    tasks = len(evidence.siblings)
    return Finding(
        "passed", f"{len(NUMBERS)} numbers in {count(tasks, 'task')}: about {len(NUMBERS) // tasks} in each."
    )


EXERCISE = Exercise("exercise 4, batches", REMAINDERS, judge, lambda: (list(NUMBERS),))


def too_many_tasks(evidence: Evidence) -> Finding | None:
    """A task for every number, or nearly."""
    tasks = len(evidence.siblings)
    if tasks <= MOST:
        return None
    return Finding(
        "too-many-tasks",
        f"{tasks} tasks for {len(NUMBERS)} numbers: nearly all the time went into handing them over.",
        f"at most {MOST} tasks, each with a batch of numbers.",
        (
            "What would a task need to be given, if it is to do the work of many?",
            "Make a task that takes a list, and returns a list: def many(batch).",
            "Cut the list in slices: numbers[start:start + size] for start in range(0, len(numbers), size).",
        ),
    )
