"""The local scheduler: takes tasks in, waits for their arguments, finds resources, leases workers.

It decides and does no I/O: `handle` changes the state and puts answers into outboxes (`client.channel`,
`zygote`, `log`, `objects.unlink`, `signals`), which `scheduler_process` empties.  So tests drive it without a
socket or a clock.  It never looks into user data.  A task's way through this file::

    on_submit_task -> [arguments missing? wait in the object table] -> _enqueue -> schedule -> _dispatch
                                                                                        |
         owner's value <--- objects.seal <--- on_task_done <- (worker runs it) <----------+
"""

import pickle
import signal
from collections import deque
from collections.abc import Callable
from typing import Any

from .config import IDLE_WORKER_SECONDS, RUNNING_REPORT_SECONDS
from .event_log import EventLog
from .events import TaskState
from .exceptions import RayError, TaskCancelledError, WorkerCrashedError
from .exit_codes import describe_exit
from .ids import object_id, task_of
from .messages import (
    ERROR,
    AbortSegment,
    AddRows,
    Blocked,
    CancelTask,
    CreateSegment,
    Died,
    DropReferences,
    Exit,
    ExportFunction,
    Fork,
    Forked,
    GiveBack,
    Hello,
    HoldReferences,
    InterruptMissed,
    Message,
    Notice,
    Print,
    PrintToDriver,
    PutObject,
    Query,
    Reply,
    RunTask,
    SealSegment,
    SubmitTask,
    Subscribe,
    TaskDone,
    Unblocked,
    Welcome,
)
from .node_objects import NodeObjects, lost
from .object_table import ObjectEntry
from .run_times import RunTimes
from .scheduler_records import Client, Task
from .scheduling import UNIT, Resources, TaskQueue
from .worker_pool import Worker, WorkerPool


class LocalScheduler:
    """The state of one node.

    Args:
        node_id: 28 bytes.
        resources: what the node has, in units.
        store_capacity: bytes that objects may use.
        zygote: has send(message).
        node_info: what `nodes()` returns for this node.
    """

    def __init__(
        self,
        node_id: bytes,
        resources: dict[str, float],
        store_capacity: int,
        zygote: Any,  # noqa: ANN401 - a channel, or what stands for one in tests
        node_info: dict[str, Any],
    ) -> None:
        self.node_id = node_id
        self.resources = Resources(resources)
        self.log = EventLog()
        self.pool = WorkerPool(int(resources.get("CPU", 0)))
        self.objects = NodeObjects(store_capacity, self.log)
        self.queue: TaskQueue[Task] = TaskQueue()
        self.tasks: dict[bytes, Task] = {}
        self.clients: dict[int, Client] = {}
        self.functions: dict[bytes, ExportFunction] = {}
        self.run_times = RunTimes()
        self._to_stop: list[tuple[Task, bool]] = []  # cancelled while in a lease; and whether by force
        self.zygote = zygote
        self._node_info = node_info
        self._last_task = 0
        # Outboxes, beside those of `objects` and `log`.
        self.signals: list[tuple[int, int]] = []
        self.flush_requests: list[tuple[Client, int]] = []
        self._handlers: dict[type, Callable[[Client, Any], None]] = {
            Hello: self._on_hello,
            ExportFunction: self._on_export_function,
            SubmitTask: self._on_submit_task,
            TaskDone: self._on_task_done,
            GiveBack: self._on_give_back,
            InterruptMissed: self._on_interrupt_missed,
            PutObject: self.objects.on_put_object,
            CreateSegment: self.objects.on_create_segment,
            SealSegment: self.objects.on_seal_segment,
            AbortSegment: self.objects.on_abort_segment,
            Subscribe: self.objects.on_subscribe,
            HoldReferences: self.objects.on_hold_references,
            DropReferences: self.objects.on_drop_references,
            Blocked: self._on_blocked,
            Unblocked: self._on_unblocked,
            Print: self._on_print,
            CancelTask: self._on_cancel_task,
            AddRows: self._on_add_rows,
            Query: self._on_query,
        }

    def handle(self, client: Client, message: Message) -> None:
        """Take one message in."""
        self._handlers[type(message)](client, message)
        self._wake_waiting_tasks()

    @property
    def now(self) -> float:
        """The time of the messages that are being handled, in seconds since 1970."""
        return self.log.now

    @now.setter
    def now(self, now: float) -> None:
        self.log.now = now

    # --- processes ----------------------------------------------------------------------------------

    def start_workers(self) -> None:
        """Start one worker per CPU."""
        self._start(self.pool.target)

    def end_session(self) -> None:
        """Record that all processes end now."""
        for number in {*self.clients, *self.pool.workers}:
            self.log.process(number, "DEAD", "the session ended")

    def _start(self, runnable: int) -> None:
        for worker in self.pool.to_start(runnable):
            self.zygote.send(Fork(worker.number))

    def _on_hello(self, client: Client, message: Hello) -> None:
        if message.kind == "WORKER" and message.worker not in self.pool.workers:
            return  # it has died since, and the zygote's word came first
        client.kind, client.pid = message.kind, message.pid
        client.number = message.worker or self.pool.next_number()
        self.clients[client.number] = client
        if message.kind == "WORKER":
            client.worker = self.pool.connected(client.number, client, self.now)
            client.worker.pid = message.pid
            self.log.process(client.number, "IDLE")
        else:
            self.log.new_process(client.number, message.pid, "DRIVER")
            self.log.process(client.number, "IDLE")
        client.channel.send(Welcome(client.number, self.node_id))

    def on_forked(self, message: Forked) -> None:
        """The zygote has made a worker."""
        worker = self.pool.workers.get(message.worker)
        if worker is not None:
            worker.pid = message.pid
        self.log.new_process(message.worker, message.pid, "WORKER")
        if worker is not None and worker.channel is None:  # else its own word came first
            self.log.process(message.worker, "STARTING")

    def on_died(self, message: Died) -> None:
        """A worker's process has ended: its task runs again or fails, its references are gone."""
        worker = self.pool.died(message.worker)
        if worker is None:
            return
        how = describe_exit(message.exit_code)
        self.log.process(worker.number, "DEAD", "left when idle" if worker.leaving else how)
        client = self.clients.pop(worker.number, None)
        if client is not None:
            self.objects.forget(client)
        if worker.task is not None:
            self._on_task_lost(worker, worker.task, how)
        self._take_back(list(worker.ahead))
        self._wake_waiting_tasks()

    def _on_task_lost(self, worker: Worker, task: Task, how: str) -> None:
        """The worker died under the task."""
        self._free_resources(worker, task)
        self.log.task_runs(task)
        if task.cancelled:
            self._fail(task, TaskCancelledError(task.spec.task_id.hex()))
        elif task.retries_left == 0:
            self._fail(task, WorkerCrashedError(_crash_message(task, worker.pid, how)))
        else:
            self.log.error(task, "WorkerCrashedError", _crash_message(task, worker.pid, how))
            self._retry(task)

    def _free_resources(self, worker: Worker, task: Task) -> None:
        """The worker does not run the task any more."""
        if worker.blocked:  # killed in `get`, or one of its threads is still waiting there
            self.resources.acquire(task.lendable)
        self.resources.release(task.demand)

    def _retry(self, task: Task) -> None:
        self.log.task(task, TaskState.FAILED)
        task.worker = None
        task.retries_left -= 1 if task.retries_left > 0 else 0
        task.attempt += 1
        task.running_reported = False
        self._enqueue(task)

    # --- tasks --------------------------------------------------------------------------------------

    def _on_export_function(self, client: Client, message: ExportFunction) -> None:
        self.functions[message.function_id] = message

    def _on_submit_task(self, client: Client, spec: SubmitTask) -> None:
        self._last_task += 1
        parent = client.task
        task = Task(
            spec,
            number=self._last_task,
            owner=client,
            parent=parent.number if parent else None,
            depth=parent.depth + 1 if parent else 0,
            demand=spec.resources,
            retries_left=spec.max_retries,
        )
        self.tasks[spec.task_id] = task
        self.log.new_task(task)
        self.log.task(task, TaskState.PENDING_ARGS_AVAIL)
        table, references = self.objects.table, self.objects.table.references
        for index in range(spec.num_returns):
            result = object_id(spec.task_id, index)
            table.declare(result, task.number).subscribers.append(client)
            references.hold(client, result)
        for inner in spec.contained:
            references.pin(inner)
        for _, argument in spec.refs:
            references.pin(argument)
            entry = table.get(argument) or self._declare_lost(argument)
            self.log.dependency(task, argument, entry.producer)
            if not entry.ready:
                entry.waiters.append(task)
                task.missing += 1
        if not self.resources.feasible(task.demand):
            self.notify(Notice(self._infeasible_text(task)))
        if not task.missing:
            self._arguments_ready(task)

    def _declare_lost(self, argument: bytes) -> ObjectEntry[Task]:
        """An argument of which nobody knows: its task is to fail."""
        entry = self.objects.table.declare(argument, None)
        self.objects.seal(argument, (ERROR, lost(argument)), (), None)
        return entry

    def _wake_waiting_tasks(self) -> None:
        """Go on with tasks whose arguments are complete now.

        A loop and not a recursion, because a failed task may fail a long chain of tasks that depend on it.
        """
        while self.objects.complete:
            task = self.objects.complete.popleft()
            if task.spec.task_id in self.tasks:  # else it was cancelled in the meantime
                self._arguments_ready(task)

    def _arguments_ready(self, task: Task) -> None:
        """All arguments exist; if one of them is an error, so is the task's result."""
        for _, argument in task.spec.refs:
            kind, payload = self.objects.value(argument)
            if kind == ERROR:
                self.log.error(task, "RayTaskError", "one of its arguments is the result of a failed task")
                self._finish(task, TaskState.FAILED, ((ERROR, payload, ()),) * task.spec.num_returns)
                return
        self._enqueue(task)

    def _enqueue(self, task: Task) -> None:
        self.log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
        self.queue.push(task)

    def schedule(self) -> None:
        """Give tasks to workers as long as there are tasks, resources and workers."""
        while (task := self.queue.peek(self.resources)) is not None:
            worker = self.pool.take_idle()
            if worker is None:
                free_cpus = int(self.resources.available().get("CPU", 0)) if task.demand else self.pool.target
                self._start(min(len(self.queue), max(1, free_cpus)))
                return
            self.queue.pop(task)
            self._lease(task, worker)

    def _lease(self, task: Task, worker: Worker) -> None:
        """Give a worker a task, and with it further ones if they are short."""
        self.resources.acquire(task.demand)
        worker.task = task
        self._dispatch(task, worker)
        function_id, waiting = task.spec.function_id, len(self.queue) + 1
        more = self.run_times.lease_size(function_id, waiting, len(self.pool.workers)) - 1
        if more > 0 and task.spec.max_retries:
            # Who knows how far the worker came if it dies: only tasks that may be run again go with others.
            worker.ahead.extend(
                self.queue.pop_behind(
                    task,
                    more,
                    lambda next_: next_.spec.function_id == function_id and next_.spec.max_retries != 0,
                )
            )
            for next_task in worker.ahead:
                self._dispatch(next_task, worker)

    def _dispatch(self, task: Task, worker: Worker) -> None:
        spec = task.spec
        task.worker, task.dispatched = worker, self.now
        blob = None
        if spec.function_id not in worker.functions:
            worker.functions.add(spec.function_id)
            blob = self.functions[spec.function_id].blob
        values = tuple((place, *self.objects.value(argument)) for place, argument in spec.refs)
        self.log.task(task, TaskState.SUBMITTED_TO_WORKER)
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
            )
        )

    def _on_task_done(self, client: Client, message: TaskDone) -> None:
        worker = client.worker
        if worker is None or worker.task is None or worker.task.spec.task_id != message.task_id:
            return
        task: Task = worker.task
        self.log.task_runs(task, message.started)
        self._free_resources(worker, task)
        self.run_times.observe(task.spec.function_id, message.ended - message.started)
        self._go_on(worker)
        self.objects.keep_results(client, message)
        if message.error is not None:
            self.log.error(task, *message.error)
            if message.retry and task.retries_left and not task.cancelled:
                self._retry(task)
                return
        state = TaskState.FINISHED if message.error is None else TaskState.FAILED
        self._finish(task, state, message.results, message.ended)

    def _on_give_back(self, client: Client, message: GiveBack) -> None:
        worker, given = client.worker, set(message.task_ids)
        if worker is None:
            return
        back = [task for task in worker.ahead if task.spec.task_id in given]
        worker.ahead = deque(task for task in worker.ahead if task.spec.task_id not in given)
        if worker.task is not None and worker.task.spec.task_id in given:  # not even the first was begun
            back.insert(0, worker.task)
            self._free_resources(worker, worker.task)
            self._go_on(worker)
        self._take_back(back)

    def _go_on(self, worker: Worker) -> None:
        """The worker is at the next task of its lease, or at its end."""
        if not worker.ahead:
            self.pool.make_idle(worker, self.now)
            return
        worker.blocked = False
        worker.task = worker.ahead.popleft()
        worker.task.dispatched = self.now
        self.resources.acquire(worker.task.demand)

    def _take_back(self, tasks: list[Task]) -> None:
        """Queue tasks again, in front, that their worker has not begun."""
        for task in reversed(tasks):
            task.worker = None
            task.running_reported = False
            if task.cancelled:
                self._fail(task, TaskCancelledError(task.spec.task_id.hex()))
            else:
                self.log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
                self.queue.push_front(task)

    def _fail(self, task: Task, error: RayError) -> None:
        """Make an error of the runtime's own the task's result."""
        self.log.error(task, type(error).__name__, str(error))
        payload = pickle.dumps(error)
        self._finish(task, TaskState.FAILED, ((ERROR, payload, ()),) * task.spec.num_returns)

    def _finish(
        self,
        task: Task,
        state: TaskState,
        results: tuple[tuple[int, Any, tuple[bytes, ...]], ...],
        ended: float = 0.0,
    ) -> None:
        """The task has its results: whoever waits for them goes on, its arguments are let go."""
        spec = task.spec
        self.log.task(task, state, ended)
        del self.tasks[spec.task_id]
        maybe_free = []
        for index, (kind, payload, contained) in enumerate(results):
            result = object_id(spec.task_id, index)
            self.objects.seal(result, (kind, payload), contained, task.number)
            maybe_free.append(result)
        unpin = self.objects.table.references.unpin
        maybe_free += [argument for _, argument in spec.refs if unpin(argument)]
        maybe_free += [inner for inner in spec.contained if unpin(inner)]
        self.objects.release(maybe_free)

    # --- waiting, cancelling, printing --------------------------------------------------------------

    def _on_blocked(self, client: Client, message: Blocked) -> None:
        worker = client.worker
        if worker is None or worker.task is None or worker.blocked:
            return
        worker.blocked = True
        self.log.task_runs(worker.task)
        self.resources.release(worker.task.lendable)
        in_get = message.kind == "get"
        self.log.task(worker.task, TaskState.RUNNING_IN_RAY_GET if in_get else TaskState.RUNNING_IN_RAY_WAIT)

    def _on_unblocked(self, client: Client, message: Unblocked) -> None:
        worker = client.worker
        if worker is None or worker.task is None or not worker.blocked:
            return
        worker.blocked = False
        self.resources.acquire(worker.task.lendable)
        self.log.task(worker.task, TaskState.RUNNING)

    def _on_cancel_task(self, client: Client, message: CancelTask) -> None:
        task = self.tasks.get(task_of(message.object_id))
        if task is not None:
            self._cancel(task, message)

    def _cancel(self, task: Task, message: CancelTask) -> None:
        if message.recursive:
            for child in [other for other in self.tasks.values() if other.parent == task.number]:
                self._cancel(child, message)
        task.cancelled = True
        self._stop_task(task, message.force)

    def _stop_task(self, task: Task, force: bool) -> None:
        """Keep a cancelled task from going on, wherever it is."""
        worker = task.worker
        if task.spec.task_id not in self.tasks:
            return
        if worker is None:
            self.queue.discard(task)
            self._fail(task, TaskCancelledError(task.spec.task_id.hex()))
        elif worker.ahead or worker.task is not task:
            # Which task of its lease the worker is at is not known for sure; it soon will be.
            self._to_stop.append((task, force))
        else:
            # The worker gets no other task before this signal has reached it: see worker.py.
            self.signals.append((worker.pid, signal.SIGKILL if force else signal.SIGINT))

    def _on_interrupt_missed(self, client: Client, message: InterruptMissed) -> None:
        if client.task is not None and client.task.cancelled:
            self._stop_task(client.task, force=False)

    def _on_print(self, client: Client, message: Print) -> None:
        self.log.printed(client.number, client.task_number, message.stream, message.text)
        self.notify(PrintToDriver(message.name, client.pid, message.stream, message.text))

    def notify(self, message: Notice | PrintToDriver) -> None:
        """Tell the user something."""
        for client in self.clients.values():
            if client.kind == "DRIVER":
                client.channel.send(message)

    # --- questions and events -----------------------------------------------------------------------

    def _on_add_rows(self, client: Client, message: AddRows) -> None:
        if message.table == "api_calls":
            caller = (client.number, client.task_number)
            self.log.rows["api_calls"] += [caller + row for row in message.rows]
        else:
            self.log.rows[message.table] += message.rows

    def _on_query(self, client: Client, message: Query) -> None:
        if message.what == "flush":
            self.report_long_running(0.0)
            self.flush_requests.append((client, message.request))
            return
        answers: dict[str, Callable[[], Any]] = {
            "nodes": lambda: [self._node_info],
            "cluster_resources": self.resources.total,
            "available_resources": self.resources.available,
            "objects": lambda: len(self.objects.table),
            "store_used": lambda: self.objects.store.used,
        }
        client.channel.send(Reply(message.request, answers[message.what](), ""))

    def tick(self) -> None:
        """What time alone brings about: long tasks are reported as running, spare workers leave."""
        self.report_long_running(RUNNING_REPORT_SECONDS)
        to_stop, self._to_stop = self._to_stop, []
        for task, force in to_stop:
            self._stop_task(task, force)
        for worker in self.pool.superfluous(self.now, IDLE_WORKER_SECONDS):
            worker.channel.channel.send(Exit())

    def report_long_running(self, seconds: float) -> None:
        """Report tasks as running that have been with their worker for so long."""
        for worker in self.pool.workers.values():
            if worker.task is not None and self.now - worker.task.dispatched >= seconds:
                self.log.task_runs(worker.task)

    def _infeasible_text(self, task: Task) -> str:
        wanted = ", ".join(f"{amount / UNIT:g} {name}" for name, amount in task.demand)
        has = ", ".join(f"{amount:g} {name}" for name, amount in self._countable())
        return (
            f"The task {task.spec.name!r} asks for {wanted}, but this node has only {has}. It waits, and "
            "will go on waiting: ask for less with num_cpus=..., or start with init(num_cpus=...) large "
            "enough."
        )

    def _countable(self) -> list[tuple[str, float]]:
        """The node's resources without memory and without those that name the node itself."""
        totals = self.resources.total().items()
        return [(name, amount) for name, amount in totals if "memory" not in name and ":" not in name]


def _crash_message(task: Task, pid: int, how: str) -> str:
    return (
        f"The worker (pid={pid}) that ran the task {task.spec.name!r} died: {how}. Likely causes: the code "
        "called os._exit, a C extension crashed, or the system ended the process for want of memory. The "
        f"task was tried {task.attempt + 1} time(s); max_retries says how often it may be tried again."
    )
