"""Exercise 1: turn a serial loop of squares into tasks.

Right is: every number became a task, all were submitted before the first blocking call, and the values
came back in order. Whether tasks then overlap is up to the machine, so it is told but not judged.
"""

from ..judging.evidence import Evidence, as_list, chained, rounds_of_submission, same, submitted_one_by_one
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, nothing_returned, raised, references_returned, stopped
from ..judging.verdict import Finding
from ..watching.schedule import count

NUMBERS = (2, 0, 3, 1, 4)
SQUARES = tuple(number * number for number in NUMBERS)


def judge(evidence: Evidence) -> Finding:
    """Say whether the squares were computed by tasks that could run side by side."""
    mistake = first_of(
        evidence,
        raised,
        stopped,
        references_returned,
        nothing_returned,
        too_few_tasks,
        wrong_values,
        in_a_chain,
        get_in_the_loop,
        not_fetched,
    )
    if mistake is not None:
        return mistake
    return Finding("passed", f"{_submission(evidence)}. {overlap(evidence)}")


EXERCISE = Exercise("exercise 1, squares as tasks", SQUARES, judge, lambda: (list(NUMBERS),))


def _submission(evidence: Evidence) -> str:
    tasks, waits = evidence.siblings, evidence.calls("get") + evidence.calls("wait")
    if rounds_of_submission(tasks, waits) > 1:
        return f"{len(tasks)} tasks, submitted without waiting for each result"
    return f"{len(tasks)} tasks, all submitted before you asked for the first result"


def overlap(evidence: Evidence) -> str:
    """How many tasks ran at once, and what that says."""
    most = evidence.recording.at_once
    if most > 1:
        return f"Up to {most} of them ran at the same time."
    if evidence.cpus == 1:
        return "With one CPU they had to run one after the other; with more they would share the work."
    return "This time they did not happen to overlap, but nothing in your code stands in their way."


def too_few_tasks(evidence: Evidence) -> Finding | None:
    """No tasks at all, one that does everything, or some numbers without one."""
    tasks, needed = evidence.siblings, len(evidence.expected)
    if len(tasks) >= needed:
        return None
    expected = f"{needed} tasks, one for each number."
    if not tasks:
        return Finding(
            "no-tasks",
            "no task was submitted: everything ran right here, in the notebook's own process.",
            expected,
            (
                "A function becomes a task by a decorator above its definition, and is then called in a "
                "different way.",
                "Put @ray.remote above a function that calls slow_square, and call that with .remote(n).",
                "First refs = [fast_square.remote(n) for n in numbers], then fetch the values of all refs.",
            ),
        )
    if len(tasks) == 1:
        return Finding(
            "one-big-task",
            f"one single task, {tasks[0].name}, did it all: a worker ran your loop as serially as before.",
            expected,
            (
                "The scheduler can only share out what it can see. It sees tasks, not what goes on in them.",
                "Make the small function the task, the one that squares one number, and leave the loop "
                "outside.",
            ),
        )
    return Finding(
        "too-few-tasks",
        f"there are {count(len(tasks), 'task')} for {needed} numbers.",
        expected,
        ("Does your loop run over all of the numbers, and submit a task in every round?",),
    )


def wrong_values(evidence: Evidence) -> Finding | None:
    """The values are not the squares, or not in the order of the numbers."""
    values = as_list(evidence.result) or []
    if same(values, evidence.expected, in_order=True):
        return None
    if same(values, evidence.expected, in_order=False):
        return Finding(
            "wrong-order",
            f"these are the right squares in another order: {values}.",
            f"the order of the numbers, {list(evidence.expected)}.",
            ("ray.get of a list returns the values in the order of that list, whichever was ready first.",),
        )
    return Finding(
        "wrong-values",
        f"your function returned {values!r:.200}.",
        f"for the numbers {list(NUMBERS)} the squares {list(evidence.expected)}.",
        (
            "Use the numbers that your function is given; the check chooses other ones than the example.",
            "Does every task return its square, and does the list hold each of them once?",
        ),
    )


def in_a_chain(evidence: Evidence) -> Finding | None:
    """Tasks that take results of others as arguments cannot run side by side."""
    if not chained(evidence.siblings):
        return None
    return Finding(
        "chained",
        "some of your tasks take the result of another one as an argument, so they run one after the other.",
        "tasks that do not need each other.",
        ("One square needs nothing but its number: pass only that to the task.",),
    )


def get_in_the_loop(evidence: Evidence) -> Finding | None:
    """Waiting for each result before the next task is submitted."""
    if not submitted_one_by_one(evidence):
        return None
    calls = evidence.calls("get") + evidence.calls("wait")
    rounds = rounds_of_submission(evidence.siblings, calls)
    return Finding(
        "get-in-the-loop",
        f"you waited for results {count(rounds - 1, 'time')} before the last task was even submitted, so "
        "workers stood idle.",
        "all tasks submitted before the first ray.get.",
        (
            "Look at the picture: never two tasks at a time. What does the driver do between them?",
            "ray.get blocks until the value is there. Inside the loop it also holds up the next submission.",
            "Two steps: first a list of references for all numbers, and only then one ray.get of that list.",
        ),
    )


def not_fetched(evidence: Evidence) -> Finding | None:
    """The values are right, but they cannot come from the tasks: nobody fetched those results."""
    if sum(call.count for call in evidence.calls("get")) >= len(evidence.siblings):
        return None
    return Finding(
        "not-fetched",
        "the squares are right and tasks ran, but not all of their results were fetched: some squares must "
        "come from somewhere else.",
        "the squares that the tasks computed.",
        ("Return what ray.get says the tasks computed, and nothing that you computed beside them.",),
    )
