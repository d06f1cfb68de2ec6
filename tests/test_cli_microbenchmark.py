"""`minray microbenchmark` measures what it says, prints a table, and leaves nothing behind."""

import re
import subprocess
import sys

import pytest

import minray as ray
from minray import microbenchmark
from minray.microbenchmark import Exercise, Measurement, measure


def test_the_command_prints_a_line_for_every_exercise(capsys: pytest.CaptureFixture[str]) -> None:
    assert microbenchmark.main(["--repeats", "2", "--seconds", "0"]) == 0
    head, columns, *lines = capsys.readouterr().out.splitlines()
    assert ray.__version__ in head
    assert "median" in columns
    names = [re.split(r"\s{2,}", line)[0] for line in lines]
    assert names[0] == "start-up to first result"
    for name in ("single client tasks sync", "2,000 no-op tasks in a batch", "single client put gigabytes"):
        assert name in names
    for line in lines:
        assert re.search(r"  +[\d.,e+-]+ +[\d.,e+-]+ \.\. [\d.,e+-]+  \S", line), line
    assert not ray.is_initialized()


def test_match_selects_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert microbenchmark.main(["--repeats", "1", "--seconds", "0", "--match", "put calls"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_selection_that_matches_nothing_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        microbenchmark.main(["--match", "no such line"])
    assert ended.value.code == 2
    assert "no such line" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--repeats", "0"], ["--seconds", "-1"], ["--repeats", "many"]])
def test_wrong_numbers_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        microbenchmark.main(wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_it_is_a_command_of_minray() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "minray", "microbenchmark", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--repeats" in done.stdout


def test_an_exercise_is_warmed_up_and_then_run_for_each_repeat() -> None:
    runs: list[int] = []
    measured = measure(Exercise("x", "things/s", 10, lambda: runs.append(1)), repeats=3, seconds=0)
    assert len(runs) == 4
    assert len(measured.values) == 3
    assert min(measured.values) > 0


def test_a_row_shows_the_median_and_the_spread() -> None:
    assert Measurement("x", "s", (0.5, 0.25, 1.0)).row() == ("x", "0.5", "0.25 .. 1", "s")
    assert Measurement("x", "tasks/s", (12345.6, 99.95, 4.0)).row() == ("x", "100", "4 .. 12,346", "tasks/s")
