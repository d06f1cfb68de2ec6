"""A driver's or worker's connection to its local scheduler, shared by all threads of the process.

Whoever waits reads: the thread that calls `wait_until` takes messages from the socket itself, so an answer
wakes just the thread that needs it and no other.  If several threads wait, one reads for all.  In a driver a
background thread steps in while nobody waits, so that what tasks print appears when they print it::

    thread in get() --reads--> socket <--reads only while nobody else does-- background thread
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from .config import BACKGROUND_REST_SECONDS, RECEIVE_BYTES
from .exceptions import RaySystemError
from .interrupts import InterruptShield
from .messages import Message
from .rpc import FrameReader, frame

LOST = (
    "The connection to the local scheduler is lost: its process has ended. All tasks and objects of the "
    "session are gone with it. Call shutdown() and then init() to start anew."
)


class Connection:
    """Sends and receives messages; thread-safe, and safe to interrupt with Ctrl-C.

    Args:
        sock: connected to the local scheduler.
        on_message: called for each message, in the thread that happens to read, never twice at once.
        housekeeping: called by the background thread now and then, after activity.
        why_lost: called when the connection is lost; a sentence about the cause, or "".
    """

    def __init__(
        self,
        sock: socket.socket,
        on_message: Callable[[Message], None],
        housekeeping: Callable[[], None],
        why_lost: Callable[[], str],
    ) -> None:
        self._sock = sock
        self._on_message = on_message
        self._housekeeping = housekeeping
        self._why_lost = why_lost
        self._frames = FrameReader()
        self._turn = threading.Condition(threading.Lock())
        self._reading = False
        self._followers = 0
        self.lost = False
        self._closing = False
        self.shield = InterruptShield()
        self._poll_socket, self._poll_both = select.poll(), select.poll()
        for poll in (self._poll_socket, self._poll_both):
            poll.register(sock, select.POLLIN)
        self._poll_both.register(self.shield.fileno(), select.POLLIN)
        self._background: threading.Thread | None = None
        self._nudge_read, self._nudge_write = os.pipe()
        os.set_blocking(self._nudge_write, False)
        self._dozing = False

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

    def _wait(self, done: Callable[[], bool], deadline: float | None) -> bool | None:
        """What `wait_until` does; None as soon as an interrupt is pending."""
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
                got_something = done() or self._read(patience)
            finally:
                self._give_up_turn()
            if not got_something and deadline is not None and time.monotonic() >= deadline:
                return done()
        return True

    def _take_turn(self, patience: float | None) -> bool:
        """Become the thread that reads; False if another one was, and has read since or needs longer."""
        with self._turn:
            if not self._reading:
                self._reading = True
                return True
            self._followers += 1
            # Who does not read does not poll the shield, so the main thread looks up at times.
            self._turn.wait(0.1 if patience is None else min(patience, 0.1))
            self._followers -= 1
            return False

    def _give_up_turn(self) -> None:
        with self._turn:
            self._reading = False
            if self._followers:
                self._turn.notify_all()

    def _read(self, patience: float | None) -> bool:
        """Handle what arrives within `patience` seconds, at most one batch; return whether anything did."""
        timeout = None if patience is None else patience * 1000
        poll = self._poll_both if self.shield.in_main_thread() else self._poll_socket
        if not any(fd == self._sock.fileno() for fd, _ in poll.poll(timeout)):
            return False
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            self.lost = True
            return False
        for message in self._frames.feed(data):
            self._on_message(message)
        return True

    # --- the background thread ----------------------------------------------------------------------

    def start_background_reader(self) -> None:
        """Start the thread that reads while nobody waits."""
        self._background = threading.Thread(
            target=self._read_in_background, name="minray-reader", daemon=True
        )
        self._background.start()

    def nudge(self) -> None:
        """There is housekeeping to do; callable from anywhere, finalizers included."""
        if self._dozing:
            self._dozing = False
            os.write(self._nudge_write, b"!")

    def _read_in_background(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._nudge_read, select.POLLIN)
        while not self._closing and not self.lost:
            self._dozing = True
            ready = poll.poll()
            self._dozing = False
            if self._closing:
                return
            if any(fd == self._nudge_read for fd, _ in ready):
                os.read(self._nudge_read, 4096)
            with self._turn:
                my_turn = not self._reading
                self._reading = True
            if my_turn:
                try:
                    self._read(0)
                finally:
                    self._give_up_turn()
            # Somebody else reads, or has just been served: stay out of the way for a moment.
            time.sleep(BACKGROUND_REST_SECONDS)
            self._housekeeping()

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
