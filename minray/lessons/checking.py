"""`check`: runs a learner's function, watches the events, and says what it thinks of it.

::

    check(1, squares) -> run the function under guard -> read result and events -> judge -> Verdict

A check passes a right answer on any machine, however slow or busy: it looks at what the function
returned and at the order of what happened, never at a clock.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .basics import faults
from .basics.clock import slow_value, time_scale
from .basics.session import cpus, event_store, is_running, node_ids, remote
from .exercises import (
    exercise_00,
    exercise_01,
    exercise_01b,
    exercise_02,
    exercise_03,
    exercise_04,
    exercise_05,
    exercise_06,
    exercise_07,
    exercise_08,
    exercise_09,
    exercise_10,
    exercise_11,
    exercise_12,
    exercise_13,
    exercise_14,
    exercise_15,
)
from .judging.evidence import Evidence
from .judging.guard import run_guarded
from .judging.verdict import Finding, HintSteps, Verdict
from .watching.recording import Recording, as_schedule, mark, read, read_when
from .watching.schedule import Schedule, count


@dataclass(frozen=True)
class Exercise:
    """What a check has to know about an exercise.

    Attributes:
        title: its name, for the learner.
        expected: the values that a right answer returns.
        judge: from the evidence of one run to a finding.
        arguments: makes the arguments that the answer is called with.
        given: how many references are among those.
        timeout: the timeout among those, in units.
        nodes: how many nodes it needs.
    """

    title: str
    expected: tuple[Any, ...]
    judge: Callable[[Evidence], Finding]
    arguments: Callable[[], tuple[Any, ...]]
    given: int = 0
    timeout: float | None = None
    nodes: int = 1


def _some_references() -> tuple[Any, ...]:
    task = remote(slow_value)
    pairs = zip(exercise_02.UNITS, exercise_02.VALUES, strict=True)
    return [task.remote(units, value) for units, value in pairs], exercise_02.TIMEOUT * time_scale()


EXERCISES: dict[int | str, Exercise] = {
    "0a": Exercise(
        exercise_00.FIRST_TITLE, (exercise_00.GREETING,), exercise_00.judge_first, lambda: (exercise_00.NAME,)
    ),
    "0b": Exercise(
        exercise_00.SECOND_TITLE, (exercise_00.TOTAL / 2,), exercise_00.judge_second,
        lambda: (list(exercise_00.NUMBERS),),
    ),
    1: Exercise(
        exercise_01.TITLE, exercise_01.SQUARES, exercise_01.judge, lambda: (list(exercise_01.NUMBERS),)
    ),
    "1b": Exercise(
        exercise_01b.TITLE, (exercise_01b.RIGHT,), exercise_01b.judge,
        lambda: (list(exercise_01b.NAPS), exercise_01b.WORKERS),
    ),
    2: Exercise(
        exercise_02.TITLE, exercise_02.VALUES, exercise_02.judge, _some_references,
        given=len(exercise_02.VALUES), timeout=exercise_02.TIMEOUT,
    ),
    3: Exercise(
        exercise_03.TITLE, exercise_01.SQUARES, exercise_03.judge, lambda: (list(exercise_01.NUMBERS),)
    ),
    4: Exercise(
        exercise_04.TITLE, exercise_04.REMAINDERS, exercise_04.judge, lambda: (list(exercise_04.NUMBERS),)
    ),
    5: Exercise(exercise_05.TITLE, exercise_05.UNITS, exercise_05.judge, lambda: (list(exercise_05.UNITS),)),
    6: Exercise(
        exercise_06.TITLE, (exercise_06.COPIED,), exercise_06.judge, lambda: (list(exercise_06.STEPS),)
    ),
    7: Exercise(
        exercise_07.TITLE, (exercise_07.TOTAL,), exercise_07.judge, exercise_07.arrays, given=2, nodes=3
    ),
    8: Exercise(exercise_08.TITLE, exercise_08.samples(), exercise_08.judge, exercise_08.arguments),
    9: Exercise(
        exercise_09.TITLE, (exercise_09.TOTAL,), exercise_09.judge,
        lambda: ([remote(slow_value).remote(0.2, value) for value in exercise_09.VALUES],),
        given=len(exercise_09.VALUES),
    ),
    10: Exercise(exercise_10.TITLE, (exercise_10.TOTAL,), exercise_10.judge, exercise_10.numbers),
    11: Exercise(exercise_11.TITLE, exercise_11.LABELS, exercise_11.judge, exercise_11.requests),
    12: Exercise(
        exercise_12.TITLE, exercise_12.COUNTS, exercise_12.judge, lambda: (list(exercise_12.WORDS),)
    ),
    13: Exercise(
        exercise_13.TITLE, (exercise_13.TOTAL,), exercise_13.judge, lambda: (list(exercise_13.NUMBERS),)
    ),
    14: Exercise(exercise_14.TITLE, exercise_14.RESULTS, exercise_14.judge, faults.some_that_fail),
    15: Exercise(
        exercise_15.TITLE, exercise_15.VALUES, exercise_15.judge,
        lambda: faults.some_that_race(exercise_15.UNITS, exercise_15.VALUES),
    ),
}  # fmt: skip

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
    start = mark(store)
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
