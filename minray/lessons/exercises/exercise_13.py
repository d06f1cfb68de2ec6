"""Exercise 13: tasks that hold the handle of one actor, and tell it their results themselves.

Right is: a task for each number, all of them submitted at once; each adds its square to the one actor and
waits until that is done; the driver waits for the tasks, and only then asks for the total.
"""

from ..judging.evidence import Evidence, rounds_of_submission
from ..judging.exercise import Exercise
from ..judging.mistakes import first_of, raised, references_returned, stopped
from ..judging.verdict import Finding
from ..watching.recording import RecordedTask
from .exercise_12 import actors, method_calls, no_actor, several_actors

NUMBERS = (2, 1, 3, 2)
TOTAL = 18


def judge(evidence: Evidence) -> Finding:
    """Say whether the tasks told the actor, and whether the total was asked for when it was complete."""
    mistake = first_of(
        evidence,
        stopped,
        raised,
        references_returned,
        no_actor,
        several_actors,
        too_few_tasks,
        get_between_tasks,
        driver_in_between,
        asked_too_early,
        wrong_total,
        right_by_luck,
    )
    if mistake is not None:
        return mistake
    return Finding(
        "passed",
        f"{len(_workers(evidence))} tasks, and each told the one actor what it had found. "
        "The total was asked for when all of them had.",
    )


EXERCISE = Exercise("exercise 13, tasks that tell an actor", (TOTAL,), judge, lambda: (list(NUMBERS),))


def _workers(evidence: Evidence) -> tuple[RecordedTask, ...]:
    return tuple(task for task in evidence.recording.tasks if task.kind == "NORMAL_TASK")


def too_few_tasks(evidence: Evidence) -> Finding | None:
    """The squaring is done by the driver, by one task, or by the actor."""
    tasks = len(_workers(evidence))
    if tasks >= len(NUMBERS):
        return None
    return Finding(
        "no-tasks" if tasks == 0 else "too-few-tasks",
        f"there is an actor, but {'no task' if tasks == 0 else f'only {tasks} of {len(NUMBERS)} tasks'}: "
        "the squares were computed one after the other.",
        f"{len(NUMBERS)} tasks that compute side by side, one for each number.",
        (
            "An actor answers one call at a time. Which part of the work can be done by many at once?",
            "Write a task that takes a number and the handle: def square_into(n, total).",
        ),
    )


def get_between_tasks(evidence: Evidence) -> Finding | None:
    """A task is awaited before the next one is submitted."""
    calls = tuple(call for call in evidence.recording.calls if call.caller is None)
    rounds = rounds_of_submission(_workers(evidence), calls)
    if rounds == 1:
        return None
    return Finding(
        "get-in-the-loop",
        f"you waited {rounds - 1} times before the last task was submitted, so they ran one after the other.",
        "all tasks submitted first, and then one ray.get for all of them.",
        ("Collect the references in a list, and call ray.get once, after the loop.",),
    )


def driver_in_between(evidence: Evidence) -> Finding | None:
    """The driver fetches the squares and carries them to the actor."""
    numbers = {task.number for task in _workers(evidence)}
    told = {call.parent for call in method_calls(evidence)} & numbers
    if len(told) == len(numbers):
        return None
    return Finding(
        "driver-in-between",
        f"{len(told)} of {len(numbers)} tasks called the actor; the rest went through your hands.",
        "each task tells the actor itself.",
        (
            "A handle is a value like any other. Whom could you give it to?",
            "Pass total to the task as a second argument, and call total.add.remote(...) in the task.",
        ),
    )


def asked_too_early(evidence: Evidence) -> Finding | None:
    """The total was asked for before all squares had been added."""
    calls = method_calls(evidence)
    asked = [call.submitted for call in calls if call.parent is None]
    added = [call.finished or float("inf") for call in calls if call.parent is not None]
    if not asked or max(asked) >= max(added):
        return None
    return Finding(
        "asked-too-early",
        "you asked the actor for its total while some squares were still to come. "
        f"Your function returned {evidence.result!r:.80}.",
        f"the total of all squares, {TOTAL}.",
        (
            "An actor keeps the order of the calls of one caller. Between callers there is no order.",
            "Wait for the tasks with ray.get before you ask for the total.",
            "A task that only submits its call may be over before the call is done: "
            "ray.get(total.add.remote(...)) in the task waits for it.",
        ),
    )


def wrong_total(evidence: Evidence) -> Finding | None:
    """Another number than the total."""
    if evidence.result == TOTAL and actors(evidence):
        return None
    return Finding(
        "wrong-values",
        f"your function returned {evidence.result!r:.200}.",
        f"for the numbers {list(NUMBERS)} the sum of their squares, {TOTAL}.",
        ("Does every task add n * n, and does your function return what total.read gives?",),
    )


def right_by_luck(evidence: Evidence) -> Finding | None:
    """Nobody waited for the calls that add: they happened to be done in time."""
    numbers = {task.number for task in _workers(evidence)}
    waited = {call.caller for call in evidence.recording.calls} & numbers
    fetched = sum(call.ready for call in evidence.recording.calls if call.caller is None)
    if waited == numbers or fetched > 2 * len(numbers):
        return None
    return Finding(
        "right-by-luck",
        "the total is right, but by luck: your tasks did not wait until the actor had added their squares.",
        "certainty that everything was added before you ask.",
        (
            "add.remote only submits the call. What if the actor is busy, and your question comes first?",
            "In the task, write ray.get(total.add.remote(n * n)).",
        ),
    )
