"""`check`: runs a learner's function, watches the events, and says what it thinks of it.

::

    check(1, squares) -> run the function under guard -> read result and events -> judge -> Verdict

A check passes a right answer on any machine, however slow or busy: it looks at what the function
returned and at the order of what happened, never at a clock.
"""

import time
from collections.abc import Callable
from typing import Any

from .basics.clock import time_scale
from .basics.session import cpus, event_store, is_running, node_ids
from .exercises.table import EXERCISES
from .judging.evidence import Evidence
from .judging.exercise import Exercise
from .judging.guard import run_guarded
from .judging.verdict import Finding, HintSteps, Verdict
from .watching.recording import Recording, as_schedule, bookmark, read, read_when
from .watching.schedule import Schedule, count

OTHER_NODES = 0.5  # seconds; what other nodes note of their copies comes a little after the tasks' ends
ENDLESS = 20  # a loop in which wait named every result so many times will not end

_steps = HintSteps()


def check(number: int | str, answer: Callable[..., Any]) -> Verdict:
    """Check the answer to an exercise: call it, watch what it does, and say what to make of it.

    Args:
        number: the exercise's number; of some the name, such as "0a".
        answer: the learner's function.

    Returns:
        A verdict; as the last line of a cell it is shown, with a picture of what the tasks did and, if
        something is missing, with a hint. The same mistake once more brings the next hint.

    Raises:
        ValueError: there is no exercise of that number.

    Example:
        >>> check(1, squares)
        Passed: exercise 1, squares as tasks
          What I saw: 5 tasks, all submitted before you asked for the first result. ...
    """
    if number not in EXERCISES:
        there_are = ", ".join(map(repr, EXERCISES))
        raise ValueError(f"There is no exercise {number!r}; there are {there_are}.")
    exercise = EXERCISES[number]
    obstacle = _cannot_run(answer, exercise)
    finding, seen = (obstacle, Schedule("", ())) if obstacle else _examine(exercise, answer)
    return Verdict(exercise.title, finding, _steps.next(number, finding), seen)


def forget_hints() -> None:
    """Begin again with the first hint of each exercise."""
    _steps.clear()


def _cannot_run(answer: object, exercise: Exercise) -> Finding | None:
    """Why the answer cannot even be called."""
    expected = "a function of yours, written without parentheses."
    if hasattr(answer, "remote"):
        hint = (
            "Leave the function that you check as it is, and make the small function that it calls the task."
        )
        return Finding("answer-is-a-task", "this function is itself a task.", expected, (hint,))
    if not callable(answer):
        hint = "Write check(1, squares) rather than check(1, squares(numbers)): the check calls it for you."
        return Finding("not-a-function", f"I was given a {type(answer).__name__}.", expected, (hint,))
    if not is_running():
        hint = "Run the cell with ray.init near the top of the lesson, then check again."
        return Finding(
            "no-session", "no session is running, so no task can run.", "a running session.", (hint,)
        )
    if len(node_ids()) < exercise.nodes:
        happened = f"the session has {count(len(node_ids()), 'node')}."
        hint = f"Call ray.shutdown(), and then ray.init(num_nodes={exercise.nodes}, num_cpus=2)."
        return Finding("too-few-nodes", happened, f"{exercise.nodes} nodes.", (hint,))
    return None


def _examine(exercise: Exercise, answer: Callable[..., Any]) -> tuple[Finding, Schedule]:
    """Run the answer, collect the evidence, and have it judged."""
    store, scale = event_store(), time_scale()
    start = bookmark(store)
    arguments = exercise.arguments()
    outcome = run_guarded(lambda: answer(*arguments), lambda: _goes_in_circles(read(store, start)))
    recording = read_when(event_store(), lambda found: found.all_done, start)
    if exercise.nodes > 1:
        time.sleep(OTHER_NODES)
        recording = read(event_store(), start)
    evidence = Evidence(
        recording,
        exercise.expected,
        outcome.result,
        outcome.error,
        outcome.stopped,
        cpus(),
        exercise.given,
        exercise.timeout * scale if exercise.timeout else None,
    )
    seen = as_schedule(recording.tasks, recording.calls, scale, "What your function did")
    return exercise.judge(evidence), seen


def _goes_in_circles(recording: Recording) -> bool:
    """Whether the driver's calls of `wait` brought so many results that they must be the same ones again."""
    brought = sum(call.ready for call in recording.calls if call.kind == "wait" and call.caller is None)
    return brought > ENDLESS * max(1, len(recording.tasks))
