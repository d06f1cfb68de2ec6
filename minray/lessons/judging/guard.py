"""Running a learner's function so that not even an endless loop takes the notebook with it.

::

    main thread:   answer()  ------------------------------>  result, error, or stopped
    guard thread:     look at the events, look again ... hopeless? -> interrupt the main thread

What counts as hopeless is decided from the events, never from the time that has passed: a slow machine
may take as long as it likes.
"""

import _thread
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOOK_EVERY = 0.1  # seconds between two looks at the events


@dataclass(frozen=True)
class Outcome:
    """How a function ended: with a result, with an error, or because it was stopped."""

    result: Any = None
    error: BaseException | None = None
    stopped: bool = False


class _Guard(threading.Thread):
    """Looks at the events while the answer runs, and interrupts it if it is hopeless."""

    def __init__(self, hopeless: Callable[[], bool]) -> None:
        super().__init__(name="lesson-guard", daemon=True)
        self._hopeless = hopeless
        self._over = threading.Event()
        self._interrupting = threading.Lock()

    def run(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            if self._hopeless():
                with self._interrupting:
                    if not self._over.is_set():
                        _thread.interrupt_main()
                return

    def finish(self) -> None:
        """From here on nothing will be interrupted any more."""
        with self._interrupting:
            self._over.set()
        self.join()


def run_guarded(answer: Callable[[], Any], hopeless: Callable[[], bool]) -> Outcome:
    """Call a learner's function; stop it if the events say that it will never end.

    Args:
        answer: what to call, in this (the main) thread.
        hopeless: says, from the events so far, whether to stop it; called in another thread.

    Returns:
        Its result, the exception that it raised (`SystemExit` too: it must not end the kernel), or that
        it was stopped, by the guard or by the learner's own interrupt.
    """
    guard = _Guard(hopeless)
    guard.start()
    try:
        try:
            result = answer()
        finally:
            guard.finish()
    except KeyboardInterrupt:
        guard.finish()  # again, in case the interrupt hit the first call
        return Outcome(stopped=True)
    except (Exception, SystemExit) as error:
        return Outcome(error=error)
    return Outcome(result=result)
