"""Exercises 0a and 0b, of lesson 00: a first task, and three of them. They teach how checks work."""

from ..judging.evidence import Evidence, as_list, is_reference
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.sharing_out import no_tasks, not_fetched
from ..judging.verdict import Finding
from ..watching.schedule import count

NAME, GREETING = "Ada", "Hello, Ada!"
NUMBERS = (4, 10, 28)
TOTAL = sum(NUMBERS)


def judge_first(evidence: Evidence) -> Finding:
    """Say whether a task made the greeting."""
    mistake = first_of(
        evidence, stopped, raised, references_returned, no_tasks, another_greeting, not_fetched
    )
    if mistake is not None:
        return mistake
    return Finding("passed", f"a worker made the greeting: {GREETING!r}. That was your first task.")


FIRST = Exercise("exercise 0a, a first task", (GREETING,), judge_first, lambda: (NAME,))


def another_greeting(evidence: Evidence) -> Finding | None:
    """Not the greeting."""
    if evidence.result == GREETING:
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.100}.",
        f"for the name {NAME!r} the text {GREETING!r}.",
        (
            "Compare letter by letter: the comma, the space, the exclamation mark.",
            "The check uses a name of its own. Use what your function is given.",
        ),
    )


def judge_second(evidence: Evidence) -> Finding:
    """Say whether three tasks were made, and their results added."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        no_tasks,
        too_few_tasks,
        results_returned,
        another_total,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    return Finding("passed", f"{count(len(evidence.siblings), 'task')}, and the sum of their results.")


SECOND = Exercise("exercise 0b, three tasks", (TOTAL / 2,), judge_second, lambda: (list(NUMBERS),))


def too_few_tasks(evidence: Evidence) -> Finding | None:
    """Fewer tasks than numbers."""
    made = len(evidence.siblings)
    if made >= len(NUMBERS):
        return None
    return Finding(
        "too-few-tasks",
        f"there is only {count(made, 'task')}.",
        f"{len(NUMBERS)} tasks, one for each number.",
        ("Call half.remote for each of the numbers: [half.remote(n) for n in numbers].",),
    )


def results_returned(evidence: Evidence) -> Finding | None:
    """A list, where its sum was asked for."""
    if as_list(evidence.result) is None:
        return None
    return Finding(
        "not-added",
        f"your function returned {evidence.result!r:.100}: the results, one by one.",
        "one number, their sum.",
        ("sum(...) adds up a list.",),
    )


def another_total(evidence: Evidence) -> Finding | None:
    """Not the sum."""
    if not is_reference(evidence.result) and evidence.result == TOTAL / 2:
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.100}.",
        f"for the numbers {list(NUMBERS)} the sum of their halves, {TOTAL / 2:g}.",
        ("Fetch what the tasks computed with ray.get, and add that up.",),
    )
