"""Exercise 10: the sum of an array in parts; right is several tasks, and nothing left out."""

from ..judging.evidence import Evidence, is_reference
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.sharing_out import get_between, no_tasks, not_fetched, one_big_task
from ..judging.verdict import Finding
from ..watching.schedule import count

LENGTH = 100_003  # a prime number, so that no equal parts fit
MOST = 200  # tasks; more if there are many workers


def numbers() -> tuple[object, ...]:
    """The array that is to be added up."""
    import numpy as np

    return (np.arange(LENGTH, dtype=float),)


TOTAL = float(sum(range(LENGTH)))


def judge(evidence: Evidence) -> Finding:
    """Say whether several tasks added up the parts."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        no_tasks,
        one_big_task,
        wrong_total,
        get_between,
        too_few_tasks,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    return Finding("passed", f"{count(len(evidence.siblings), 'task')} added up a part each.")


EXERCISE = Exercise("exercise 10, a sum in parts", (TOTAL,), judge, numbers)


def wrong_total(evidence: Evidence) -> Finding | None:
    """Partial sums, or a sum in which something is missing."""
    result = evidence.result
    expected = f"one number, {TOTAL:,.0f} for the array of this check."
    if isinstance(result, (list, tuple)):
        return Finding(
            "partial-sums",
            f"your function returned {count(len(result), 'partial sum')}.",
            expected,
            ("The last step is missing: the sum of the sums, for which a plain sum(...) will do.",),
        )
    try:
        right = not is_reference(result) and abs(float(result) - TOTAL) < 1e-6 * TOTAL
    except (TypeError, ValueError):
        right = False
    if right:
        return None
    missing = " Some numbers are in no part, or in two." if isinstance(result, float) else ""
    return Finding(
        "wrong-values",
        f"your function returned {result!r:.100}.{missing}",
        expected,
        (
            "The length is not a multiple of the number of parts. Who adds up what is left at the end?",
            "np.array_split(array, parts) cuts an array in parts, of which none is forgotten.",
        ),
    )


def too_few_tasks(evidence: Evidence) -> Finding | None:
    """Fewer parts than workers, or thousands."""
    tasks, most = len(evidence.siblings), max(MOST, 4 * evidence.cpus)
    if min(evidence.cpus, 8) <= tasks <= most:
        return None
    few = tasks < most
    return Finding(
        "too-few-tasks" if few else "too-many-tasks",
        f"{count(tasks, 'task')} for {count(evidence.cpus, 'worker')}.",
        "a part for each worker at least." if few else f"at most {most} tasks: each has its price.",
        ('How many workers there are says ray.cluster_resources()["CPU"].',),
    )
