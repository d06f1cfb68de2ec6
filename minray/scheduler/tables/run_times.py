"""How long tasks of each function take, and so how many of them to hand to a worker at once.

A task that takes 10 microseconds is not worth a way from the scheduler to the worker and back, each of which
wakes a process up.  So a worker gets several short tasks of one function with one lease and answers them
together.  A function of which nothing is known yet, or whose tasks take longer, goes one task at a time: then
it matters more that whichever worker is free first takes the next task.  If a task of a lease takes longer
than expected, the worker gives back those that it has not begun (see `worker/lease_watch`).
"""

from ...wire.config import LEASE_SECONDS, LEASE_TASKS

# A run that took longer than usual counts at once, one that was shorter only by this share.
_SHARE_OF_NEWEST = 0.2


class RunTimes:
    """A running estimate of the tasks' durations, by function.

    Example:
        >>> times = RunTimes()
        >>> times.lease_size(b"f", waiting=1000, workers=2)
        1
        >>> times.observe(b"f", 0.00001)
        >>> times.lease_size(b"f", waiting=1000, workers=2)
        64
    """

    def __init__(self) -> None:
        self._seconds: dict[bytes, float] = {}

    def observe(self, function_id: bytes, seconds: float) -> None:
        """A task of this function took so long."""
        known = self._seconds.get(function_id, seconds)
        self._seconds[function_id] = max(seconds, known + _SHARE_OF_NEWEST * (seconds - known))

    def lease_size(self, function_id: bytes, waiting: int, workers: int) -> int:
        """How many tasks of this function to give to a worker at once.

        Args:
            function_id: the function of the task at the head of the queue.
            waiting: how many tasks wait; they are shared out so that no worker ends long before the others.
            workers: how many workers there are.

        Returns:
            At least 1, at most `LEASE_TASKS`.
        """
        seconds = self._seconds.get(function_id)
        if seconds is None or seconds > LEASE_SECONDS / 2:
            return 1
        fitting = LEASE_TASKS if seconds * LEASE_TASKS <= LEASE_SECONDS else int(LEASE_SECONDS / seconds)
        return max(1, min(fitting, waiting // (2 * max(workers, 1))))
