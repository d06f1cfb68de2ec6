"""Ctrl-C at the right moment: an interrupt may end a wait, but must not cut a message in two.

Python runs its SIGINT handler between any two instructions of the main thread, so a `KeyboardInterrupt`
could fly out of the middle of a write to a socket and leave half a message behind.  While an
`InterruptShield` is entered, the signal only sets a flag and makes `fileno()` readable, so that whoever waits
wakes up; when the shield is left, the handler that was there before runs.
"""

import _signal  # type: ignore[import-not-found]
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

# signal.signal wraps this C function to make enums of its results, which takes ten times as long.
_set_handler: Callable[[int, Any], Any] = _signal.signal


class InterruptShield:
    """A context manager, re-entrant; does nothing outside the main thread (which alone gets signals).

    Example:
        >>> with shield:
        ...     sock.sendall(message)
    """

    def __init__(self) -> None:
        self.pending = False
        self._depth = 0
        self._previous: Any = None
        self._main = threading.main_thread().ident
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)

    def fileno(self) -> int:
        """Readable while an interrupt is pending."""
        return self._read

    def in_main_thread(self) -> bool:
        """Whether this thread is the one that an interrupt is meant for."""
        return threading.get_ident() == self._main

    def __enter__(self) -> None:
        if not self.in_main_thread():
            return
        if self._depth == 0:
            # This may itself raise an interrupt that came just before; then nothing was entered.
            self._previous = _set_handler(signal.SIGINT, self._note)
            if not callable(self._previous):  # ignored, or left to the system: then so be it
                _set_handler(signal.SIGINT, self._previous)
        self._depth += 1

    def __exit__(self, *exc_info: object) -> None:
        if not self.in_main_thread():
            return
        self._depth -= 1
        if self._depth:
            return
        _set_handler(signal.SIGINT, self._previous)
        if self.pending:
            self.pending = False
            os.read(self._read, 4096)
            self._previous(signal.SIGINT, sys._getframe())

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if not self.pending:
            self.pending = True
            os.write(self._write, b"!")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)
