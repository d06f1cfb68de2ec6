"""`check` on a running session: right answers pass, and each documented misconception gets its own hint.

The answers in ``misconceptions/`` are what learners wrote (or nearly so); the line ``Expect:`` in each
names the finding that fits.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import minray
from minray.lessons import checking
from minray.lessons.checking import check

FIXTURES = sorted((Path(__file__).parents[1] / "misconceptions").glob("exercise_*.py"))
ON_NODES = [path for path in FIXTURES if path.stem.startswith("exercise_7_")]  # need three nodes


@pytest.fixture(scope="module", autouse=True)
def _lesson_session() -> Iterator[None]:
    """A session of two CPUs in which a unit is short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINRAY_TIME_SCALE", "0.03")
        minray.init(num_cpus=2, include_dashboard=False)
        yield
        minray.shutdown()


@pytest.fixture(autouse=True)
def _forget_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_steps", checking.HintSteps())


def answer_in(path: Path) -> Callable[..., Any]:
    """The function ``answer`` of a file, defined as a notebook cell defines it: in ``__main__``."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), names)
    return names["answer"]


@pytest.mark.parametrize(
    "path", [path for path in FIXTURES if path not in ON_NODES], ids=lambda path: path.stem
)
def test_a_misconception_is_caught_and_gets_its_hint(path: Path) -> None:
    assert_caught(path)


def test_an_exercise_that_needs_nodes_says_so_where_there_are_too_few() -> None:
    found = check(7, lambda one, other: None).finding
    assert found.name == "too-few-nodes"
    assert "num_nodes=3" in found.hints[0]


def assert_caught(path: Path) -> None:
    """Check the answer of a file, and compare with what it expects."""
    number = path.stem.split("_")[1]
    text = path.read_text("utf-8")
    expected = re.search(r"^Expect: (\S+)$", text, re.MULTILINE)
    assert expected, f"{path.name} does not say what it expects"
    verdict = check(int(number) if number.isdecimal() else number, answer_in(path))
    assert verdict.finding.name == expected[1], verdict
    assert not verdict.passed
    assert verdict.finding.expected
    assert verdict.finding.hints
    assert "Hint 1" in repr(verdict)


@pytest.mark.parametrize("number", checking.EXERCISES)
def test_every_exercise_has_at_least_three_documented_misconceptions(number: int | str) -> None:
    assert len([path for path in FIXTURES if path.stem.startswith(f"exercise_{number}_")]) >= 3


def remote_square() -> Any:  # noqa: ANN401 - a remote function
    def square(n: float) -> float:
        from minray.lessons import nap

        nap(n)
        return n * n

    return minray.remote(square)


def test_firing_first_and_collecting_later_passes_exercise_1() -> None:
    square = remote_square()
    verdict = check(1, lambda numbers: minray.get([square.remote(n) for n in numbers]))
    assert verdict.passed, verdict
    assert "5 tasks" in verdict.finding.happened


def test_collecting_one_by_one_after_submitting_all_passes_exercise_1() -> None:
    square = remote_square()

    def answer(numbers: list[int]) -> list[int]:
        refs = [square.remote(n) for n in numbers]
        return [minray.get(ref) for ref in refs]

    assert check(1, answer).passed


def test_one_result_at_a_time_passes_exercise_2() -> None:
    def answer(refs: list[Any], timeout: float) -> list[int]:
        results, waiting = [], refs
        while waiting:
            ready, waiting = minray.wait(waiting, timeout=timeout)
            results += minray.get(ready)
        return results

    verdict = check(2, answer)
    assert verdict.passed, verdict
    assert "ran into the timeout" in verdict.finding.happened


def test_taking_ready_ones_off_the_list_by_hand_passes_exercise_3() -> None:
    square = remote_square()

    def answer(numbers: list[int]) -> list[int]:
        waiting = [square.remote(n) for n in numbers]
        results = []
        while waiting:
            ready, _ = minray.wait(waiting, timeout=10)
            for ref in ready:
                waiting.remove(ref)
                results.append(minray.get(ref))
        return results

    verdict = check(3, answer)
    assert verdict.passed, verdict


def test_the_session_goes_on_after_an_endless_loop_was_stopped() -> None:
    endless = next(path for path in FIXTURES if path.stem == "exercise_3_list_not_shrinking")
    assert check(3, answer_in(endless)).finding.name == "list-not-shrinking"
    square = remote_square()
    assert minray.get(square.remote(0)) == 0


def test_the_same_mistake_again_brings_the_next_hint() -> None:
    def answer(numbers: list[int]) -> list[int]:
        return [n * n for n in numbers]

    assert [check(1, answer).hints_shown for _ in range(4)] == [1, 2, 3, 3]


def test_an_answer_that_is_no_function_is_explained() -> None:
    assert check(1, [0, 1, 4]).finding.name == "not-a-function"  # type: ignore[arg-type]
    assert check(1, remote_square()).finding.name == "answer-is-a-task"


def test_an_exception_names_the_line_it_came_from() -> None:
    def answer(numbers: list[int]) -> list[int]:
        return [numbers[99]]

    verdict = check(1, answer)
    assert verdict.finding.name == "raised"
    assert "IndexError (at `return [numbers[99]]`)" in verdict.finding.happened


def test_an_exception_in_a_task_is_told_as_such() -> None:
    def bad(n: int) -> int:
        raise ValueError("no good")

    task = minray.remote(bad)
    verdict = check(1, lambda numbers: minray.get([task.options(max_retries=0).remote(n) for n in numbers]))
    assert "One of your tasks raised ValueError" in verdict.finding.happened
    assert "no good" in verdict.finding.happened


def test_an_exit_in_the_answer_does_not_end_the_notebook() -> None:
    def answer(numbers: list[int]) -> list[int]:
        raise SystemExit(3)

    assert check(1, answer).finding.name == "raised"


def test_an_exercise_that_does_not_exist_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="There is no exercise 99"):
        check(99, len)
