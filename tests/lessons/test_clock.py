"""Units, naps and the stopwatch."""

import time

import pytest

from minray.lessons import nap, stopwatch, time_scale
from minray.lessons.basics.clock import SETTING


def test_a_unit_is_a_second_unless_the_setting_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert time_scale() == 1
    monkeypatch.setenv(SETTING, "0.25")
    assert time_scale() == 0.25


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf"])
def test_a_setting_that_makes_no_sense_says_what_to_do(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(SETTING, text)
    with pytest.raises(ValueError, match="positive number"):
        time_scale()


def test_a_nap_sleeps_for_its_units(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setenv(SETTING, "0.5")
    nap(3)
    assert slept == [1.5]


def test_a_stopwatch_prints_units_when_the_block_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([10.0, 10.0, 11.0, 14.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setenv(SETTING, "2")
    with stopwatch("work") as watch:
        assert watch.units == 0.5
    assert watch.units == 2.0
    assert capsys.readouterr().out == "work: 2.00 units\n"


def test_a_stopwatch_keeps_quiet_if_the_block_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), stopwatch("work"):
        raise KeyError
    assert capsys.readouterr().out == ""


def test_importing_naps_into_a_worker_does_not_import_pictures_and_checks() -> None:
    """Workers load `nap` within the first task: it has to be quick, or the recorded schedule is distorted."""
    import subprocess
    import sys

    loaded = "[m for m in sys.modules if m.startswith('minray.lessons.')]"
    code = f"import sys; from minray.lessons import nap; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['minray.lessons.basics', 'minray.lessons.basics.clock']"
