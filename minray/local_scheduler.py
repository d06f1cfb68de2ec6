"""The local scheduler: takes tasks in, waits for their arguments, finds resources, leases workers.

It decides and does no I/O: `handle` changes the state and puts answers into outboxes (`client.channel`,
`zygote`, `rows`, `unlink`, `signals`), which `scheduler_process` empties.  So tests drive it without a
socket or a clock.  It never looks into user data.  A task's way through this file::

    on_submit_task -> [arguments missing? wait in the object table] -> _enqueue -> schedule -> _dispatch
                                                                                        |
         owner's value <- _push <- _seal <- on_task_done <- (worker runs it) <----------+
"""

import pickle
import signal
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .config import IDLE_WORKER_SECONDS, RUNNING_REPORT_SECONDS
from .events import TaskState
from .exceptions import ObjectLostError, RayError, TaskCancelledError, WorkerCrashedError
from .ids import object_id, task_of
from .messages import (
    ERROR,
    INLINE,
    STORED,
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
    Hello,
    HoldReferences,
    Message,
    Notice,
    ObjectsReady,
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
from .object_store import StoreBook
from .object_table import ObjectEntry, ObjectTable
from .scheduling import UNIT, Demand, Resources, TaskQueue
from .worker_pool import Worker, WorkerPool


@dataclass(eq=False, slots=True)
class Client:
    """A process that is connected: a driver, or a worker."""

    channel: Any  # has send(message)
    number: int = 0
    kind: str = ""
    pid: int = 0
    worker: Worker | None = None
    ready: list[tuple[bytes, int, Any]] = field(default_factory=list)  # values to push at the next flush
    creating: set[bytes] = field(default_factory=set)  # segments it is writing


@dataclass(eq=False, slots=True)
class Task:
    """A task that is not finished."""

    spec: SubmitTask
    number: int
    owner: Client
    parent: int | None
    depth: int
    demand: Demand
    retries_left: int
    missing: int = 0  # arguments that do not exist yet
    attempt: int = 0
    worker: Worker | None = None
    dispatched: float = 0.0
    running_reported: bool = False
    cancelled: bool = False


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
        self.store = StoreBook(store_capacity)
        self.pool = WorkerPool(int(resources.get("CPU", 0)))
        self.objects: ObjectTable[Task] = ObjectTable()
        self.queue: TaskQueue[Task] = TaskQueue()
        self.tasks: dict[bytes, Task] = {}
        self.clients: dict[int, Client] = {}
        self.functions: dict[bytes, ExportFunction] = {}
        self.zygote = zygote
        self.now = 0.0
        self._node_info = node_info
        self._last_task = 0
        self._pushing: list[Client] = []
        # Outboxes.
        self.rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.unlink: list[str] = []
        self.signals: list[tuple[int, int]] = []
        self.flush_requests: list[tuple[Client, int]] = []
        self._handlers: dict[type, Callable[[Client, Any], None]] = {
            Hello: self._on_hello,
            ExportFunction: self._on_export_function,
            SubmitTask: self._on_submit_task,
            TaskDone: self._on_task_done,
            PutObject: self._on_put_object,
            CreateSegment: self._on_create_segment,
            SealSegment: self._on_seal_segment,
            AbortSegment: self._on_abort_segment,
            Subscribe: self._on_subscribe,
            HoldReferences: self._on_hold_references,
            DropReferences: self._on_drop_references,
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

    # --- processes ----------------------------------------------------------------------------------

    def start_workers(self) -> None:
        """Start one worker per CPU."""
        self._start(self.pool.target)

    def _start(self, runnable: int) -> None:
        for worker in self.pool.to_start(runnable):
            self.zygote.send(Fork(worker.number))

    def _on_hello(self, client: Client, message: Hello) -> None:
        client.kind, client.pid = message.kind, message.pid
        client.number = message.worker or self.pool.next_number()
        self.clients[client.number] = client
        if message.kind == "WORKER":
            client.worker = self.pool.connected(client.number, client, self.now)
            client.worker.pid = message.pid
            self._worker_row(client.number, "IDLE")
        else:
            self._new_worker_row(client.number, message.pid, "DRIVER")
            self._worker_row(client.number, "IDLE")
        client.channel.send(Welcome(client.number, self.node_id))

    def on_forked(self, message: Forked) -> None:
        """The zygote has made a worker."""
        if worker := self.pool.workers.get(message.worker):
            worker.pid = message.pid
        self._new_worker_row(message.worker, message.pid, "WORKER")
        self._worker_row(message.worker, "STARTING")

    def on_died(self, message: Died) -> None:
        """A worker's process has ended: its task runs again or fails, its references are gone."""
        worker = self.pool.died(message.worker)
        if worker is None:
            return
        how = describe_exit(message.exit_code)
        self._worker_row(worker.number, "DEAD", "left when idle" if worker.leaving else how)
        client = self.clients.pop(worker.number, None)
        if client is not None:
            for segment in client.creating:
                self._free_segment(segment)
            self._release(self.objects.references.forget(client))
        if worker.task is not None:
            self._on_task_lost(worker, worker.task, how)

    def _on_task_lost(self, worker: Worker, task: Task, how: str) -> None:
        """The worker died under the task."""
        if not worker.blocked:
            self.resources.release(task.demand)
        self._report_running(task)
        task.worker = None
        if task.cancelled:
            self._fail(task, TaskCancelledError(task.spec.task_id.hex()))
        elif task.retries_left == 0:
            self._fail(task, WorkerCrashedError(_crash_message(task, worker.pid, how)))
        else:
            self._record_error(task, "WorkerCrashedError", _crash_message(task, worker.pid, how), "")
            self._retry(task)

    def _retry(self, task: Task) -> None:
        self._event(task, TaskState.FAILED)
        task.retries_left -= 1 if task.retries_left > 0 else 0
        task.attempt += 1
        task.running_reported = False
        self._enqueue(task)

    # --- tasks --------------------------------------------------------------------------------------

    def _on_export_function(self, client: Client, message: ExportFunction) -> None:
        self.functions[message.function_id] = message

    def _on_submit_task(self, client: Client, spec: SubmitTask) -> None:
        self._last_task += 1
        parent = client.worker.task if client.worker else None
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
        cpus = dict(spec.resources).get("CPU", 0) / UNIT
        self.rows["tasks"].append(
            (task.number, spec.task_id.hex(), spec.name, task.parent, client.number, cpus, self.now)
        )
        self._event(task, TaskState.PENDING_ARGS_AVAIL)
        references = self.objects.references
        for index in range(spec.num_returns):
            result = object_id(spec.task_id, index)
            self.objects.declare(result, task.number).subscribers.append(client)
            references.hold(client, result)
        for inner in spec.contained:
            references.pin(inner)
        for _, argument in spec.refs:
            references.pin(argument)
            entry = self.objects.get(argument)
            self.rows["task_deps"].append((task.number, argument.hex(), entry.producer if entry else None))
            if entry is not None and not entry.ready:
                entry.waiters.append(task)
                task.missing += 1
        if not self.resources.feasible(task.demand):
            client.channel.send(Notice(self._infeasible_text(task)))
        if not task.missing:
            self._arguments_ready(task)

    def _arguments_ready(self, task: Task) -> None:
        """All arguments exist; if one of them is an error, so is the task's result."""
        for _, argument in task.spec.refs:
            entry = self.objects.get(argument)
            if entry is not None and entry.kind == ERROR:
                self._record_error(
                    task, "RayTaskError", "one of its arguments is the result of a failed task", ""
                )
                self._finish(task, TaskState.FAILED, ((ERROR, entry.payload, ()),) * task.spec.num_returns)
                return
        self._enqueue(task)

    def _enqueue(self, task: Task) -> None:
        self._event(task, TaskState.PENDING_NODE_ASSIGNMENT)
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
            self._dispatch(task, worker)

    def _dispatch(self, task: Task, worker: Worker) -> None:
        spec = task.spec
        self.resources.acquire(task.demand)
        worker.task, task.worker, task.dispatched = task, worker, self.now
        blob = None
        if spec.function_id not in worker.functions:
            worker.functions.add(spec.function_id)
            blob = self.functions[spec.function_id].blob
        values = tuple((place, *self._value(argument)) for place, argument in spec.refs)
        self._event(task, TaskState.SUBMITTED_TO_WORKER)
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

    def _value(self, object_id: bytes) -> tuple[int, Any]:
        entry = self.objects.get(object_id)
        assert entry is not None, "an argument of a waiting task is pinned"
        return entry.kind or INLINE, entry.payload

    def _on_task_done(self, client: Client, message: TaskDone) -> None:
        worker = client.worker
        if worker is None or worker.task is None or worker.task.spec.task_id != message.task_id:
            return
        task: Task = worker.task
        self._report_running(task, message.started)
        self.resources.release(task.demand)
        self.pool.make_idle(worker, self.now)
        client.creating.clear()
        if message.error is not None:
            self._record_error(task, *message.error)
            if message.retry and task.retries_left and not task.cancelled:
                self._retry(task)
                return
        state = TaskState.FINISHED if message.error is None else TaskState.FAILED
        self._finish(task, state, message.results, message.ended)

    def _fail(self, task: Task, error: RayError) -> None:
        """Make an error of the runtime's own the task's result."""
        self._record_error(task, type(error).__name__, str(error), "")
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
        self.rows["task_events"].append(
            (
                task.number,
                task.attempt,
                int(state),
                ended or self.now,
                task.worker.number if task.worker else None,
            )
        )
        del self.tasks[spec.task_id]
        maybe_free = []
        for index, (kind, payload, contained) in enumerate(results):
            result = object_id(spec.task_id, index)
            self._seal(result, kind, payload, contained, task.number)
            maybe_free.append(result)
        unpin = self.objects.references.unpin
        maybe_free += [argument for _, argument in spec.refs if unpin(argument)]
        maybe_free += [inner for inner in spec.contained if unpin(inner)]
        self._release(maybe_free)

    # --- objects ------------------------------------------------------------------------------------

    def _seal(
        self,
        object_id: bytes,
        kind: int,
        payload: Any,  # noqa: ANN401
        contained: tuple[bytes, ...],
        task: int | None,
    ) -> None:
        entry = self.objects.get(object_id)
        if entry is None:
            return
        self.objects.seal(object_id, kind, payload, contained)
        if kind == STORED:
            self._object_row(object_id, "SEALED", payload[1], task)
        for subscriber in entry.subscribers:
            self._push(subscriber, object_id, entry)
        entry.subscribers = []
        waiters, entry.waiters = entry.waiters, []
        for waiter in waiters:
            waiter.missing -= 1
            if not waiter.missing and waiter.spec.task_id in self.tasks:
                self._arguments_ready(waiter)

    def _push(self, client: Client, object_id: bytes, entry: ObjectEntry[Task]) -> None:
        if not client.ready:
            self._pushing.append(client)
        assert entry.kind is not None, "only sealed objects are pushed"
        client.ready.append((object_id, entry.kind, entry.payload))

    def flush_pushes(self) -> None:
        """Send the values that have gathered, one message a process."""
        for client in self._pushing:
            client.channel.send(ObjectsReady(tuple(client.ready)))
            client.ready.clear()
        self._pushing.clear()

    def _on_put_object(self, client: Client, message: PutObject) -> None:
        self.objects.declare(message.object_id, self._producer(client))
        self.objects.references.hold(client, message.object_id)
        self._seal(message.object_id, INLINE, message.blob, message.contained, None)

    def _on_create_segment(self, client: Client, message: CreateSegment) -> None:
        name = message.object_id.hex()
        if not self.store.create(name, message.size):
            client.channel.send(Reply(message.request, None, self._store_full_text(message.size)))
            return
        client.creating.add(message.object_id)
        self._object_row(message.object_id, "CREATED", message.size, self._producer(client))
        client.channel.send(Reply(message.request, name, ""))

    def _on_seal_segment(self, client: Client, message: SealSegment) -> None:
        name = message.object_id.hex()
        client.creating.discard(message.object_id)
        self.objects.declare(message.object_id, self._producer(client))
        self.objects.references.hold(client, message.object_id)
        payload = (name, self.store.size(name))
        self._seal(message.object_id, STORED, payload, message.contained, self._producer(client))

    def _on_abort_segment(self, client: Client, message: AbortSegment) -> None:
        client.creating.discard(message.object_id)
        self._free_segment(message.object_id)

    def _free_segment(self, object_id: bytes) -> None:
        size = self.store.free(object_id.hex())
        self.unlink.append(object_id.hex())
        self._object_row(object_id, "FREED", size, None)

    def _on_subscribe(self, client: Client, message: Subscribe) -> None:
        for wanted in message.object_ids:
            entry = self.objects.get(wanted)
            if entry is None:
                error = pickle.dumps(_object_lost(wanted))
                client.channel.send(ObjectsReady(((wanted, ERROR, error),)))
            elif entry.ready:
                self._push(client, wanted, entry)
            elif client not in entry.subscribers:
                entry.subscribers.append(client)

    def _on_hold_references(self, client: Client, message: HoldReferences) -> None:
        for held in message.object_ids:
            self.objects.references.hold(client, held)

    def _on_drop_references(self, client: Client, message: DropReferences) -> None:
        drop = self.objects.references.drop
        self._release([dropped for dropped in message.object_ids if drop(client, dropped)])

    def _release(self, object_ids: list[bytes]) -> None:
        for freed, entry in self.objects.release(object_ids):
            if entry.kind == STORED:
                self._free_segment(freed)

    # --- waiting, cancelling, printing --------------------------------------------------------------

    def _on_blocked(self, client: Client, message: Blocked) -> None:
        worker = client.worker
        if worker is None or worker.task is None or worker.blocked:
            return
        worker.blocked = True
        self._report_running(worker.task)
        self.resources.release(worker.task.demand)
        in_get = message.kind == "get"
        self._event(worker.task, TaskState.RUNNING_IN_RAY_GET if in_get else TaskState.RUNNING_IN_RAY_WAIT)

    def _on_unblocked(self, client: Client, message: Unblocked) -> None:
        worker = client.worker
        if worker is None or worker.task is None or not worker.blocked:
            return
        worker.blocked = False
        self.resources.acquire(worker.task.demand)
        self._event(worker.task, TaskState.RUNNING)

    def _on_cancel_task(self, client: Client, message: CancelTask) -> None:
        task = self.tasks.get(task_of(message.object_id))
        if task is not None:
            self._cancel(task, message)

    def _cancel(self, task: Task, message: CancelTask) -> None:
        if message.recursive:
            for child in [other for other in self.tasks.values() if other.parent == task.number]:
                self._cancel(child, message)
        task.cancelled = True
        if task.worker is not None:
            # The worker gets no other task before this signal has reached it: see worker.py.
            self.signals.append((task.worker.pid, signal.SIGKILL if message.force else signal.SIGINT))
        elif task.spec.task_id in self.tasks:
            self.queue.discard(task)
            self._fail(task, TaskCancelledError(task.spec.task_id.hex()))

    def _on_print(self, client: Client, message: Print) -> None:
        task = client.worker.task.number if client.worker and client.worker.task else None
        self.rows["logs"].append((self.now, client.number, task, message.stream, message.text))
        for driver in self.clients.values():
            if driver.kind == "DRIVER":
                driver.channel.send(PrintToDriver(message.name, client.pid, message.stream, message.text))

    # --- questions and events -----------------------------------------------------------------------

    def _on_add_rows(self, client: Client, message: AddRows) -> None:
        if message.table == "api_calls":
            caller = (client.number, self._producer(client))
            self.rows["api_calls"] += [caller + row for row in message.rows]
        else:
            self.rows[message.table] += message.rows

    def _on_query(self, client: Client, message: Query) -> None:
        if message.what == "flush":
            self.report_long_running(0.0)
            self.flush_requests.append((client, message.request))
            return
        answers: dict[str, Callable[[], Any]] = {
            "nodes": lambda: [self._node_info],
            "cluster_resources": self.resources.total,
            "available_resources": self.resources.available,
            "objects": lambda: len(self.objects),
            "store_used": lambda: self.store.used,
        }
        client.channel.send(Reply(message.request, answers[message.what](), ""))

    def tick(self) -> None:
        """What time alone brings about: long tasks are reported as running, spare workers leave."""
        self.report_long_running(RUNNING_REPORT_SECONDS)
        for worker in self.pool.superfluous(self.now, IDLE_WORKER_SECONDS):
            worker.channel.channel.send(Exit())

    def report_long_running(self, seconds: float) -> None:
        """Report tasks as running that have been with their worker for so long."""
        for worker in self.pool.workers.values():
            if worker.task is not None and self.now - worker.task.dispatched >= seconds:
                self._report_running(worker.task)

    def _report_running(self, task: Task, started: float = 0.0) -> None:
        if task.running_reported or task.worker is None:
            return
        task.running_reported = True
        row = (
            task.number,
            task.attempt,
            int(TaskState.RUNNING),
            started or task.dispatched,
            task.worker.number,
        )
        self.rows["task_events"].append(row)

    def _event(self, task: Task, state: TaskState) -> None:
        worker = task.worker.number if task.worker else None
        self.rows["task_events"].append((task.number, task.attempt, int(state), self.now, worker))

    def _record_error(self, task: Task, error_type: str, text: str, traceback: str) -> None:
        self.rows["task_errors"].append((task.number, task.attempt, self.now, error_type, text, traceback))

    def _new_worker_row(self, number: int, pid: int, kind: str) -> None:
        self.rows["workers"].append((number, f"{number:056x}", 0, pid, kind))

    def _worker_row(self, number: int, state: str, detail: str = "") -> None:
        self.rows["worker_events"].append((number, state, self.now, detail))

    def _object_row(self, object_id: bytes, state: str, size: int, task: int | None) -> None:
        self.rows["object_events"].append((object_id.hex(), 0, state, size, self.now, task))

    @staticmethod
    def _producer(client: Client) -> int | None:
        return client.worker.task.number if client.worker and client.worker.task else None

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

    def _store_full_text(self, size: int) -> str:
        return (
            f"The object of {size:,} bytes does not fit: {self.store.used:,} of the object store's "
            f"{self.store.capacity:,} bytes are in use. Delete references (and arrays made from them) that "
            "you do not need any more, or start with init(object_store_memory=...) large enough."
        )


def describe_exit(exit_code: int) -> str:
    """An exit code in words: "killed by SIGKILL", "exited with code 1"."""
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exited with code {exit_code}"


def _crash_message(task: Task, pid: int, how: str) -> str:
    return (
        f"The worker (pid={pid}) that ran the task {task.spec.name!r} died: {how}. Likely causes: the code "
        "called os._exit, a C extension crashed, or the system ended the process for want of memory. The "
        f"task was tried {task.attempt + 1} time(s); max_retries says how often it may be tried again."
    )


def _object_lost(object_id: bytes) -> RayError:
    return ObjectLostError(
        f"The object {object_id.hex()} is gone: the last reference to it was dropped before this one was "
        "used."
    )
