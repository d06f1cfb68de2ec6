"""How processes end: what was with them is tried again, fails, or is gone.

::

    Died -> a worker: its task is tried again or fails; what it owned and referred to is gone; so is its actor
    a driver's connection ends: so do its tasks, its actors, its groups and its references
"""

from collections.abc import Callable

from ...exceptions import NodeDiedError, RayError, TaskCancelledError, WorkerCrashedError
from ...session.exit_codes import describe_exit
from ...wire.ids import TaskID
from ...wire.messages import Died
from ..objects.objects import Objects
from ..objects.streams import ItemStreams
from ..objects.whereabouts import Whereabouts
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.records import Client, Node, Task, Worker
from ..tasks.cancelling import Cancelling
from ..tasks.leases import Leases
from ..tasks.retries import Retries
from ..tasks.tasks import Tasks


class Deaths:
    """Clears up after processes.

    Args:
        log: where events go.
        clients: the processes that are connected, by number.
        nodes: where the workers are.
        objects: what the processes refer to.
        whereabouts: of what they own.
        streams: what their generators have yielded.
        tasks: what they have submitted, and run.
        leases: what their tasks hold.
        retries: queues tasks again.
        cancelling: ends tasks.
    """

    def __init__(
        self,
        log: EventLog,
        clients: dict[int, Client],
        nodes: Nodes,
        objects: Objects,
        whereabouts: Whereabouts,
        streams: ItemStreams,
        tasks: Tasks,
        leases: Leases,
        retries: Retries,
        cancelling: Cancelling,
    ) -> None:
        self._log, self._clients, self._nodes, self._objects = log, clients, nodes, objects
        self._whereabouts, self._streams, self._tasks = whereabouts, streams, tasks
        self._leases, self._retries, self._cancelling = leases, retries, cancelling
        self._actor_died: Callable[[Worker, str], None]
        self._owner_died: Callable[[Client], None]
        self._job_ended: Callable[[int], None]

    def connect(
        self,
        actor_died: Callable[[Worker, str], None],
        owner_died: Callable[[Client], None],
        job_ended: Callable[[int], None],
    ) -> None:
        """Name those who look after actors and groups.

        Args:
            actor_died: is told of a worker in which an actor lived, and how it died.
            owner_died: is told of a process that may have made actors.
            job_ended: is told of a driver whose program may have made groups.
        """
        self._actor_died, self._owner_died, self._job_ended = actor_died, owner_died, job_ended

    def end_session(self) -> None:
        """Record that all processes end now."""
        for number in {*self._clients, *(worker.number for worker in self._nodes.workers())}:
            self._log.process(number, "DEAD", "the session ended")

    def on_died(self, message: Died) -> None:
        """A worker's process has ended: its task runs again or fails, its references are gone."""
        worker = self._nodes.find_worker(message.worker)
        if worker is None:
            return
        worker.node.pool.died(message.worker)
        how = worker.doom or describe_exit(message.exit_code)
        self._log.process(worker.number, "DEAD", _farewell(worker, how))
        client = self._clients.pop(worker.number, None)
        if client is not None:
            self._forget(client)
            if not worker.leaving:
                self._end_tasks_of_owner(client)
        if worker.actor is not None:
            self._leases.free_resources(worker, worker.actor.creation)
            self._actor_died(worker, how)
        elif worker.task is not None:
            self._on_task_lost(worker, worker.task, how)
        self._leases.take_back(list(worker.ahead))
        if client is not None:
            self._owner_died(client)
        self._tasks.follow_up()

    def on_driver_left(self, client: Client) -> None:
        """A driver has gone, well or badly: its tasks end, and its references are gone."""
        if self._clients.pop(client.number, None) is None:
            return
        self._log.process(client.number, "DEAD", "left")
        for task in [task for task in self._tasks.alive.values() if _ends_with(task, client)]:
            self._cancelling.end(task, force=True)
        self._job_ended(client.number)
        self._forget(client)
        self._whereabouts.owner_died(client)
        self._owner_died(client)
        self._tasks.follow_up()

    def _forget(self, client: Client) -> None:
        """What a process needed that is gone, it needs no more."""
        self._objects.forget(client)
        self._streams.forget(client)

    def _end_tasks_of_owner(self, client: Client) -> None:
        """A process has died: what it owned is lost, and the tasks that were to make more of it end."""
        self._whereabouts.owner_died(client)
        for task in [task for task in self._tasks.alive.values() if task.owner is client]:
            if task.route is None:
                self._cancelling.end(task, force=True)

    def _on_task_lost(self, worker: Worker, task: Task, how: str) -> None:
        """The worker died under the task."""
        self._leases.free_resources(worker, task)
        self._log.task_runs(task)
        message = _crash_message(task, worker.pid, how, bool(worker.doom))
        error: RayError = WorkerCrashedError(message)
        if not worker.node.alive:
            error = NodeDiedError(node_died_message(worker.node, task.spec.name))
        if task.cancelled:
            self._tasks.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
        elif task.retries_left == 0:
            self._tasks.fail(task, error)
        else:
            self._log.error(task, type(error).__name__, str(error))
            self._retries.at_once(task)


def _farewell(worker: Worker, how: str) -> str:
    """Why a worker has ended, for the event store."""
    if not worker.leaving:
        return how
    if worker.actor is not None:
        return "its actor ended"
    return f"left after max_calls: {how}" if worker.retiring else "left when idle"


def _ends_with(task: Task, driver: Client) -> bool:
    """Whether a task ends with a driver: it is of its program, and no detached actor makes it or is made."""
    actor = task.constructs or task.owner.actor
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


def node_died_message(node: Node, name: str) -> str:
    """Why a task failed that ran on a node that has died; the first words are Ray's."""
    return (
        "Task failed because the node it was running on is dead or unavailable. Node IP: "
        f"{node.info['NodeManagerAddress']}, node ID: {node.id}; what happened to it: "
        f"{node.info['DeathReasonMessage']}. How often the task {name!r} may be tried again "
        "elsewhere, max_retries says."
    )
