"""The processes of a session, from the scheduler's side: workers start and die, drivers come and go.

::

    Fork -> zygote -> Forked: STARTING -> a worker's Hello: IDLE -> ... -> Died: its task is tried again
    a driver's Hello -> ... -> its connection ends: so do its tasks, its actors and its references
"""

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...exceptions import NodeDiedError, RayError, TaskCancelledError, WorkerCrashedError
from ...session.exit_codes import describe_exit
from ...wire.ids import TaskID
from ...wire.messages import Died, Fork, Forked, Hello, Welcome
from ..tables.node_record import NodeRecord, node_died_message
from ..tables.records import Client, Task
from ..tables.worker_pool import PLAIN, Kind, Worker

if TYPE_CHECKING:
    from ..local_scheduler import LocalScheduler


class NodeProcesses:
    """What `LocalScheduler` hands all that concerns processes to.

    Args:
        node: the scheduler itself.
    """

    def __init__(self, node: "LocalScheduler") -> None:
        self._node = node
        self._log = node.log

    def start_workers(self) -> None:
        """Start one worker per CPU."""
        self.start(self._node.home, self._node.pool.target)

    def end_session(self) -> None:
        """Record that all processes end now."""
        for number in {*self._node.clients, *(worker.number for worker in self.workers())}:
            self._log.process(number, "DEAD", "the session ended")

    def workers(self) -> Iterator[Worker]:
        """The workers of all nodes."""
        for node in self._node.nodes.values():
            yield from node.pool.workers.values()

    def find_worker(self, number: int) -> Worker | None:
        """The worker of this number, if it lives."""
        for node in self._node.nodes.values():
            if number in node.pool.workers:
                return node.pool.workers[number]
        return None

    def start(self, node: NodeRecord, runnable: int, kind: Kind = PLAIN) -> None:
        """Have a node start workers, if so many tasks could run there now."""
        for worker in node.pool.to_start(runnable, kind):
            node.zygote.send(Fork(worker.number, kind.environment))

    def on_hello(self, client: Client, message: Hello) -> None:
        """A process has connected, and says what it is."""
        worker = self.find_worker(message.worker) if message.kind == "WORKER" else None
        if message.kind == "WORKER" and worker is None:
            return  # it has died since, and the zygote's word came first
        client.kind, client.pid, client.namespace = message.kind, message.pid, message.namespace
        client.detached = message.detached
        client.number = message.worker or self._node.pool.next_number()
        self._node.clients[client.number] = client
        node = self._node.home
        if worker is not None:
            node = worker.node
            client.worker = node.pool.connected(client.number, client, self._node.now)
            client.worker.pid = message.pid
            self._log.process(client.number, "IDLE")
        else:
            self._log.new_process(client.number, message.pid, "DRIVER")
            self._log.process(client.number, "IDLE")
        client.channel.send(Welcome(client.number, bytes.fromhex(node.id)))

    def namespace_of(self, client: Client) -> str:
        """Where the names of the actors of a process live: that of the driver that it works for."""
        driver = self._node.clients.get(client.job)
        return driver.namespace if driver else ""

    def default_lifetime_of(self, client: Client) -> bool:
        """Whether the actors that a process makes are detached if they do not say."""
        driver = self._node.clients.get(client.job)
        return driver.detached if driver else False

    def on_forked(self, message: Forked) -> None:
        """The zygote has made a worker."""
        worker = self.find_worker(message.worker)
        if worker is not None:
            worker.pid = message.pid
        self._log.new_process(message.worker, message.pid, "WORKER", worker.node.number if worker else 0)
        if worker is not None and worker.channel is None:  # else its own word came first
            self._log.process(message.worker, "STARTING")

    def on_died(self, message: Died) -> None:
        """A worker's process has ended: its task runs again or fails, its references are gone."""
        worker = self.find_worker(message.worker)
        if worker is None:
            return
        worker.node.pool.died(message.worker)
        how = worker.doom or describe_exit(message.exit_code)
        self._log.process(worker.number, "DEAD", _farewell(worker, how))
        client = self._node.clients.pop(worker.number, None)
        if client is not None:
            self._forget(client)
            if not worker.leaving:
                self._end_tasks_of_owner(client)
        if worker.actor is not None:
            self._node.leases.free_resources(worker, worker.actor.creation)
            self._node.actors.on_worker_died(worker, how)
        elif worker.task is not None:
            self._on_task_lost(worker, worker.task, how)
        self._node.leases.take_back(list(worker.ahead))
        if client is not None:
            self._node.actors.on_owner_died(client)
        self._node.follow_up()

    def kill(self, worker: Worker) -> None:
        """End a worker's process at once."""
        self._node.members.signal(worker.node, worker.pid, signal.SIGKILL)

    def on_driver_left(self, client: Client) -> None:
        """A driver has gone, well or badly: its tasks end, and its references are gone."""
        if self._node.clients.pop(client.number, None) is None:
            return
        self._log.process(client.number, "DEAD", "left")
        for task in [task for task in self._node.tasks.values() if _ends_with(task, client)]:
            task.cancelled = True
            self._node.cancelling.stop(task, force=True)
        self._node.groups.end_job(client.number)
        self._forget(client)
        self._node.objects.owner_died(client)
        self._node.actors.on_owner_died(client)
        self._node.follow_up()

    def _forget(self, client: Client) -> None:
        """What a process needed that is gone, it needs no more."""
        self._node.objects.forget(client)
        self._node.streams.forget(client)

    def _end_tasks_of_owner(self, client: Client) -> None:
        """A process has died: what it owned is lost, and the tasks that were to make more of it end."""
        self._node.objects.owner_died(client)
        for task in [task for task in self._node.tasks.values() if task.owner is client]:
            if task.actor is None and task.creates is None:
                task.cancelled = True
                self._node.cancelling.stop(task, force=True)

    def _on_task_lost(self, worker: Worker, task: Task, how: str) -> None:
        """The worker died under the task."""
        self._node.leases.free_resources(worker, task)
        self._log.task_runs(task)
        message = _crash_message(task, worker.pid, how, bool(worker.doom))
        error: RayError = WorkerCrashedError(message)
        if not worker.node.alive:
            error = NodeDiedError(node_died_message(worker.node, task.spec.name))
        if task.cancelled:
            self._node.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
        elif task.retries_left == 0:
            self._node.fail(task, error)
        else:
            self._log.error(task, type(error).__name__, str(error))
            self._node.retries.at_once(task)


def _farewell(worker: Worker, how: str) -> str:
    """Why a worker has ended, for the event store."""
    if not worker.leaving:
        return how
    if worker.actor is not None:
        return "its actor ended"
    return f"left after max_calls: {how}" if worker.retiring else "left when idle"


def _ends_with(task: Task, driver: Client) -> bool:
    """Whether a task ends with a driver: it is of its program, and no detached actor makes it or is made."""
    worker = task.owner.worker
    actor = task.creates or (worker.actor if worker is not None else None)
    return task.job == driver.number and not (actor is not None and actor.spec.detached)


def _crash_message(task: Task, pid: int, how: str, ended_by_us: bool) -> str:
    causes = (
        "Likely causes: the code called os._exit, a C extension crashed, or the system ended the process for "
        "want of memory. "
    )
    return (
        f"The worker (pid={pid}) that ran the task {task.spec.name!r} died: {how}. "
        f"{'' if ended_by_us else causes}The task was tried {task.attempt + 1} time(s); max_retries says how "
        "often it may be tried again."
    )
