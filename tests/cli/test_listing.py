"""`minray list` and `minray summary`: what a session did, from the command line."""

import json
from types import ModuleType

import pytest

from minray.__main__ import main


@pytest.fixture
def session_with_tasks(ray_session: ModuleType) -> ModuleType:
    """A running session in which two tasks have ended."""

    @ray_session.remote
    def square(n: int) -> int:
        return n * n

    ray_session.get([square.options(name=f"square {n}").remote(n) for n in range(2)])
    assert len(ray_session.util.state.list_tasks()) == 2  # so the events have been written
    return ray_session


def test_tasks_are_a_table_with_a_line_each(
    session_with_tasks: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "tasks", "--filter", "name=square 1"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["task_id", "attempt_number", "name"]
    assert "square 1" in line
    assert line.index("square 1") == head.index("name")


def test_details_are_json_also_of_a_session_that_has_ended(
    session_with_tasks: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    session_with_tasks.shutdown()
    assert main(["list", "tasks", "--detail", "--limit", "1"]) == 0
    (task,) = json.loads(capsys.readouterr().out)
    assert task["state"] == "FINISHED"
    assert main(["list", "actors"]) == 0
    assert capsys.readouterr().out == "(none)\n"


def test_a_summary_counts(session_with_tasks: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "tasks"]) == 0
    assert json.loads(capsys.readouterr().out)["total_tasks"] == 2


@pytest.mark.parametrize(
    "words", [["list", "tasks", "--filter", "stat=x"], ["list", "tasks", "--filter", "x"]]
)
def test_a_filter_that_makes_no_sense_is_said_to(
    session_with_tasks: ModuleType, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 1
    assert "filter" in capsys.readouterr().err


def test_a_session_that_is_not_there_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("list", "summary"):
        assert main([command, "tasks", "--session", "nothing"]) == 1
        assert "no recording of nothing" in capsys.readouterr().err
