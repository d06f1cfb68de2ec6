"""Running a learner's function: results, errors and endless loops, and nothing escapes into the notebook."""

import itertools
import threading
from typing import Any

import pytest

from minray.lessons.judging.guard import run_guarded


def never() -> bool:
    return False


def test_a_result_comes_through() -> None:
    assert run_guarded(lambda: 7, never).result == 7


def test_an_error_comes_through() -> None:
    error = ValueError("mine")

    def answer() -> None:
        raise error

    assert run_guarded(answer, never).error is error


@pytest.mark.parametrize("leave", [SystemExit(1), KeyboardInterrupt()])
def test_neither_an_exit_nor_an_interrupt_reaches_the_notebook(leave: BaseException) -> None:
    def answer() -> None:
        raise leave

    outcome = run_guarded(answer, never)
    assert outcome.stopped == isinstance(leave, KeyboardInterrupt)
    assert (outcome.error is leave) == isinstance(leave, SystemExit)


def test_a_hopeless_loop_is_stopped() -> None:
    rounds = itertools.count()

    def answer() -> None:
        while True:
            next(rounds)

    assert run_guarded(answer, lambda: next(rounds) > 100).stopped


def test_a_loop_that_is_not_hopeless_may_take_its_time() -> None:
    looked = threading.Semaphore(0)

    def hopeless() -> bool:
        looked.release()
        return False

    def answer() -> str:
        for _ in range(3):  # the guard looked three times, and let it go on
            looked.acquire()
        return "done"

    assert run_guarded(answer, hopeless).result == "done"


def test_an_answer_that_ends_just_when_it_is_given_up_interrupts_nothing_later() -> None:
    """The guard decides while the answer returns: the interrupt must not hit what comes after."""
    decided, may_decide = threading.Event(), threading.Event()

    def hopeless() -> bool:
        decided.set()
        may_decide.wait(5)
        return True

    def answer() -> int:
        decided.wait(5)
        may_decide.set()
        return 1

    outcome = run_guarded(answer, hopeless)
    assert outcome.stopped or outcome.result == 1
    assert sum(range(100_000)) > 0  # a stray interrupt would hit here


def test_no_thread_is_left() -> None:
    before: list[Any] = threading.enumerate()
    run_guarded(lambda: None, never)
    assert threading.enumerate() == before
