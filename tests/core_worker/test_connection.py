"""A process's connection: threads share it, interrupts end a wait, and no frame is ever cut in two."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from minray.core_worker.connection import Connection
from minray.exceptions import RaySystemError
from minray.wire.messages import Notice
from minray.wire.rpc import Channel, frame
from runtime_tools import PATIENCE, wait_until


class Peers:
    """A connection and the scheduler's end of its socket."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        self.there = there
        self.got: list[Any] = []
        self.housekeeping = 0
        self.connection = Connection(here, {}, self.got.append, lambda: " (said why)")
        self.connection.keep_house_by(self._keep_house)

    def _keep_house(self) -> None:
        self.housekeeping += 1

    def say(self, text: str) -> None:
        """The scheduler sends something."""
        self.there.sendall(frame([Notice(text)]))

    def heard(self, text: str) -> Callable[[], bool]:
        """Whether that has arrived."""
        return lambda: Notice(text) in self.got

    def readers(self) -> int:
        """How many threads read or wait for their turn to."""
        return self.connection._turn.locked() + self.connection._followers


@pytest.fixture
def peers() -> Iterator[Peers]:
    peers = Peers()
    yield peers
    peers.connection.close()
    peers.there.close()


@contextlib.contextmanager
def in_threads(*functions: Callable[[], object]) -> Iterator[list[Any]]:
    """Run functions in threads of their own; gives what they return, or raise, once all have ended."""
    results: list[Any] = [None] * len(functions)

    def run(place: int) -> None:
        try:
            results[place] = functions[place]()
        except BaseException as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(functions))]
    for thread in threads:
        thread.start()
    try:
        yield results
    finally:
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"


# --- sending and waiting -----------------------------------------------------------------------------


def test_what_is_sent_arrives(peers: Peers) -> None:
    peers.connection.send([Notice("one"), Notice("two")])
    channel = Channel(peers.there)
    assert channel.receive() == [Notice("one"), Notice("two")]


def test_a_wait_ends_when_its_condition_is_true(peers: Peers) -> None:
    peers.say("first")
    peers.say("second")
    assert peers.connection.wait_until(peers.heard("second"))
    assert peers.got == [Notice("first"), Notice("second")]


def test_a_wait_for_what_is_true_already_reads_nothing(peers: Peers) -> None:
    peers.say("unread")
    assert peers.connection.wait_until(lambda: True)
    assert peers.got == []


def test_a_wait_gives_up_at_its_deadline(peers: Peers) -> None:
    assert not peers.connection.wait_until(peers.heard("never"), time.monotonic() + 0.01)


def test_a_deadline_that_has_passed_only_looks(peers: Peers) -> None:
    assert not peers.connection.wait_until(peers.heard("hello"), time.monotonic())
    peers.say("hello")
    assert peers.connection.wait_until(peers.heard("hello"), time.monotonic())


def test_a_wait_can_be_repeated_after_its_deadline(peers: Peers) -> None:
    assert not peers.connection.wait_until(peers.heard("late"), time.monotonic())
    with in_threads(lambda: peers.say("late")):
        assert peers.connection.wait_until(peers.heard("late"))


# --- the other side is gone --------------------------------------------------------------------------


def test_a_wait_on_a_lost_connection_is_an_error_that_says_why(peers: Peers) -> None:
    peers.there.close()
    for _ in range(2):
        with pytest.raises(RaySystemError, match=r"shutdown\(\).*said why"):
            peers.connection.wait_until(lambda: False)


def test_sending_on_a_lost_connection_is_the_same_error(peers: Peers) -> None:
    peers.there.close()
    with pytest.raises(RaySystemError, match="said why"):
        peers.connection.send([Notice("hello?")])
    assert peers.connection.lost


def test_what_was_said_before_the_end_is_heard(peers: Peers) -> None:
    peers.say("last words")
    peers.there.close()
    assert peers.connection.wait_until(peers.heard("last words"))


def test_all_threads_that_wait_learn_of_the_end(peers: Peers) -> None:
    waits = [lambda: peers.connection.wait_until(lambda: False)] * 3
    with in_threads(*waits) as results:
        wait_until(lambda: peers.readers() == 3)
        peers.there.close()
    assert all(isinstance(result, RaySystemError) for result in results)


def test_closing_ends_a_wait_in_another_thread(peers: Peers) -> None:
    with in_threads(lambda: peers.connection.wait_until(lambda: False)) as results:
        wait_until(peers.connection._turn.locked)
        peers.connection.lost = True
        peers.connection._sock.shutdown(socket.SHUT_RDWR)  # what `close` does first
    assert isinstance(results[0], RaySystemError)


# --- several threads ---------------------------------------------------------------------------------


def test_each_of_several_threads_gets_what_it_waits_for(peers: Peers) -> None:
    texts = [f"for thread {number}" for number in range(5)]
    waits = [lambda text=text: peers.connection.wait_until(peers.heard(text)) for text in texts]
    with in_threads(*waits) as results:
        wait_until(lambda: peers.readers() == 5)
        for text in reversed(texts):
            peers.say(text)
    assert results == [True] * 5


def test_what_another_thread_has_just_read_is_not_waited_for(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and reading, another thread may read the very value: then no other will come."""
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            peers.say("the value")
            with in_threads(lambda: peers.connection.wait_until(peers.heard("the value"))):
                pass
            monkeypatch.setattr(peers.connection, "_read", lambda _: pytest.fail("it would wait for ever"))
            return False
        return peers.heard("the value")()

    assert peers.connection.wait_until(look)


def test_a_deadline_holds_while_another_thread_reads(peers: Peers) -> None:
    with in_threads(lambda: peers.connection.wait_until(peers.heard("end"))):
        wait_until(peers.connection._turn.locked)
        assert not peers.connection.wait_until(lambda: False, time.monotonic() + 0.01)
        assert not peers.connection.wait_until(lambda: False, time.monotonic())
        peers.say("end")


def test_messages_of_several_threads_are_never_mixed(peers: Peers) -> None:
    order = threading.Lock()

    def send(name: str) -> None:
        for number in range(50):
            with order:
                peers.connection.send([Notice(f"{name} {number} " * 1000)])

    names = ["a", "b", "c"]
    channel = Channel(peers.there)
    received: list[Any] = []

    def receive() -> None:
        while len(received) < 150:
            received.extend(channel.receive())

    with in_threads(receive, *[lambda name=name: send(name) for name in names]):
        pass
    for name in names:
        mine = [message for message in received if message.text.startswith(name)]
        assert mine == [Notice(f"{name} {number} " * 1000) for number in range(50)]


# --- the background reader ---------------------------------------------------------------------------


def test_the_background_reader_takes_what_comes_while_nobody_waits(peers: Peers) -> None:
    peers.connection.start_background_reader()
    peers.say("hello")
    wait_until(peers.heard("hello"))
    wait_until(lambda: peers.housekeeping)


def test_a_nudge_makes_the_background_reader_keep_house(peers: Peers) -> None:
    peers.connection.start_background_reader()
    wait_until(lambda: peers.connection._dozing)
    before = peers.housekeeping
    peers.connection.nudge()
    wait_until(lambda: peers.housekeeping > before)


def test_a_nudge_without_a_background_reader_is_harmless(peers: Peers) -> None:
    peers.connection.nudge()


def test_waiting_beside_the_background_reader_misses_nothing(peers: Peers) -> None:
    peers.connection.start_background_reader()
    for number in range(300):
        peers.say(str(number))
        assert peers.connection.wait_until(peers.heard(str(number)))
    assert peers.got == [Notice(str(number)) for number in range(300)]


def test_closing_ends_the_background_reader(peers: Peers) -> None:
    background = Peers()
    background.connection.start_background_reader()
    thread = background.connection._background
    assert thread is not None
    background.connection.close()
    background.there.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


# --- Ctrl-C ------------------------------------------------------------------------------------------


def interrupt_when(condition: Callable[[], object]) -> Callable[[], None]:
    """Something for a thread: press Ctrl-C as soon as a condition is true."""

    def press() -> None:
        wait_until(condition)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return press


def test_ctrl_c_ends_a_wait_and_the_wait_can_be_repeated(peers: Peers) -> None:
    with (
        in_threads(interrupt_when(peers.connection._turn.locked)),
        pytest.raises(KeyboardInterrupt),
    ):
        peers.connection.wait_until(lambda: False)
    assert peers.readers() == 0
    peers.say("hello")
    assert peers.connection.wait_until(peers.heard("hello"))


@pytest.mark.parametrize("main_reads", [True, False])
def test_ctrl_c_ends_the_wait_of_the_main_thread_only(peers: Peers, main_reads: bool) -> None:
    """Whoever of the two reads, and whoever of the two waits for the other."""

    def other() -> bool:
        if main_reads:
            wait_until(peers.connection._turn.locked)
        return peers.connection.wait_until(peers.heard("for the other"))

    def main() -> bool:
        if not main_reads:
            wait_until(peers.connection._turn.locked)
        return peers.connection.wait_until(lambda: False)

    with in_threads(other) as results:
        with in_threads(interrupt_when(lambda: peers.readers() == 2)), pytest.raises(KeyboardInterrupt):
            main()
        wait_until(peers.connection._turn.locked)
        peers.say("for the other")
    assert results == [True]


def test_a_handler_that_does_not_raise_lets_the_wait_go_on(peers: Peers) -> None:
    called = []
    before = signal.signal(signal.SIGINT, lambda _number, _frame: called.append(peers.say("hello")))
    try:
        with in_threads(interrupt_when(peers.connection._turn.locked)):
            assert peers.connection.wait_until(peers.heard("hello"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(called) == 1


def test_ctrl_c_never_cuts_a_frame(peers: Peers) -> None:
    """Interrupts come at any moment while large frames go through a socket that is often full."""
    received: list[Any] = []
    channel = Channel(peers.there)
    done = threading.Event()
    armed = False

    def interrupt_once(_number: int, _frame: FrameType | None) -> None:
        nonlocal armed
        if armed:
            armed = False
            signal.raise_signal(signal.SIGINT)

    def receive() -> None:
        while not done.is_set() or len(received) < len(sent):
            received.extend(channel.receive())

    sent: list[Any] = []
    caught = 0
    signal.signal(signal.SIGALRM, interrupt_once)
    with in_threads(receive):
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        try:
            while caught < 50:
                try:
                    armed = True
                    while True:
                        message = Notice(f"{len(sent)} " * 20_000)
                        with peers.connection.shield:
                            sent.append(message)
                            peers.connection.send([message])
                except KeyboardInterrupt:
                    caught += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            done.set()
    assert received == sent
