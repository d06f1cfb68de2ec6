"""Measurements of a lesson: sizes around the crossing, models, and points that reach the event store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minray
from minray.gcs.store import connect_readonly
from minray.lessons import Experiment, bracket
from minray.lessons.basics.session import event_store
from minray.lessons.experiments import experiment


@given(st.floats(1e-6, 1e-2), st.floats(1e-9, 1e-3), st.integers(1, 64), st.integers(2, 20))
def test_the_sizes_rise_and_enclose_the_expected_crossing(
    overhead: float, cost: float, workers: int, points: int
) -> None:
    sizes = bracket(overhead, cost, workers, points)
    assert sizes == sorted(set(sizes))
    assert 1 <= len(sizes) <= points
    middle = overhead / (cost * (1 - 1 / workers) if workers > 1 else cost)
    assert sizes[0] <= max(1, middle)
    assert sizes[-1] >= min(middle, sizes[-1])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Local: 2 a unit; remote: 100 and 1 a unit."""
    monkeypatch.setattr(experiment, "record_point", lambda *point: None)
    made = Experiment("made up", "units")
    for x in (1, 10, 100, 1000):
        for wobble in (0.99, 1.0, 1.01):
            made.add("local", x, 2 * x * wobble)
            made.add("remote", x, (100 + x) * wobble)
    return made


def test_the_models_cross_where_they_should(measured: Experiment) -> None:
    found = measured.crossover()
    assert found
    assert found.low <= found.x <= found.high
    assert found.x == pytest.approx(100, rel=0.05)
    assert "faster from about" in repr(measured)


def test_curves_that_do_not_cross_are_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "record_point", lambda *point: None)
    made = Experiment("made up")
    assert made.conclusion() == "The two curves do not cross."
    for x in (1, 10):
        made.add("local", x, x)
        made.add("remote", x, 5 + 2 * x)
    assert made.conclusion() == "The two curves do not cross."


def test_the_figure_says_in_its_title_what_it_shows(measured: Experiment) -> None:
    assert "a task pays from about" in measured.plot().title.text


def test_each_trial_is_a_point_in_the_event_store() -> None:
    minray.init(num_cpus=1, include_dashboard=False)
    made = Experiment("three trials")
    made.measure("local", 7, lambda: None, trials=3)
    db = connect_readonly(event_store())
    points = db.execute("SELECT name, series, x FROM experiments").fetchall()
    db.close()
    minray.shutdown()
    assert points == [("three trials", "local", 7.0)] * 3
