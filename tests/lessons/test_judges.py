"""The judges of the exercises on hand-made evidence: right answers pass on every machine there may be."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.lessons.exercises import (
    exercise_01,
    exercise_02,
    exercise_03,
    exercise_05,
    exercise_09,
    exercise_10,
)
from minray.lessons.judging.evidence import Evidence, rounds_of_submission, same
from minray.lessons.judging.verdict import Finding, HintSteps, Verdict
from minray.lessons.watching.recording import Call, RecordedTask, Recording

SQUARES = exercise_01.SQUARES


def task(number: int, submitted: float, started: float, finished: float, **more: Any) -> RecordedTask:  # noqa: ANN401
    worker = more.get("worker", 1)
    return RecordedTask(
        number,
        f"id{number}",
        "square",
        None,
        submitted,
        started,
        finished,
        False,
        worker,
        more.get("needs", ()),
    )


def call(kind: str, started: float, ended: float, count: int = 5, **more: Any) -> Call:  # noqa: ANN401
    wanted = more.get("wanted", count)
    return Call(kind, None, started, ended, count, wanted, more.get("ready", wanted), more.get("timeout"))


def evidence(tasks: list[RecordedTask], calls: list[Call], **more: Any) -> Evidence:  # noqa: ANN401
    more.setdefault("result", list(SQUARES))
    return Evidence(Recording(tuple(tasks), tuple(calls)), SQUARES, **more)


def side_by_side(slowness: float = 1.0) -> list[RecordedTask]:
    return [task(n, 0.0001 * n, 0.01 * slowness, slowness * n) for n in range(1, 6)]


def one_after_another() -> list[RecordedTask]:
    return [task(n, 0.0001 * n, n, n + 1) for n in range(1, 6)]


@pytest.mark.parametrize("slowness", [0.02, 1, 1000])
def test_side_by_side_passes_however_slow_the_machine(slowness: float) -> None:
    found = exercise_01.judge(evidence(side_by_side(slowness), [call("get", 0.001, 6 * slowness)], cpus=8))
    assert found.passed
    assert "Up to 5" in found.happened


def test_a_right_answer_on_one_cpu_passes_although_nothing_overlaps() -> None:
    found = exercise_01.judge(evidence(one_after_another(), [call("get", 0.001, 6.0)], cpus=1))
    assert found.passed
    assert "With one CPU" in found.happened


def test_a_right_answer_passes_even_if_the_tasks_happen_not_to_overlap() -> None:
    found = exercise_01.judge(evidence(one_after_another(), [call("get", 0.001, 6.0)], cpus=4))
    assert found.passed
    assert "nothing in your code stands in their way" in found.happened


def test_waiting_once_between_submissions_is_once_too_often() -> None:
    tasks = [*[task(n, 0.0001 * n, 1, 2) for n in (1, 2)], *[task(n, 2.1, 2.2, 3) for n in (3, 4, 5)]]
    calls = [call("get", 0.2, 2.0, count=2), call("get", 2.2, 3.0, count=3)]
    found = exercise_01.judge(evidence(tasks, calls))
    assert found.name == "get-in-the-loop"
    assert "1 time before" in found.happened


def test_a_right_answer_passes_though_all_was_ready_before_it_asked() -> None:
    assert exercise_01.judge(evidence(side_by_side(0.001), [call("get", 0.1, 0.1)])).passed


def test_a_get_after_each_submission_is_caught_even_if_all_is_quick() -> None:
    tasks = [task(n, n, n + 0.001, n + 0.002) for n in range(1, 6)]
    calls = [call("get", n + 0.0005, n + 0.003, count=1) for n in range(1, 6)]
    assert exercise_01.judge(evidence(tasks, calls)).name == "get-in-the-loop"


def test_tasks_that_a_task_submits_are_judged_by_what_that_task_waited_for() -> None:
    parent = task(1, 0, 0, 9)
    children = [RecordedTask(n, f"id{n}", "square", 1, 0.0001 * n, 1, 2, False, 1, ()) for n in range(2, 7)]
    inner = Call("get", 1, 0.1, 2, 5, 5, 5, None)
    assert exercise_01.judge(evidence([parent, *children], [call("get", 0, 9, count=1), inner])).passed


def waits(counts: list[int], **more: Any) -> list[Call]:  # noqa: ANN401
    """Calls of `wait` on lists of these lengths, each followed by a `get` of what it brought."""
    rounds = [call("wait", n, n + 0.9, count, wanted=1, **more) for n, count in enumerate(counts)]
    return rounds + [call("get", found.ended, found.ended, count=1) for found in rounds]


def test_a_list_that_shrinks_passes_exercise_3() -> None:
    found = exercise_03.judge(evidence(side_by_side(), waits([5, 4, 3, 2, 1])))
    assert found.passed
    assert "from 5 to 1" in found.happened


def test_many_empty_handed_calls_pass_exercise_3() -> None:
    impatient = [call("wait", 0, 0.1, 5, wanted=1, ready=0) for _ in range(500)]
    assert exercise_03.judge(evidence(side_by_side(), impatient + waits([5, 4, 3, 2, 1]))).passed


def test_asking_for_all_with_a_timeout_passes_exercise_3_even_if_all_is_ready_at_once() -> None:
    calls = [call("wait", 0, 1, 5, wanted=5, timeout=0.1), call("get", 1, 1, 5)]
    assert exercise_03.judge(evidence(side_by_side(), calls)).passed
    without = [call("wait", 0, 1, 5, wanted=5), call("get", 1, 1, 5)]
    assert exercise_03.judge(evidence(side_by_side(), without)).name == "waited-for-all"


def test_the_same_result_again_and_again_is_caught_with_and_without_being_stopped() -> None:
    again = evidence(side_by_side(), waits([5] * 6))
    assert exercise_03.judge(again).name == "list-not-shrinking"
    stopped = evidence(side_by_side(), waits([5] * 200), stopped=True, result=None)
    assert exercise_03.judge(stopped).name == "list-not-shrinking"
    assert "forever" in exercise_03.judge(stopped).happened


def test_an_answer_that_the_learner_interrupted_is_no_endless_loop() -> None:
    assert exercise_03.judge(evidence(side_by_side(), [], stopped=True, result=None)).name == "stopped"


def gathered(calls: list[Call], **more: Any) -> Finding:  # noqa: ANN401
    more.setdefault("result", list(exercise_02.VALUES))
    recording = Recording(tuple(side_by_side()), tuple(calls))
    return exercise_02.judge(Evidence(recording, exercise_02.VALUES, given=5, timeout=0.25, **more))


def test_timeouts_pass_exercise_2_and_are_counted() -> None:
    calls = [
        call("wait", 0, 1, 5, wanted=2, ready=0, timeout=0.25),
        *[call("wait", 1, 2, 5 - n, wanted=min(2, 5 - n), ready=1, timeout=0.25) for n in range(5)],
    ]
    found = gathered(calls)
    assert found.passed
    assert found.happened.startswith("6 calls of wait; 5 of them ran into the timeout")
    assert "1 brought nothing" in found.happened


def test_a_machine_so_slow_that_no_call_ran_into_its_timeout_passes_exercise_2() -> None:
    assert gathered([call("wait", n, n, 5 - n, wanted=1, timeout=0.25) for n in range(5)]).passed


def test_another_timeout_than_the_given_one_is_pointed_out() -> None:
    found = gathered([call("wait", n, n, 5 - n, wanted=1, timeout=10.0) for n in range(5)])
    assert found.name == "without-the-timeout"
    assert "10 s" in found.happened


def test_rounds_count_the_calls_that_came_back_in_between() -> None:
    tasks = [task(n, n, n, n + 1) for n in (1, 2, 3, 4)]
    assert rounds_of_submission(tasks, []) == 1
    assert rounds_of_submission(tasks, [call("get", 2.1, 2.5)]) == 2
    assert rounds_of_submission(tasks, [call("get", 1, 9)]) == 1
    assert rounds_of_submission([], []) == 1


@given(
    st.lists(st.floats(0, 100), min_size=5, max_size=5), st.lists(st.floats(0, 100), min_size=5, max_size=5)
)
def test_no_times_whatsoever_fail_an_answer_with_a_single_get(starts: list[float], naps: list[float]) -> None:
    tasks = [task(n, 0, start, start + nap) for n, (start, nap) in enumerate(zip(starts, naps, strict=True))]
    assert exercise_01.judge(evidence(tasks, [call("get", 0, 1000)])).passed


def test_values_are_compared_with_or_without_their_order() -> None:
    assert same([1, 4, 9], (1, 4, 9), in_order=True)
    assert not same([4, 1, 9], (1, 4, 9), in_order=True)
    assert same([4, 1, 9], (1, 4, 9), in_order=False)
    assert not same([1, 4], (1, 4, 9), in_order=False)
    assert not same([1, "4", None], (1, 4, 9), in_order=False)


@pytest.mark.parametrize("judge", [exercise_01.judge, exercise_02.judge, exercise_03.judge])
@pytest.mark.parametrize("result", [None, 7, "text", [], {}, [None] * 5, object()])
def test_whatever_an_answer_returns_there_is_a_finding_with_a_hint(
    judge: Callable[[Evidence], Finding], result: object
) -> None:
    found = judge(evidence(side_by_side(), waits([5, 4, 3, 2, 1]), result=result, given=5, timeout=0.25))
    assert not found.passed
    assert found.hints


def test_a_verdict_is_escaped_and_says_more_the_next_time() -> None:
    from minray.lessons.watching.schedule import Schedule

    finding = Finding("x", "<b>happened</b>", "expected", ("first", "second"))
    first = Verdict("exercise", finding, 1, Schedule("", ()))
    assert "<b>happened" not in first._repr_html_()
    assert "first" in repr(first)
    assert "second" not in repr(first)
    assert "next hint" in repr(first)
    assert "next hint" not in repr(Verdict("exercise", finding, 2, Schedule("", ())))


def test_each_mistake_starts_with_its_own_first_hint() -> None:
    steps = HintSteps()
    one, other = Finding("one", "", "", ("a", "b")), Finding("other", "", "", ("c",))
    assert [steps.next(1, one), steps.next(1, one), steps.next(1, other), steps.next(2, one)] == [1, 2, 1, 1]
    assert steps.next(1, Finding("passed", "")) == 0


@pytest.mark.parametrize("cpus", [1, 2, 3, 8, 64, 200])
def test_the_solutions_of_lessons_03_and_06_are_right_for_any_number_of_workers(cpus: int) -> None:
    parts = -(-len(exercise_05.UNITS) // max(2, len(exercise_05.UNITS) // (4 * cpus)))
    fetched = [call("get", 1.0, 9.0, count=parts)]
    tasks = [task(n, 0.001 * n, 1.0, 2.0) for n in range(parts)]
    shares = Evidence(
        Recording(tuple(tasks), tuple(fetched)), exercise_05.UNITS, list(exercise_05.UNITS), cpus=cpus
    )
    assert exercise_05.judge(shares).passed
    tasks = [task(n, 0.001 * n, 1.0, 2.0) for n in range(max(2, 2 * cpus))]
    total = Evidence(
        Recording(tuple(tasks), tuple(fetched)), (exercise_10.TOTAL,), exercise_10.TOTAL, cpus=cpus
    )
    assert exercise_10.judge(total).passed


def test_the_depth_of_a_graph_is_its_longest_way() -> None:
    chain = [task(n, 0.1 * n, n, n + 1, needs=(n - 1,)) for n in range(1, 6)]
    assert exercise_09.depth(tuple(chain)) == 5
    tree = [task(1, 0, 1, 2), task(2, 0, 1, 2), task(3, 1, 2, 3, needs=(1, 2))]
    assert exercise_09.depth(tuple(tree)) == 2
    assert exercise_09.depth(()) == 0
