"""Ctrl-C at the right moment: an interrupt may end a wait, but must not cut a message in two.

Python runs its SIGINT handler between any two instructions of the main thread, so a `KeyboardInterrupt`
could fly out of the middle of a write to a socket and leave half a message behind.  While an
`InterruptShield` is entered, the signal only sets a flag and makes `fileno()` readable, so that whoever waits
wakes up; when the shield is left, the handler that was there before runs.

Changing the handler takes a system call, twice for each message.  A process that leaves SIGINT to its shield
for good (`take_over`, in workers) saves them.
"""

import _signal  # type: ignore[import-not-found]
import os
import signal
import sys
import threading
from collections.abc import Callable
from threading import get_ident
from types import FrameType
from typing import Any

# The module signal wraps these C functions to make enums of their results, which takes ten times as long.
_set_handler: Callable[[int, Any], Any] = _signal.signal
_get_handler: Callable[[int], Any] = _signal.getsignal


class InterruptShield:
    """A context manager, re-entrant; does nothing outside the main thread (which alone gets signals).

    Example:
        >>> with shield:
        ...     sock.sendall(message)
    """

    def __init__(self) -> None:
        self.pending = False
        self._depth = 0
        self._previous: Any = None  # the handler to go back to when the shield is left
        self._handler: Any = None  # on whose behalf SIGINT was taken over
        self._standing: Any = None  # our own handler, if it stays
        self._main = threading.main_thread().ident
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)

    def fileno(self) -> int:
        """Readable while an interrupt is pending."""
        return self._read

    def in_main_thread(self) -> bool:
        """Whether this thread is the one that an interrupt is meant for."""
        return get_ident() == self._main

    def take_over(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Handle SIGINT from now on: by `handler`, but only while the shield is not entered."""
        self._handler, self._standing = handler, self._stand
        _set_handler(signal.SIGINT, self._standing)

    def _stand(self, number: int, frame: FrameType | None) -> None:
        if self._depth:
            self._note(number, frame)
        else:
            self._handler(number, frame)

    def __enter__(self) -> None:
        if get_ident() != self._main:
            return
        # The user's code in a task may have set a handler of its own after all.
        if self._depth == 0 and (self._standing is None or _get_handler(signal.SIGINT) is not self._standing):
            # This may itself raise an interrupt that came just before; then nothing was entered.
            self._previous = _set_handler(signal.SIGINT, self._note)
            if not callable(self._previous):  # ignored, or left to the system: then so be it
                _set_handler(signal.SIGINT, self._previous)
        self._depth += 1

    def __exit__(self, *exc_info: object) -> None:
        if get_ident() != self._main:
            return
        self._depth -= 1
        if self._depth:
            return
        handler = self._handler
        if self._previous is not None:
            handler, self._previous = self._previous, None
            _set_handler(signal.SIGINT, handler)
        if self.pending:
            self.pending = False
            os.read(self._read, 4096)
            handler(signal.SIGINT, sys._getframe())

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if not self.pending:
            self.pending = True
            os.write(self._write, b"!")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)
