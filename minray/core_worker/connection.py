"""A driver's or worker's connection to its local scheduler, shared by all threads of the process.

Whoever waits reads: the thread that calls `wait_until` takes messages from the socket itself, so an answer
wakes just the thread that needs it and no other.  If several threads wait, one reads for all.  A background
thread reads for those that cannot: for event loops that wait for values (`attend`), and in a driver, while
nobody waits, so that what tasks print appears when they print it::

    thread in get() --reads--> socket <--reads while nobody else does, or for event loops-- background thread
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..exceptions import RaySystemError
from ..wire.config import BACKGROUND_REST_SECONDS, LONGEST_POSTPONEMENT_SECONDS, RECEIVE_BYTES, SPIN_SECONDS
from ..wire.interrupts import InterruptShield
from ..wire.messages import Message
from ..wire.rpc import FrameReader, frame

LOST = (
    "The connection to the local scheduler is lost: its process has ended. All tasks and objects of the "
    "session are gone with it. Call shutdown() and then init() to start anew."
)


class Connection:
    """Sends and receives messages; thread-safe, and safe to interrupt with Ctrl-C.

    Args:
        sock: connected to the local scheduler.
        handlers: by the class of a message, what is called with it in the thread that happens to read, never
            twice at once.
        others: called with all other messages.
        why_lost: called when the connection is lost; a sentence about the cause, or "".
        is_awaited: whether somebody waits for values who cannot read.
        at_end: called when nobody will read any more.
    """

    def __init__(
        self,
        sock: socket.socket,
        handlers: dict[type, Callable[[Any], None]],
        others: Callable[[Message], None],
        why_lost: Callable[[], str],
        is_awaited: Callable[[], bool] = lambda: False,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._sock, self._handlers, self._others, self._why_lost = sock, handlers, others, why_lost
        self._is_awaited, self._at_end = is_awaited, at_end
        self._housekeeping: Callable[[], None] = lambda: None
        self._frames = FrameReader()
        self._turn = threading.Lock()  # held by the thread that reads
        self._turn_over = threading.Condition()  # where others wait for their turn
        self._followers = 0  # how many do
        self.lost = False
        self._closing = False
        # A driver's: a thread reads and keeps house while nobody waits, and being quick is worth some CPU.
        self.reads_always = False
        self._serving = False  # the main thread of a worker sits in `serve` and reads
        self._answered_soon = False  # the last time that somebody waited
        self.shield = InterruptShield()
        self._poll_socket, self._poll_both = select.poll(), select.poll()
        for poll in (self._poll_socket, self._poll_both):
            poll.register(sock, select.POLLIN)
        self._poll_both.register(self.shield.fileno(), select.POLLIN)
        self._background: threading.Thread | None = None
        self._nudge_read, self._nudge_write = os.pipe()
        os.set_blocking(self._nudge_write, False)
        self._dozing = False
        self._resting = False
        self._urgent = False  # something that somebody waits for is to be sent by the background thread
        self._called = threading.Event()  # `attend`, or something urgent, wants the background thread

    def keep_house_by(self, work: Callable[[], None]) -> None:
        """What the background thread is to do now and then, after activity."""
        self._housekeeping = work

    def handle(self, kind: type, handler: Callable[[Any], None]) -> None:
        """Call this with messages of that class from now on."""
        self._handlers[kind] = handler

    def handle_interrupts(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Call this at a SIGINT, at a moment when no message is half sent (workers only)."""
        self.shield.take_over(handler)

    def send(self, messages: list[Message]) -> None:
        """Send some messages at once; threads that share the connection take turns by a lock of theirs.

        Raises:
            RaySystemError: the local scheduler is gone.
        """
        data = frame(messages)
        with self.shield:
            try:
                self._sock.sendall(data)
            except OSError as error:
                self.lost = True
                raise RaySystemError(LOST + self._why_lost()) from error

    def wait_until(self, done: Callable[[], bool], deadline: float | None = None) -> bool:
        """Read messages until `done()` is true.

        Args:
            done: asked after each batch of messages.
            deadline: by `time.monotonic()`; None waits without end.

        Returns:
            False if the deadline came first.

        Raises:
            RaySystemError: the local scheduler is gone.
            KeyboardInterrupt: the user interrupted; nothing is lost, the wait can be repeated.
        """
        answer = None
        while answer is None:  # once, unless a handler of the user's own lets an interrupt pass
            with self.shield:  # leaving it raises
                answer = self._wait(done, deadline)
        return answer

    def read_pending(self) -> None:
        """Take in what has arrived already."""
        self.wait_until(lambda: False, time.monotonic())

    def serve(self, inbox: deque[Message]) -> bool:
        """Wait for a message in the inbox (a worker's idle state); False when the connection is lost."""
        self._serving = True
        try:
            return self.wait_until(lambda: bool(inbox))
        except RaySystemError:
            return False
        finally:
            self._serving = False
            self.attend()

    def _wait(self, done: Callable[[], bool], deadline: float | None) -> bool | None:
        """What `wait_until` does; None as soon as an interrupt is pending."""
        if done():
            return True
        began = time.monotonic()
        # Going to sleep and being woken on another CPU takes longer than a short task does, so whoever was
        # answered soon the last time stays awake for as long.
        spin_until = began + SPIN_SECONDS if self.reads_always and self._answered_soon else 0.0
        while not done():
            if self.shield.pending and self.shield.in_main_thread():
                return None
            if self.lost:
                raise RaySystemError(LOST + self._why_lost())
            patience = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not self._take_turn(patience):
                if patience == 0:
                    return done()
                continue
            try:  # whoever had the turn before may have read what we wait for, so look again
                got_something = done() or self._read(patience, spin_until)
            finally:
                self._give_up_turn()
            if not got_something and deadline is not None and time.monotonic() >= deadline:
                return done()
        self._answered_soon = time.monotonic() - began < SPIN_SECONDS
        return True

    def _take_turn(self, patience: float | None) -> bool:
        """Become the thread that reads; False if another one was, and has read since or needs longer."""
        if self._turn.acquire(blocking=False):
            return True
        with self._turn_over:
            self._followers += 1  # said before looking again, so the thread that reads cannot miss both
            if self._turn.locked():
                # Who does not read does not poll the shield, so the main thread looks up at times.
                self._turn_over.wait(0.1 if patience is None else min(patience, 0.1))
            self._followers -= 1
        return False

    def _give_up_turn(self) -> None:
        self._turn.release()
        if self._followers:
            with self._turn_over:
                self._turn_over.notify_all()

    def _read(self, patience: float | None, spin_until: float = 0.0) -> bool:
        """Handle what arrives within `patience` seconds, at most one batch; return whether anything did."""
        poll = self._poll_both if self.shield.in_main_thread() else self._poll_socket
        ready: list[tuple[int, int]] = []
        while not ready and time.monotonic() < spin_until:
            os.sched_yield()
            ready = poll.poll(0)
        if not ready:
            ready = poll.poll(None if patience is None else patience * 1000)
        if not ready or (len(ready) == 1 and ready[0][0] == self.shield.fileno()):
            return False
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            self.lost = True
            return False
        for message in self._frames.feed(data):
            handler = self._handlers.get(type(message), self._others)
            handler(message)
        return True

    # --- the background thread ----------------------------------------------------------------------

    def start_background_reader(self, always: bool = True) -> None:
        """Start the thread that reads while nobody waits; if not `always`, only for those who cannot."""
        with self._turn_over:
            self.reads_always = self.reads_always or always
            if self._background is not None or self._closing:
                return
            self._background = threading.Thread(
                target=self._read_in_background, args=(always,), name="minray-reader", daemon=True
            )
        self._background.start()

    def _unattended(self) -> bool:
        """Whether the background thread is to read on and on."""
        return self._is_awaited() and not self._serving

    def attend(self) -> None:
        """Let the background thread read if somebody waits who cannot, and nobody else reads for ever."""
        if not self._unattended():
            return
        self._called.set()
        if self._background is None:
            self.start_background_reader(always=False)
        self.nudge()

    def nudge(self) -> None:
        """There is housekeeping to do; callable from anywhere, finalizers included."""
        if self._dozing:
            self._dozing = False
            os.write(self._nudge_write, b"!")

    def keep_house_soon(self) -> None:
        """Let the background thread keep house shortly, whatever the thread that called does next."""
        if self._background is None:
            self.start_background_reader(always=False)
        if self._urgent:  # that thread sends what there is only after it has taken this back
            return
        self._urgent = True
        if self._resting:
            self._called.set()
        else:
            self.nudge()

    def _read_in_background(self, always: bool) -> None:
        poll = select.poll()
        if always:
            poll.register(self._sock, select.POLLIN)
        poll.register(self._nudge_read, select.POLLIN)
        while not self._closing and not self.lost:
            self._called.clear()
            self._dozing = True  # from here on, `nudge` wakes the poll
            if self._unattended():
                self._dozing = False
                with contextlib.suppress(RaySystemError):
                    self._wait(lambda: self._closing or not self._unattended(), None)
                self._housekeeping()
                continue
            ready = [] if self._urgent else poll.poll()
            self._dozing = False
            if self._closing:
                break
            if any(fd == self._nudge_read for fd, _ in ready):
                os.read(self._nudge_read, 4096)
            if always:
                self._read_if_nobody_does()
            self._rest()
            self._housekeeping()
        self._at_end()

    def _rest(self) -> None:
        """Somebody else reads, or has just been served: stay out of the way for a moment."""
        self._resting = True  # said before looking, so `keep_house_soon` and this cannot miss each other
        urgent = self._urgent
        if not urgent:
            self._called.wait(BACKGROUND_REST_SECONDS)
        self._resting = False
        if urgent:  # more of it may be on its way
            time.sleep(LONGEST_POSTPONEMENT_SECONDS)
        self._urgent = False

    def _read_if_nobody_does(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                self._read(0)
            finally:
                self._give_up_turn()

    def close(self) -> None:
        """Close the connection; threads that wait get an error."""
        self._closing = True
        self.lost = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        os.write(self._nudge_write, b"!")
        if self._background is not None and self._background is not threading.current_thread():
            self._background.join(2.0)
        self._sock.close()
        os.close(self._nudge_read)
        os.close(self._nudge_write)
        self.shield.close()
