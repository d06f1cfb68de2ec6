"""Predict, run, compare: with and without a notebook, and against events of a running session."""

from types import ModuleType

import pytest

from minray.exceptions import RaySystemError
from minray.lessons import compare, happened, predict, simulate
from minray.lessons.basics import display
from minray.lessons.watching import prediction
from minray.lessons.watching.prediction import Prediction, verdict_on


@pytest.fixture
def short_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINRAY_TIME_SCALE", "0.01")


def test_without_a_notebook_the_question_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    guess = predict("How long?", upto=9)
    printed = capsys.readouterr().out
    assert printed.startswith("Predict: How long?")
    assert ".set(number)" in printed
    assert guess.value is None
    guess.set(4)
    assert guess.value == 4.0
    assert "4 units" in repr(guess)


def test_in_a_notebook_the_slider_sets_the_prediction() -> None:
    guess = Prediction("How <b>long</b>?", 9, 0.5, "units")
    question, slider = guess.widget().children
    assert "&lt;b&gt;" in question.value
    assert guess.value is None  # an untouched slider is no prediction of 0
    slider.value = 6.5
    assert guess.value == 6.5


def test_a_prediction_is_said_in_words_with_its_unit_even_if_there_is_none() -> None:
    guess = Prediction("How many?", 9, 1, "calls")
    assert guess.answer == "nothing yet"
    guess.set(3)
    assert guess.answer == "3 calls"
    assert guess.widget().children[1].readout_format == ".0f", "what is counted has no decimals"
    bare = Prediction("Which number?", 9, 1, "")
    bare.set(3)
    assert bare.answer == "3"


def test_what_a_notebook_is_sent_has_a_text_for_front_ends_without_widgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import IPython.display

    sent: list[dict[str, str]] = []
    monkeypatch.setattr(display, "in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda bundle, raw: sent.append(bundle))
    predict("How long?", upto=9)
    assert sent[0]["text/plain"].startswith("Predict: How long?")
    assert "application/vnd.jupyter.widget-view+json" in sent[0]


def test_without_ipywidgets_the_text_has_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def not_installed(self: Prediction) -> None:
        raise ImportError("no ipywidgets")

    monkeypatch.setattr(display, "in_notebook", lambda: True)
    monkeypatch.setattr(prediction.Prediction, "widget", not_installed)
    predict("How long?", upto=9)
    assert "Predict: How long?" in capsys.readouterr().out


def test_the_words_say_how_prediction_simulation_and_recording_relate() -> None:
    plan, recorded = simulate([4], workers=1), simulate([4.1], workers=1)
    guess = Prediction("?", 9, 1, "units")
    assert "no prediction" in verdict_on(guess, plan, recorded, 1)[0]
    guess.set(4)
    assert "as the simulation does" in verdict_on(guess, plan, recorded, 1)[0]
    guess.set(9)
    assert "in the rows below" in verdict_on(guess, plan, recorded, 1)[0]
    assert verdict_on(None, plan, recorded, 1) == [
        "Simulated: 4.0 units. Recorded: 4.1 units, with at most 1 task at once."
    ]


def test_a_recording_that_took_much_longer_is_explained() -> None:
    plan, recorded = simulate([4], workers=1), simulate([9], workers=1)
    assert "other programs" in verdict_on(None, plan, recorded, 0.02)[-1]


@pytest.mark.usefixtures("short_units")
def test_tasks_that_just_ran_are_compared_with_the_simulation(ray_session: ModuleType) -> None:
    def square(n: int) -> int:
        from minray.lessons import nap

        nap(n)
        return n * n

    task = ray_session.remote(square)
    refs = [task.remote(n) for n in range(1, 5)]
    ray_session.get(refs)
    plan = simulate(range(1, 5), workers=2)
    result = compare(None, plan, refs)
    simulated, recorded = result.schedules
    assert [slot.name for slot in simulated.work] == ["square"] * 4
    assert [slot.label for slot in recorded.work] == ["1", "2", "3", "4"]
    assert all(slot.end - slot.start >= units for slot, units in zip(recorded.work, range(1, 5), strict=True))
    assert recorded.rows[0] == "driver"
    assert "<svg" in result._repr_html_()
    assert "Recorded" in repr(result)


@pytest.mark.usefixtures("short_units")
def test_tasks_whose_results_were_needed_are_shown_too(ray_session: ModuleType) -> None:
    one = ray_session.remote(lambda: 1)
    add = ray_session.remote(lambda left, right: left + right)
    total = add.remote(one.remote(), one.remote())
    assert ray_session.get(total) == 2
    assert len(happened([total]).work) == 3


def test_comparing_without_a_session_says_so() -> None:
    with pytest.raises(RaySystemError, match="no session"):
        happened([])
