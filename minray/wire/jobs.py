"""Threads that do a loop's work that may take long, so that the loop never waits for it.

::

    loop: do(jobs) ---> thread: work(job) ---> results, and a byte into `wake` so that the loop takes them
"""

import contextlib
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


class Jobs(Generic[JobT, ResultT]):
    """Jobs that are done in the order in which they were given; the threads start when there is one.

    Args:
        work: does a job, in a thread, and returns what has come of it.
        name: of the threads.
        threads: how many jobs may be done at once.
    """

    def __init__(self, work: Callable[[JobT], ResultT], name: str, threads: int = 1) -> None:
        self.wake, self._waker = socket.socketpair()
        self.wake.setblocking(False)
        self._waker.setblocking(False)
        self._work, self._name, self._most = work, name, threads
        self._jobs: queue.SimpleQueue[JobT | None] = queue.SimpleQueue()
        self._results: deque[ResultT] = deque()
        self._threads: list[threading.Thread] = []

    def do(self, jobs: list[JobT]) -> None:
        """Have these jobs done."""
        for job in jobs:
            self._jobs.put(job)
            if len(self._threads) < self._most:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def take_results(self) -> list[ResultT]:
        """What has come of jobs since the last call."""
        with contextlib.suppress(BlockingIOError):
            self.wake.recv(4096)
        return [self._results.popleft() for _ in range(len(self._results))]

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._results.append(self._work(job))
            with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
                self._waker.send(b"!")

    def close(self) -> None:
        """End the threads when they have done all their jobs."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self.wake.close()
        self._waker.close()
