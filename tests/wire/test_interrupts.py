"""Ctrl-C at the right moment: never while shielded, always afterwards, and only in the main thread."""

import _signal  # type: ignore[import-not-found]
import select
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from minray.wire import interrupts
from minray.wire.interrupts import InterruptShield


@pytest.fixture
def shield() -> Iterator[InterruptShield]:
    shield = InterruptShield()
    before = signal.getsignal(signal.SIGINT)
    yield shield
    assert signal.getsignal(signal.SIGINT) is before, "the handler is the user's again"
    shield.close()


@pytest.fixture
def set_handler() -> Iterator[Callable[[object], None]]:
    """Sets a handler for Ctrl-C, and puts Python's own back in the end."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]
    signal.signal(signal.SIGINT, before)


def is_readable(shield: InterruptShield) -> bool:
    return bool(select.select([shield], [], [], 0)[0])


def test_an_interrupt_comes_when_the_shield_is_left(shield: InterruptShield) -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the steps are what is tested
        with shield:
            signal.raise_signal(signal.SIGINT)
            steps.append("the message is whole")
        steps.append("not reached")
    assert steps == ["the message is whole"]


def test_without_an_interrupt_nothing_happens(shield: InterruptShield) -> None:
    with shield:
        assert not shield.pending
    signal_set = signal.getsignal(signal.SIGINT)
    assert signal_set is signal.default_int_handler


def test_whoever_waits_can_see_that_an_interrupt_is_pending(shield: InterruptShield) -> None:
    def interrupted() -> None:
        with shield:
            assert not is_readable(shield)
            signal.raise_signal(signal.SIGINT)
            assert shield.pending
            assert is_readable(shield)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not shield.pending
    assert not is_readable(shield)


def test_two_interrupts_are_one(shield: InterruptShield) -> None:
    def interrupted() -> None:
        with shield:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with shield:
        pass


def test_the_outermost_of_several_shields_counts(shield: InterruptShield) -> None:
    steps = []

    def interrupted() -> None:
        with shield:
            with shield:
                signal.raise_signal(signal.SIGINT)
            steps.append("still shielded")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["still shielded"]


def test_an_error_inside_leaves_the_shield_too(shield: InterruptShield) -> None:
    with pytest.raises(ZeroDivisionError), shield:
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_of_the_users_own_is_called(
    shield: InterruptShield, set_handler: Callable[[object], None]
) -> None:
    called: list[tuple[int, FrameType | None]] = []
    set_handler(lambda number, frame: called.append((number, frame)))
    with shield:
        signal.raise_signal(signal.SIGINT)
        assert called == []
    assert [number for number, _ in called] == [signal.SIGINT]
    with shield:
        pass
    set_handler(signal.default_int_handler)


def test_an_ignored_interrupt_stays_ignored(
    shield: InterruptShield, set_handler: Callable[[object], None]
) -> None:
    set_handler(signal.SIG_IGN)
    with shield:
        signal.raise_signal(signal.SIGINT)
        assert not shield.pending
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    set_handler(signal.default_int_handler)


def test_an_interrupt_that_comes_while_entering_leaves_the_shield_usable(
    shield: InterruptShield, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`signal.signal` runs handlers of signals that have come before it sets the new one, and they raise."""

    def interrupted_once(number: int, handler: object) -> object:
        monkeypatch.setattr(interrupts, "_set_handler", _signal.signal)
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupts, "_set_handler", interrupted_once)
    with pytest.raises(KeyboardInterrupt), shield:
        pytest.fail("it was not entered")
    steps = []

    def interrupted() -> None:
        with shield:
            signal.raise_signal(signal.SIGINT)
            steps.append("shielded again")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["shielded again"]


def test_hundreds_of_interrupts_at_any_moment_never_cut_a_shielded_step(shield: InterruptShield) -> None:
    """A timer of the system's interrupts the inner loop wherever it happens to be, once each time."""
    begun = ended = caught = 0
    armed = False

    def interrupt_once(_number: int, _frame: FrameType | None) -> None:
        nonlocal armed
        if armed:
            armed = False
            signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGALRM, interrupt_once)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while caught < 300:
            try:
                armed = True
                while True:
                    with shield:
                        begun += 1
                        sum(range(50))
                        ended += 1
            except KeyboardInterrupt:
                caught += 1
            assert begun == ended
            assert shield._depth == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_another_thread_does_not_shield_anything(shield: InterruptShield) -> None:
    """Python gives signals to the main thread alone, and no other may set a handler."""
    seen: list[tuple[bool, object]] = []

    def enter() -> None:
        with shield:
            seen.append((shield.in_main_thread(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(False, signal.default_int_handler)]
    assert shield.in_main_thread()
