"""Leases: tasks that a worker has been given, from the order to run them to the word that they are done.

::

    grant -> RunTask, RunTask, ... -> the worker runs one after the other -> TaskDone, TaskDone, ...
                                           |            |
                       waits in `get`: Blocked         the first takes long: GiveBack, queued again

Short tasks are leased several at a time (see `tables/run_times`): waking a worker costs more than they do.
What a task holds, its resources, it holds from here on; while it waits for others, they may have its CPUs.
"""

from collections import deque

from ...exceptions import TaskCancelledError
from ...gcs.schema import TaskState
from ...wire.demand import Demand
from ...wire.ids import TaskID
from ...wire.messages import STREAMING, Blocked, Exit, GiveBack, RunTask, TaskDone, Unblocked, Value
from ..objects.objects import Objects
from ..objects.streams import ItemStreams
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.queue import TaskQueue
from ..tables.records import Client, Task, Worker
from ..tables.run_times import RunTimes
from .retries import Retries
from .tasks import Tasks


class Leases:
    """The tasks that are with workers, and what they hold.

    Args:
        log: where events go.
        nodes: those that live.
        queue: the tasks that wait; short ones go along with others, and those that are given back return.
        objects: where arguments are.
        streams: the items that generators yield.
        tasks: is told of tasks that have ended.
        retries: is told of those that are to be tried again.
    """

    def __init__(
        self,
        log: EventLog,
        nodes: Nodes,
        queue: TaskQueue,
        objects: Objects,
        streams: ItemStreams,
        tasks: Tasks,
        retries: Retries,
    ) -> None:
        self._log, self._nodes, self._queue, self._objects = log, nodes, queue, objects
        self._streams, self._tasks, self._retries = streams, tasks, retries
        self._run_times = RunTimes()

    def grant(self, task: Task, worker: Worker) -> None:
        """Give a worker a task, and with it further ones if they are short."""
        resources = worker.node.resources
        resources.acquire(task.demand)
        if task.kind.gpus:
            task.gpus = resources.take_gpus(task.demand)
        if task.route is not None:
            task.route.start(task, worker)
            return
        self.order(task, worker)
        self._log.task(task, TaskState.SUBMITTED_TO_WORKER)
        more = self._companions(task, worker)
        if more > 0:
            function_id = task.spec.function_id
            worker.ahead.extend(
                self._queue.pop_behind(
                    task,
                    more,
                    lambda next_: next_.spec.function_id == function_id and next_.spec.max_retries != 0,
                )
            )
            for next_task in worker.ahead:
                self.order(next_task, worker)
                self._log.task_waits_at_worker(next_task)

    def _companions(self, task: Task, worker: Worker) -> int:
        """How many tasks of the same function are to go along with a task."""
        spec = task.spec
        if not spec.max_retries or task.gpus:
            # Who knows how far the worker came if it dies: only tasks that may be run again go with others.
            return 0
        workers = sum(len(node.pool.workers) for node in self._nodes.alive.values())
        more = self._run_times.lease_size(spec.function_id, self._queue.length + 1, workers) - 1
        return min(more, spec.max_calls - worker.calls[spec.function_id] - 1) if spec.max_calls else more

    def order(self, task: Task, worker: Worker) -> None:
        """Tell a worker to run a task: now, or after those that it has."""
        spec = task.spec
        task.dispatched = self._log.now
        self._tasks.set_worker(task, worker)
        if worker.task is None:
            worker.task = task
        blob: bytes | None = None
        values: tuple[tuple[int, *Value], ...] = ()
        if not spec.actor and spec.function_id not in worker.functions:
            worker.functions.add(spec.function_id)
            blob = self._tasks.functions[spec.function_id].blob
        if spec.refs:
            values = tuple((place, *self._objects.value(argument)) for place, argument in spec.refs)
        yields = spec.num_returns == STREAMING
        worker.send(
            RunTask(
                spec.task_id,
                spec.function_id,
                blob,
                spec.name,
                spec.args,
                values,
                spec.num_returns,
                spec.retry_exceptions,
                task.number,
                task.job,
                task.demand,
                task.gpus,
                spec.placement,
                spec.backpressure,
                self._streams.dispatch(task) if yields else 0,
                spec.method,
                spec.group,
            )
        )
        if yields:
            self._streams.dispatched(task, worker)

    def on_task_done(self, client: Client, message: TaskDone) -> None:
        """A worker has run a task; what it raised may be a reason to try again."""
        worker = client.worker
        if worker is not None and worker.actor is not None:
            worker.actor.calls.done(client, worker, message)
            return
        if worker is None or worker.task is None or worker.task.spec.task_id != message.task_id:
            return
        task = worker.task
        self._log.task_ran(task, message.started)
        self._run_times.observe(task.spec.function_id, message.ended - message.started)
        if task.spec.max_calls:
            worker.calls[task.spec.function_id] += 1
            worker.retiring |= worker.calls[task.spec.function_id] >= task.spec.max_calls
        if worker.ahead and not worker.blocked:  # the tasks of a lease are alike: the next one holds the same
            self.turn_to(worker, worker.ahead.popleft())
        else:
            self.free_resources(worker, task)
            self._go_on(worker)
        self._objects.keep_results(client, message)
        if message.error is not None:
            error = _with_end(task, client.pid, message.error) if worker.retiring else message.error
            self._log.error(task, *error)
            if message.retry and task.retries_left and not task.cancelled:
                self._retries.later(task)
                return
        self._tasks.ended(task, message)

    def on_give_back(self, client: Client, message: GiveBack) -> None:
        """A worker is held up: others are to run the rest of its lease."""
        worker, given = client.worker, set(message.task_ids)
        if worker is None:
            return
        back = [task for task in worker.ahead if task.spec.task_id in given]
        worker.ahead = deque(task for task in worker.ahead if task.spec.task_id not in given)
        if worker.task is not None and worker.task.spec.task_id in given:  # not even the first was begun
            back.insert(0, worker.task)
            self.free_resources(worker, worker.task)
            self._go_on(worker)
        self.take_back(back)

    def _go_on(self, worker: Worker) -> None:
        """The worker is at the next task of its lease, or at its end."""
        if worker.ahead:
            next_task = worker.ahead.popleft()
            self.turn_to(worker, next_task)
            worker.node.resources.acquire(next_task.demand)
        elif worker.retiring:
            self.turn_to(worker, None)
            worker.node.pool.retire(worker)
            worker.send(Exit())
        else:
            self.turn_to(worker, None)
            worker.node.pool.make_idle(worker, self._log.now)
        worker.blocked = False

    def turn_to(self, worker: Worker, task: Task | None) -> None:
        """The worker is at this one of its tasks now, as far as can be known; None: it is at its end."""
        worker.task = task
        if task is not None:
            task.dispatched = self._log.now

    def take_back(self, tasks: list[Task]) -> None:
        """Queue tasks again, in front, that their worker has not begun."""
        for task in reversed(tasks):
            self._log.task_still_waits(task)
            self._tasks.set_worker(task, None)
            if task.cancelled:
                self._tasks.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
            elif task.spec.placement and (refusal := self._tasks.refusal(task.spec.placement)):
                self._tasks.fail(task, refusal)
            else:
                self._log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
                self._queue.push_front(task)

    def free_resources(self, worker: Worker, task: Task) -> None:
        """The worker does not run the task, or the actor that the task has made, any more."""
        resources = worker.node.resources
        if worker.blocked:  # killed in `get`, or one of its threads is still waiting there
            resources.acquire(_lendable(worker))
        resources.release(task.demand)
        resources.give_gpus(task.gpus, task.demand)
        task.gpus = ()

    def on_blocked(self, client: Client, message: Blocked) -> None:
        """A task waits for others in `get` or `wait`."""
        worker = client.worker
        if worker is None or worker.task is None or worker.blocked:
            return
        worker.blocked = True
        self._log.task_runs(worker.task)
        worker.node.resources.release(_lendable(worker))
        in_get = message.kind == "get"
        self._log.task(worker.task, TaskState.RUNNING_IN_RAY_GET if in_get else TaskState.RUNNING_IN_RAY_WAIT)

    def on_unblocked(self, client: Client, message: Unblocked) -> None:
        """It goes on."""
        worker = client.worker
        if worker is None or worker.task is None or not worker.blocked:
            return
        worker.blocked = False
        worker.node.resources.acquire(_lendable(worker))
        self._log.task(worker.task, TaskState.RUNNING)

    def report_long_running(self, seconds: float) -> None:
        """Report tasks as running that have been with their worker for so long, and those that wait there."""
        for worker in self._nodes.workers():
            if worker.task is not None and self._log.now - worker.task.dispatched >= seconds:
                self._log.task_runs(worker.task)
                for task in worker.ahead:
                    self._log.task_still_waits(task)


def _lendable(worker: Worker) -> Demand:
    """What others may have while the worker's task waits: an actor keeps what it holds."""
    return worker.task.lendable if worker.task is not None and worker.actor is None else ()


def _with_end(task: Task, pid: int, error: tuple[str, str, str]) -> tuple[str, str, str]:
    """What a task raised, for the event store, beside the end of its worker; the lines are Ray's."""
    name, _, traceback = error
    frames = traceback.removeprefix("Traceback (most recent call last):\n").rstrip()
    return (
        name,
        f"User exception:\nray::{task.spec.name}() (pid={pid}, ip=127.0.0.1)\n{frames}\n\nSystem error:\n"
        "IntentionalSystemExit: Worker exits with an exit code 0. Exited because worker reached "
        f"max_calls={task.spec.max_calls} for this method.",
        "",
    )
