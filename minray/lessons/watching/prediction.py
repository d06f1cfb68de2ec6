"""Predict, run, compare: a question before an experiment, and its answer from the events afterwards.

::

    guess = predict("How long ...?")     a slider in the notebook (text where there is none)
    refs = [...]; ray.get(refs)          the experiment
    compare(guess, plan, refs)           your number, a simulated schedule, the recorded one
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..basics.clock import time_scale
from ..basics.display import show
from ..basics.session import event_store, task_id
from .picture import as_html
from .recording import as_schedule, read_when, with_producers
from .schedule import Schedule, count

CLOSE_ENOUGH = 0.5  # units by which a prediction may differ and still count as right


class Prediction:
    """A question and what the learner answered.

    Made by `predict`. Move the slider, or call `set` where there is no slider.
    """

    def __init__(self, question: str, upto: float, step: float, unit: str) -> None:
        self.question = question
        self.unit = unit
        self._upto = upto
        self._step = step
        self._value: float | None = None

    @property
    def value(self) -> float | None:
        """The learner's number; None as long as the slider was not touched."""
        return self._value

    @property
    def answer(self) -> str:
        """The learner's number in words, with its unit."""
        return "nothing yet" if self._value is None else f"{self._value:g} {self.unit}".rstrip()

    def set(self, value: float) -> None:
        """Predict by typing: the same as moving the slider."""
        self._value = float(value)

    def __repr__(self) -> str:
        return f"{self.question} Your prediction: {self.answer}."

    def widget(self) -> Any:  # noqa: ANN401 - ipywidgets has no types
        """The question with a slider below it, that works with the keyboard as well.

        Raises:
            ImportError: ipywidgets is not installed.
        """
        import ipywidgets  # type: ignore[import-untyped]

        digits = ".0f" if float(self._step).is_integer() else ".1f"
        slider = ipywidgets.FloatSlider(
            min=0, max=self._upto, step=self._step, value=self._value or 0, readout_format=digits,
            description=self.unit, style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="36em"),
        )  # fmt: skip
        slider.observe(lambda change: self.set(change["new"]), names="value")
        question = ipywidgets.HTML(f"<b>Predict:</b> {escape(self.question)}")
        return ipywidgets.VBox([question, slider])


def predict(question: str, upto: float, step: float = 0.5, unit: str = "units") -> Prediction:
    """Ask for a prediction before an experiment.

    Args:
        question: what to predict.
        upto: the largest answer that the slider offers; the smallest is 0.
        step: the slider's step.
        unit: what the number counts.

    Returns:
        The prediction; its `value` changes when the learner moves the slider.

    Example:
        >>> guess = predict("How long will the five naps take together?", upto=15)
        >>> guess.set(4)
        >>> guess.value
        4.0
    """
    guess = Prediction(question, upto, step, unit)
    hint = "(No slider here? Then write your number into a cell: the prediction's name, .set(number).)"
    show(guess.widget, f"Predict: {question}\n{hint}")
    return guess


@dataclass(frozen=True)
class Comparison:
    """Schedules, and what there is to say about them; a notebook shows them as pictures."""

    sentences: tuple[str, ...]
    schedules: tuple[Schedule, ...]

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, *map(repr, self.schedules)])

    def _repr_html_(self) -> str:
        words = "".join(f"<div>{escape(sentence)}</div>" for sentence in self.sentences)
        return words + as_html(self.schedules)


def happened(refs: Sequence[Any], title: str = "Recorded", labels: Sequence[str] = ()) -> Schedule:
    """The schedule that really happened, read from the recorded events.

    Args:
        refs: references to results of the tasks; tasks whose results those needed are shown too.
        title: a line above the picture.
        labels: what to write on each task, in the order of submission.

    Raises:
        RaySystemError: no session is running.
    """
    wanted = {task_id(ref) for ref in refs}
    recording = read_when(
        event_store(),
        lambda found: (
            wanted <= {task.task_id for task in found.tasks}
            and all(task.done for task in with_producers(found, wanted))
        ),
    )
    return as_schedule(with_producers(recording, wanted), recording.calls, time_scale(), title, labels)


def compare(
    guess: Prediction | None, plan: Schedule, refs: Sequence[Any], labels: Sequence[str] = ()
) -> Comparison:
    """Put a prediction beside the simulated schedule and the one that the events recorded.

    Args:
        guess: what `predict` returned, or None if nothing was asked.
        plan: what `simulate` returned.
        refs: references to the results of the experiment's tasks.
        labels: what to write on the recorded tasks, in the order of submission; by default what the plan
            says, if it has as many tasks.

    Raises:
        RaySystemError: no session is running.
    """
    if not labels:
        labels = [slot.label for slot in plan.work]
    recorded = happened(refs, labels=labels)
    plan = plan.with_names([slot.name for slot in recorded.work])
    return Comparison(tuple(verdict_on(guess, plan, recorded, time_scale())), (plan, recorded))


def draw(*schedules: Schedule) -> Comparison:
    """Show schedules as pictures, one above the other.

    Example:
        >>> draw(simulate(range(16), workers=8), simulate(range(16), workers=4))
    """
    return Comparison((), schedules)


def verdict_on(guess: Prediction | None, plan: Schedule, recorded: Schedule, scale: float) -> list[str]:
    """Say in words how prediction, simulation and recording relate."""
    words = [
        f"Simulated: {plan.total:.1f} units. Recorded: {recorded.total:.1f} units, "
        f"with at most {count(recorded.at_once, 'task')} at once."
    ]
    if guess is not None and guess.value is None:
        words.insert(0, "You made no prediction. Guess next time: being wrong is what makes it stick.")
    elif guess is not None and guess.value is not None:
        close = abs(guess.value - plan.total) <= CLOSE_ENOUGH
        remark = "as the simulation does." if close else "what actually happens is in the rows below."
        words.insert(0, f"You predicted {guess.answer}; {remark}")
    if recorded.total > plan.total * 1.25 + 0.5:
        words.append(
            "The recording is longer than the simulation, which knows nothing of other programs on this "
            f"machine, nor of the moment it takes to hand a task over (a unit is {scale:g} s here). "
            "Run the experiment again to see how much of it was chance."
        )
    return words
