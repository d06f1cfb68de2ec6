"""The rest of a lease goes back to the scheduler if its current task takes longer than expected, or waits.

A worker is given several short tasks at once, so that it need not be told of each.  While one of them runs,
a thread watches the time; whoever has a free worker may then run those that have not begun.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

from ..exceptions import RaySystemError
from ..wire.config import GIVE_BACK_SECONDS
from ..wire.messages import GiveBack, Message, RunTask
from .output import in_background


class LeaseWatch:
    """Gives the tasks of a lease back that wait behind one that takes longer than expected.

    Args:
        inbox: holds the tasks that are not begun.
        send: sends a message to the scheduler.
        began: when the task that runs now began; 0 between tasks.
    """

    def __init__(
        self, inbox: deque[Message], send: Callable[[Message], None], began: Callable[[], float]
    ) -> None:
        self._inbox, self._send, self._began = inbox, send, began
        self._awake = threading.Event()
        self._watching = False
        self._over = False

    def end(self) -> None:
        """Give nothing back from now on: what waits here are an actor's calls, for nobody else."""
        self._over = True

    def start(self) -> None:
        """Watch until the inbox is empty."""
        if not self._watching:
            self._watching = True
            in_background(self._watch)
        if not self._awake.is_set():
            self._awake.set()

    def _watch(self) -> None:
        while True:
            self._awake.wait()
            while self._inbox:
                began = self._began()
                time.sleep(GIVE_BACK_SECONDS)
                if began and began == self._began():
                    with contextlib.suppress(RaySystemError):
                        self.give_back()
            self._awake.clear()

    def give_back(self) -> None:
        """Return all tasks that have not begun."""
        if self._over:
            return
        inbox, given = self._inbox, []
        with contextlib.suppress(IndexError):  # until it is empty; the main thread may be taking from it too
            while isinstance(inbox[-1], RunTask):
                given.append(inbox.pop().task_id)
        if given:
            self._send(GiveBack(tuple(reversed(given))))
