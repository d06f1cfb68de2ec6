"""Cancelling: keep a task from going on, wherever it is.

One that waits fails at once; to one that runs goes a signal (SIGINT, or SIGKILL by force); of a call, its
actor is told.  What the task has submitted itself may be on its way still, so the task remembers.
"""

import signal
from collections.abc import Callable

from ...exceptions import TaskCancelledError
from ...wire.ids import TaskID, task_of
from ...wire.messages import CancelTask, InterruptMissed, Reply
from ..objects.objects import Objects
from ..tables.event_log import EventLog
from ..tables.queue import TaskQueue
from ..tables.records import Client, Task, Worker
from .tasks import Tasks


class Cancelling:
    """Cancels tasks.

    Args:
        log: has the time.
        queue: where tasks may wait.
        objects: remembers tasks that have finished, and may be run again.
        tasks: those that have not.
        signal_worker: sends a worker's process a signal.
    """

    def __init__(
        self,
        log: EventLog,
        queue: TaskQueue,
        objects: Objects,
        tasks: Tasks,
        signal_worker: Callable[[Worker, int], None],
    ) -> None:
        self._log, self._queue, self._objects, self._tasks = log, queue, objects, tasks
        self._signal = signal_worker
        self._waiting: list[tuple[Task, bool]] = []  # stood in a lease; and whether by force

    def on_cancel_task(self, client: Client, message: CancelTask) -> None:
        """Somebody called `cancel`."""
        task = self._tasks.alive.get(task_of(message.object_id))
        refused = task is not None and bool(task.spec.actor) and message.force
        if message.request:
            client.channel.send(Reply(message.request, refused, ""))
        if task is not None and not refused:
            self.cancel(task, message)
        finished = self._objects.made.maker(message.object_id) if task is None else None
        if finished is not None:
            finished.cancelled = True  # so it is not run again

    def cancel(self, task: Task, message: CancelTask) -> None:
        """Cancel a task and, if that is wanted, those that it has submitted."""
        if message.recursive:
            # What it has submitted may be on its way still.
            task.spreads, task.cancelled_at = message, self._log.now
            for child in [other for other in self._tasks.alive.values() if other.parent == task.number]:
                self.cancel(child, message)
        self.end(task, message.force)

    def end(self, task: Task, force: bool) -> None:
        """Cancel a task, but not those that it has submitted."""
        task.cancelled = True
        self.stop(task, force)

    def stop(self, task: Task, force: bool) -> None:
        """Keep a cancelled task from going on, wherever it is."""
        worker = task.worker
        if task.spec.task_id not in self._tasks.alive:
            return
        if task.route is not None and task.route.stop(task):
            return
        if worker is None:
            self._queue.discard(task)
            self._tasks.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
        elif worker.ahead or worker.task is not task:
            # Which task of its lease the worker is at is not known for sure; it soon will be.
            self._waiting.append((task, force))
        else:
            # The worker gets no other task before this signal has reached it: see worker.py.
            self._signal(worker, signal.SIGKILL if force else signal.SIGINT)

    def on_interrupt_missed(self, client: Client, message: InterruptMissed) -> None:
        """The signal came before its task had begun: say it again."""
        if client.task is not None and client.task.cancelled:
            self.stop(client.task, force=False)

    def tick(self) -> None:
        """Look again at tasks that stood in a lease."""
        waiting, self._waiting = self._waiting, []
        for task, force in waiting:
            self.stop(task, force)
