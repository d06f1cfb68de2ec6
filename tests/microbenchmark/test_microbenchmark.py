"""`minray microbenchmark` measures what it says, prints tables, draws them, and leaves nothing behind."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import minray as ray
from minray.microbenchmark.benchmark import Benchmark, Measurement, Reading, measure
from minray.microbenchmark.main import main
from minray.microbenchmark.picture import svg
from minray.microbenchmark.report import as_markdown, comparison
from minray.microbenchmark.runner import Plan, run_engine

OURS = Measurement("round trips", "trips/s", (4000.0, 5000.0, 6000.0))
THEIRS = Measurement("round trips", "trips/s", (500.0,))


def names_in(output: str) -> list[str]:
    return [line[:46].rstrip() for line in output.splitlines()]


def test_the_command_prints_a_line_for_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0
    output = capsys.readouterr().out
    names = names_in(output)
    for name in (
        *("memcpy of 800 MB", "raw 4-hop echo", "start-up to first result", "single client put gigabytes"),
        *("single client wait 1k refs", "single client tasks sync", "n:n actor calls with arg async"),
        *(
            "1:1 async-actor calls with args async",
            "placement group create/removal",
        ),
    ):
        assert name in names
    failed = [line for line in output.splitlines() if line[46:].split()[:1] == ["-"] and "worth" not in line]
    assert not failed
    assert not ray.is_initialized()


def test_other_engines_do_the_same_work_and_absent_ones_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = {kind: tmp_path / kind for kind in ("json", "markdown", "picture")}
    arguments = [part for kind, path in files.items() for part in (f"--{kind}", str(path))]
    arguments += ["--quick", "--match", "tasks sync", "--vs", "ray,concurrent.futures,multiprocessing"]
    assert main([*arguments, "--ray-python", sys.executable]) == 0
    assert "ray is absent: not installed" in capsys.readouterr().out
    found = json.loads(files["json"].read_text())
    assert set(found["engines"]) == {"minray", "concurrent.futures", "multiprocessing"}
    assert found["absent"] == {"ray": "not installed"}
    assert files["markdown"].read_text().startswith("|  | unit | minray | concurrent.futures | multi")
    ElementTree.parse(files["picture"])


def test_a_line_that_takes_too_long_is_reported_and_the_others_go_on() -> None:
    plan = Plan(repeats=1, seconds=3.0, limit=2.0, scale=0.01)
    found = {line.name: line for line in run_engine("machine", sys.executable, plan)}
    assert {name: line.problem for name, line in found.items()} == dict.fromkeys(found, "over 2 s")
    assert len(found) == 2


def test_a_selection_that_matches_nothing_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--quick", "--match", "no such line"])
    assert ended.value.code == 2
    assert "no such line" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--repeats", "0"], ["--seconds", "-1"], ["--repeats", "many"], ["--vs", "rays"]]
)
def test_wrong_options_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert wrong[0] in message or wrong[1] in message


def test_it_is_a_command_of_minray() -> None:
    command = [sys.executable, "-m", "minray", "microbenchmark", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--repeats" in done.stdout


def test_a_benchmark_is_warmed_up_and_then_run_for_each_repeat() -> None:
    runs: list[int] = []
    measured = measure(Benchmark("x", "things/s", 10, lambda: runs.append(1)), repeats=3, seconds=0)
    assert len(runs) == 4
    assert len(measured.values) == 3
    assert min(measured.values) > 0


def test_a_benchmark_may_read_its_result_itself() -> None:
    measured = measure(Benchmark("x", "MB", 1, lambda: Reading(42.0)), repeats=2, seconds=0)
    assert measured.values == (42.0, 42.0)


def test_a_row_shows_the_median_and_the_spread_or_the_problem() -> None:
    assert Measurement("x", "s", (0.5, 0.25, 1.0)).row() == ("x", "0.5", "0.25 .. 1", "s")
    assert Measurement("x", "tasks/s", (12345.6, 99.95, 4.0)).row() == ("x", "100", "4 .. 12,346", "tasks/s")
    assert Measurement("x", "s", (), "over 60 s").row() == ("x", "-", "over 60 s", "s")


def test_more_is_better_for_rates_and_less_for_times_and_sizes() -> None:
    assert OURS.times_better_than(THEIRS) == 10
    assert Measurement("x", "MB", (40.0,)).times_better_than(Measurement("x", "MB", (120.0,))) == 3
    assert OURS.times_better_than(Measurement("round trips", "trips/s", (), "it failed")) is None


def test_the_table_says_how_many_times_better_minray_is() -> None:
    rows = comparison({"minray": [OURS], "ray": [THEIRS], "loky": []})
    assert rows == [
        ["", "unit", "minray", "ray", "loky"],
        ["round trips", "trips/s", "5,000", "500 (10x)", ""],
    ]
    assert as_markdown(rows).splitlines()[-1] == "| round trips | trips/s | 5,000 | 500 (10x) |  |"


def test_the_picture_has_a_row_for_each_line_and_a_dot_for_each_engine() -> None:
    picture = ElementTree.fromstring(svg({"minray": [OURS], "ray": [THEIRS]}, "a <machine>"))
    circles = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 2, "one in the legend, one in the row"
    assert "prefers-color-scheme: dark" in ElementTree.tostring(picture, encoding="unicode")
