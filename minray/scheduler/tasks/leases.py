"""Leases: tasks that a worker has been given, from the order to run them to the word that they are done.

::

    grant -> RunTask, RunTask, ... -> the worker runs one after the other -> TaskDone, TaskDone, ...
                                           |            |
                       waits in `get`: Blocked         the first takes long: GiveBack, queued again

Short tasks are leased several at a time (see `run_times.py`): waking a worker costs more than they do.
What a task holds, its resources, it holds from here on; while it waits for others, they may have its CPUs.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

from ...exceptions import TaskCancelledError
from ...gcs.schema import TaskState
from ...wire.ids import TaskID
from ...wire.messages import Blocked, Exit, GiveBack, RunTask, TaskDone, Unblocked
from ..tables.queue import Demand
from ..tables.records import Client, Task
from ..tables.run_times import RunTimes
from ..tables.worker_pool import Worker

if TYPE_CHECKING:
    from ..local_scheduler import LocalScheduler


class Leases:
    """What `LocalScheduler` hands the tasks that are with workers to.

    Args:
        node: the scheduler itself.
    """

    def __init__(self, node: "LocalScheduler") -> None:
        self._node = node
        self._log = node.log
        self.run_times = RunTimes()

    def grant(self, task: Task, worker: Worker) -> None:
        """Give a worker a task, and with it further ones if they are short."""
        resources = worker.node.resources
        resources.acquire(task.demand)
        if task.kind.gpus:
            task.gpus = resources.take_gpus(task.demand)
        worker.task = task
        if task.creates is not None:
            self._node.actors.start(task, worker)
            return
        self._dispatch(task, worker)
        self._log.task(task, TaskState.SUBMITTED_TO_WORKER)
        function_id, waiting = task.spec.function_id, len(self._node.queue) + 1
        workers = len(self._node.pool.workers)
        if self._node.members.ever:
            workers = sum(len(node.pool.workers) for node in self._node.nodes.values())
        more = self.run_times.lease_size(function_id, waiting, workers) - 1
        if task.spec.max_calls:
            more = min(more, task.spec.max_calls - worker.calls[function_id] - 1)
        if more > 0 and task.spec.max_retries and not task.gpus:
            # Who knows how far the worker came if it dies: only tasks that may be run again go with others.
            worker.ahead.extend(
                self._node.queue.pop_behind(
                    task,
                    more,
                    lambda next_: next_.spec.function_id == function_id and next_.spec.max_retries != 0,
                )
            )
            for next_task in worker.ahead:
                self._dispatch(next_task, worker)
                self._log.task_waits_at_worker(next_task)

    def _dispatch(self, task: Task, worker: Worker) -> None:
        task.worker, task.dispatched = worker, self._node.now
        self.order(task, worker)

    def order(self, task: Task, worker: Worker) -> None:
        """Tell a worker to run a task."""
        spec = task.spec
        blob: bytes | None = None
        values: tuple[tuple[int, int, Any], ...] = ()
        if not spec.actor and spec.function_id not in worker.functions:
            worker.functions.add(spec.function_id)
            blob = self._node.functions[spec.function_id].blob
        if spec.refs:
            values = tuple((place, *self._node.objects.value(argument)) for place, argument in spec.refs)
        worker.channel.channel.send(
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
                self._node.streams.dispatch(task),
                spec.method,
                spec.group,
            )
        )
        self._node.streams.dispatched(task, worker.channel)

    def on_task_done(self, client: Client, message: TaskDone) -> None:
        """A worker has run a task; what it raised may be a reason to try again."""
        worker = client.worker
        if worker is not None and worker.actor is not None:
            self._node.actors.on_task_done(client, worker, message)
            return
        if worker is None or worker.task is None or worker.task.spec.task_id != message.task_id:
            return
        task: Task = worker.task
        self._log.task_ran(task, message.started)
        self.run_times.observe(task.spec.function_id, message.ended - message.started)
        if task.spec.max_calls:
            worker.calls[task.spec.function_id] += 1
            worker.retiring |= worker.calls[task.spec.function_id] >= task.spec.max_calls
        if worker.ahead and not worker.blocked:  # the tasks of a lease are alike: the next one holds the same
            self._begin_next(worker)
        else:
            self.free_resources(worker, task)
            self._go_on(worker)
        self._node.objects.keep_results(client, message)
        results = message.results
        if message.error is not None:
            error = _with_end(task, client.pid, message.error) if worker.retiring else message.error
            self._log.error(task, *error)
            if message.retry and task.retries_left and not task.cancelled:
                self._node.retries.later(task)
                return
            results = self._node.streams.raised(task, results)
            self._node.objects.unseen.raised(task, [result[0] for result in results], message.error[2])
        state = TaskState.FINISHED if message.error is None else TaskState.FAILED
        self._node.finish(task, state, results, message.ended)

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
        if not worker.ahead:
            if worker.retiring:
                worker.node.pool.retire(worker)
                worker.channel.channel.send(Exit())
            else:
                worker.node.pool.make_idle(worker, self._node.now)
            return
        self._begin_next(worker)
        worker.blocked = False
        worker.node.resources.acquire(worker.task.demand)

    def _begin_next(self, worker: Worker) -> None:
        """The next task of its lease is the one that the worker runs now."""
        worker.task = worker.ahead.popleft()
        worker.task.dispatched = self._node.now

    def take_back(self, tasks: list[Task]) -> None:
        """Queue tasks again, in front, that their worker has not begun."""
        for task in reversed(tasks):
            self._log.task_still_waits(task)
            task.worker = None
            task.running_reported = False
            if task.cancelled:
                self._node.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
            elif refusal := self._node.groups.refusal(task.spec.placement):
                self._node.fail(task, refusal)
            else:
                self._log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
                self._node.queue.push_front(task)

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
        for worker in self._node.processes.workers():
            if worker.task is not None and self._node.now - worker.task.dispatched >= seconds:
                self._log.task_runs(worker.task)
                for task in worker.ahead:
                    self._log.task_still_waits(task)


def _lendable(worker: Worker) -> Demand:
    """What others may have while the worker's task waits: an actor keeps what it holds."""
    if worker.actor is not None:
        return ()
    task: Task = worker.task
    return task.lendable


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
