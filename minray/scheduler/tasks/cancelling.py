"""Cancelling: keep a task from going on, wherever it is.

One that waits fails at once; to one that runs goes a signal (SIGINT, or SIGKILL by force); of a call, its
actor is told.  What the task has submitted itself may be on its way still, so the task remembers.
"""

import signal
from typing import TYPE_CHECKING

from ...exceptions import TaskCancelledError
from ...wire.ids import TaskID, task_of
from ...wire.messages import CancelTask, InterruptMissed, Reply
from ..tables.records import Client, Task

if TYPE_CHECKING:
    from ..local_scheduler import LocalScheduler


class Cancelling:
    """What `LocalScheduler` hands `cancel` to.

    Args:
        node: the scheduler itself.
    """

    def __init__(self, node: "LocalScheduler") -> None:
        self._node = node
        self._waiting: list[tuple[Task, bool]] = []  # stood in a lease; and whether by force

    def on_cancel_task(self, client: Client, message: CancelTask) -> None:
        """Somebody called `cancel`."""
        task = self._node.tasks.get(task_of(message.object_id))
        refused = task is not None and task.actor is not None and message.force
        if message.request:
            client.channel.send(Reply(message.request, refused, ""))
        if task is None:
            self._node.objects.made.forbid(task_of(message.object_id))
        if task is not None and not refused:
            self.cancel(task, message)

    def cancel(self, task: Task, message: CancelTask) -> None:
        """Cancel a task and, if that is wanted, those that it has submitted."""
        if message.recursive:
            # What it has submitted may be on its way still.
            task.spreads, task.cancelled_at = message, self._node.now
            for child in [other for other in self._node.tasks.values() if other.parent == task.number]:
                self.cancel(child, message)
        task.cancelled = True
        self.stop(task, message.force)

    def stop(self, task: Task, force: bool) -> None:
        """Keep a cancelled task from going on, wherever it is."""
        worker = task.worker
        if task.spec.task_id not in self._node.tasks:
            return
        if task.actor is not None:
            self._node.actors.calls.stop(task)
        elif worker is None:
            self._node.queue.discard(task)
            self._node.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
        elif worker.ahead or worker.task is not task:
            # Which task of its lease the worker is at is not known for sure; it soon will be.
            self._waiting.append((task, force))
        else:
            # The worker gets no other task before this signal has reached it: see worker.py.
            self._node.members.signal(worker.node, worker.pid, signal.SIGKILL if force else signal.SIGINT)

    def on_interrupt_missed(self, client: Client, message: InterruptMissed) -> None:
        """The signal came before its task had begun: say it again."""
        if client.task is not None and client.task.cancelled:
            self.stop(client.task, force=False)

    def tick(self) -> None:
        """Look again at tasks that stood in a lease."""
        waiting, self._waiting = self._waiting, []
        for task, force in waiting:
            self.stop(task, force)
