"""`check` on a session of three nodes: exercise 7, in which it matters where a task runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_checking import ON_NODES, assert_caught
from test_notebooks import answer_of

import minray
from minray.lessons import check, checking


@pytest.fixture(scope="module", autouse=True)
def _three_nodes() -> Iterator[None]:
    minray.init(num_nodes=3, num_cpus=2, include_dashboard=False)
    yield
    minray.shutdown()


@pytest.fixture(autouse=True)
def _forget_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_steps", checking.HintSteps())


@pytest.mark.parametrize("path", ON_NODES, ids=lambda path: path.stem)
def test_a_misconception_about_nodes_is_caught_and_gets_its_hint(path: Path) -> None:
    assert_caught(path)


def test_leaving_the_choice_to_the_scheduler_is_right() -> None:
    @minray.remote
    def add_up(one: Any, other: Any) -> float:  # noqa: ANN401
        return float(one.sum() + other.sum())

    assert check(7, lambda large, small: minray.get(add_up.remote(large, small))).passed


@pytest.mark.parametrize("solved", [False, True])
def test_the_starter_fails_kindly_and_the_solution_passes(solved: bool) -> None:
    verdict = check(7, answer_of("04_under_the_hood", 7, "add_both", solved=solved))
    assert verdict.passed == solved, verdict
    assert solved or verdict.finding.name == "large-copied"
