"""The local scheduler: takes tasks in, waits for their arguments, finds resources, leases workers.

It decides and does no I/O: `handle` changes the state and puts answers into outboxes (`client.channel`,
`zygote`, `log`, `objects.room`, `signals`), which `scheduler_process` empties.  So tests drive it without a
socket or a clock.  It never looks into user data.  A task's way through this file::

    on_submit_task -> [arguments missing? wait in the object table] -> _enqueue -> schedule -> _dispatch
                                                                                        |
         owner's value <--- objects.seal <--- on_task_done <- (worker runs it) <----------+
"""

import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from .argument_errors import died_of, passed_on
from .bundles import plain_demand
from .config import (
    IDLE_WORKER_SECONDS,
    IMMEDIATE_RETRIES,
    LONGEST_RETRY_SECONDS,
    RETRY_SECONDS,
    RUNNING_REPORT_SECONDS,
)
from .event_log import EventLog
from .events import TaskState
from .exceptions import NodeDiedError, RayError, TaskCancelledError, WorkerCrashedError
from .exit_codes import describe_exit
from .gpus import gpu_amount
from .ids import TaskID, object_id, task_of
from .members import Members
from .messages import (
    DYNAMIC,
    ERROR,
    STORED,
    AbortSegment,
    ActorExits,
    ActorReady,
    AddRows,
    AwaitPlacementGroup,
    Blocked,
    CallBegan,
    CancelTask,
    CloseStream,
    CopyMade,
    CreateActor,
    CreatePlacementGroup,
    CreateSegment,
    Died,
    DropReferences,
    Exit,
    ExportFunction,
    Fork,
    Forked,
    FreeObjects,
    FromWorker,
    GetActor,
    GiveBack,
    Heartbeat,
    Hello,
    HoldReferences,
    InterruptMissed,
    ItemsTaken,
    ItemYielded,
    JoinNode,
    KillActor,
    Locate,
    Message,
    Notice,
    Print,
    PrintToDriver,
    PutObject,
    Query,
    RemovePlacementGroup,
    Reply,
    RunTask,
    SealSegment,
    SubmitTask,
    Subscribe,
    TaskDone,
    Unblocked,
    Welcome,
    WhereIs,
    Written,
    result_count,
)
from .node_actors import NodeActors
from .node_groups import NodeGroups, in_group, workers_of
from .node_objects import NodeObjects, lost
from .node_record import NodeRecord, node_died_message, summed
from .node_streams import NodeStreams
from .object_report import object_report
from .object_table import ObjectEntry
from .run_times import RunTimes
from .scheduler_records import Client, Task
from .scheduling import UNIT, Demand, Resources, TaskQueue
from .worker_pool import PLAIN, Kind, Worker, WorkerPool


class LocalScheduler:
    """The state of one node.

    Args:
        node_id: 28 bytes.
        resources: what the node has, in units.
        store_capacity: bytes that objects may use.
        zygote: has send(message).
        node_info: what `nodes()` returns for this node.
        log: where events go; a new one by default.
    """

    def __init__(
        self,
        node_id: bytes,
        resources: dict[str, float],
        store_capacity: int,
        zygote: Any,  # noqa: ANN401 - a channel, or what stands for one in tests
        node_info: dict[str, Any],
        log: EventLog | None = None,
    ) -> None:
        self.node_id = node_id
        self.log = EventLog() if log is None else log
        self._numbers = count(1)
        self.home = self.new_node(0, node_info, resources, zygote)
        self.nodes = {0: self.home}  # those that live, by number
        self.resources, self.pool = self.home.resources, self.home.pool
        self.objects = NodeObjects(store_capacity, self.log, self.make)
        self.groups = NodeGroups(self.nodes, self.objects, self.log, self._end_tasks_of)
        self.streams = NodeStreams(self.objects)
        self.queue: TaskQueue[Task] = TaskQueue()
        self.tasks: dict[bytes, Task] = {}
        self.clients: dict[int, Client] = {}
        self.functions: dict[bytes, ExportFunction] = {}
        self.run_times = RunTimes()
        self.actors = NodeActors(self)
        self.members = Members(self)
        self._later: list[tuple[float, Task]] = []  # tasks to be tried again, and when
        self._to_stop: list[tuple[Task, bool]] = []  # cancelled while in a lease; and whether by force
        self.zygote = zygote
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
            Locate: self.objects.on_locate,
            FreeObjects: self.objects.on_free_objects,
            HoldReferences: self.objects.on_hold_references,
            DropReferences: self.objects.on_drop_references,
            ItemYielded: self.streams.on_item_yielded,
            ItemsTaken: self.streams.on_items_taken,
            CloseStream: self.streams.on_close_stream,
            Blocked: self._on_blocked,
            Unblocked: self._on_unblocked,
            Print: self._on_print,
            CancelTask: self._on_cancel_task,
            CreatePlacementGroup: self.groups.on_create,
            RemovePlacementGroup: self.groups.on_remove,
            AwaitPlacementGroup: self.groups.on_await,
            AddRows: self._on_add_rows,
            Query: self._on_query,
            CreateActor: self.actors.on_create_actor,
            GetActor: self.actors.on_get_actor,
            KillActor: self.actors.on_kill_actor,
            ActorExits: self.actors.on_actor_exits,
            ActorReady: self.actors.on_actor_ready,
            CallBegan: self.actors.on_call_began,
            JoinNode: self.members.on_join,
            Heartbeat: self.members.on_heartbeat,
            FromWorker: self.members.on_from_worker,
            Written: self.members.on_written,
            WhereIs: self.members.on_where_is,
            CopyMade: self.members.on_copy_made,
            Forked: self.members.on_forked,
            Died: self.members.on_died,
        }

    def new_node(
        self,
        number: int,
        info: dict[str, Any],
        resources: dict[str, float],
        zygote: Any,  # noqa: ANN401
    ) -> NodeRecord:
        """A record of a node with these resources."""
        pool = WorkerPool(int(resources.get("CPU", 0)), self._numbers)
        node = pool.node = NodeRecord(number, info, Resources(resources), pool, zygote)
        return node

    def handle(self, client: Client, message: Message) -> None:
        """Take one message in."""
        self._handlers[type(message)](client, message)
        self._follow_up()

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
        self.start(self.home, self.pool.target)

    def end_session(self) -> None:
        """Record that all processes end now."""
        for number in {*self.clients, *(worker.number for worker in self.workers())}:
            self.log.process(number, "DEAD", "the session ended")

    def workers(self) -> Iterator[Worker]:
        """The workers of all nodes."""
        for node in self.nodes.values():
            yield from node.pool.workers.values()

    def find_worker(self, number: int) -> Worker | None:
        """The worker of this number, if it lives."""
        for node in self.nodes.values():
            if number in node.pool.workers:
                return node.pool.workers[number]
        return None

    def start(self, node: NodeRecord, runnable: int, kind: Kind = PLAIN) -> None:
        """Have a node start workers, if so many tasks could run there now."""
        for worker in node.pool.to_start(runnable, kind):
            node.zygote.send(Fork(worker.number, kind.environment))

    def _on_hello(self, client: Client, message: Hello) -> None:
        worker = self.find_worker(message.worker) if message.kind == "WORKER" else None
        if message.kind == "WORKER" and worker is None:
            return  # it has died since, and the zygote's word came first
        client.kind, client.pid, client.namespace = message.kind, message.pid, message.namespace
        client.detached = message.detached
        client.number = message.worker or self.pool.next_number()
        self.clients[client.number] = client
        node = self.home
        if worker is not None:
            node = worker.node
            client.worker = node.pool.connected(client.number, client, self.now)
            client.worker.pid = message.pid
            self.log.process(client.number, "IDLE")
        else:
            self.log.new_process(client.number, message.pid, "DRIVER")
            self.log.process(client.number, "IDLE")
        client.channel.send(Welcome(client.number, bytes.fromhex(node.id)))

    def namespace_of(self, client: Client) -> str:
        """Where the names of the actors of a process live: that of the driver that it works for."""
        driver = self.clients.get(client.job)
        return driver.namespace if driver else ""

    def default_lifetime_of(self, client: Client) -> bool:
        """Whether the actors that a process makes are detached if they do not say."""
        driver = self.clients.get(client.job)
        return driver.detached if driver else False

    def on_forked(self, message: Forked) -> None:
        """The zygote has made a worker."""
        worker = self.find_worker(message.worker)
        if worker is not None:
            worker.pid = message.pid
        self.log.new_process(message.worker, message.pid, "WORKER", worker.node.number if worker else 0)
        if worker is not None and worker.channel is None:  # else its own word came first
            self.log.process(message.worker, "STARTING")

    def on_died(self, message: Died) -> None:
        """A worker's process has ended: its task runs again or fails, its references are gone."""
        worker = self.find_worker(message.worker)
        if worker is None:
            return
        worker.node.pool.died(message.worker)
        how = worker.doom or describe_exit(message.exit_code)
        self.log.process(worker.number, "DEAD", _farewell(worker, how))
        client = self.clients.pop(worker.number, None)
        if client is not None:
            self._forget(client)
            if not worker.leaving:
                self._end_tasks_of_owner(client)
        if worker.actor is not None:
            self._free_resources(worker, worker.actor.creation)
            self.actors.on_worker_died(worker, how)
        elif worker.task is not None:
            self._on_task_lost(worker, worker.task, how)
        self._take_back(list(worker.ahead))
        if client is not None:
            self.actors.on_owner_died(client)
        self._follow_up()

    def kill_worker(self, worker: Worker) -> None:
        """End a worker's process at once."""
        self.members.signal(worker.node, worker.pid, signal.SIGKILL)

    def on_driver_left(self, client: Client) -> None:
        """A driver has gone, well or badly: its tasks end, and its references are gone."""
        if self.clients.pop(client.number, None) is None:
            return
        self.log.process(client.number, "DEAD", "left")
        for task in [task for task in self.tasks.values() if _ends_with(task, client)]:
            task.cancelled = True
            self._stop_task(task, force=True)
        self.groups.end_job(client.number)
        self._forget(client)
        self.objects.owner_died(client)
        self.actors.on_owner_died(client)
        self._follow_up()

    def _forget(self, client: Client) -> None:
        """What a process needed that is gone, it needs no more."""
        self.objects.forget(client)
        self.streams.forget(client)

    def _end_tasks_of_owner(self, client: Client) -> None:
        """A process has died: what it owned is lost, and the tasks that were to make more of it end."""
        self.objects.owner_died(client)
        for task in [task for task in self.tasks.values() if task.owner is client]:
            if task.actor is None and task.creates is None:
                task.cancelled = True
                self._stop_task(task, force=True)

    def _on_task_lost(self, worker: Worker, task: Task, how: str) -> None:
        """The worker died under the task."""
        self._free_resources(worker, task)
        self.log.task_runs(task)
        message = _crash_message(task, worker.pid, how, bool(worker.doom))
        error: RayError = WorkerCrashedError(message)
        if not worker.node.alive:
            error = NodeDiedError(node_died_message(worker.node, task.spec.name))
        if task.cancelled:
            self.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
        elif task.retries_left == 0:
            self.fail(task, error)
        else:
            self.log.error(task, type(error).__name__, str(error))
            self.retry(task)

    def _free_resources(self, worker: Worker, task: Task) -> None:
        """The worker does not run the task, or the actor that the task has made, any more."""
        resources = worker.node.resources
        if worker.blocked:  # killed in `get`, or one of its threads is still waiting there
            resources.acquire(_lendable(worker))
        resources.release(task.demand)
        resources.give_gpus(task.gpus, task.demand)
        task.gpus = ()

    def retry(self, task: Task) -> None:
        """The task has failed and is to be run again."""
        self.count_attempt(task)
        self.enqueue(task)

    def _retry_later(self, task: Task) -> None:
        """The task has raised: the oftener it does, the longer its next attempt has to wait."""
        self.count_attempt(task)
        again = task.attempt - IMMEDIATE_RETRIES
        if again <= 0:
            self.enqueue(task)
        else:
            delay = min(RETRY_SECONDS * 2 ** (again - 1), LONGEST_RETRY_SECONDS)
            self._later.append((self.now + delay, task))

    def _enqueue_later_ones(self) -> None:
        """Queue the tasks whose time to be tried again has come."""
        due = [task for when, task in self._later if when <= self.now]
        if due:
            self._later = [(when, task) for when, task in self._later if when > self.now]
        for task in due:
            if task.spec.task_id in self.tasks:  # else it was cancelled in the meantime
                self.enqueue(task)

    def count_attempt(self, task: Task) -> None:
        """An attempt at the task has failed."""
        self.log.task(task, TaskState.FAILED)
        task.worker = None
        task.retries_left -= 1 if task.retries_left > 0 else 0
        task.attempt += 1
        task.running_reported = False

    # --- tasks --------------------------------------------------------------------------------------

    def _on_export_function(self, client: Client, message: ExportFunction) -> None:
        self.functions[message.function_id] = message

    def _on_submit_task(self, client: Client, spec: SubmitTask) -> None:
        task = self.new_task(client, spec)
        if spec.actor:
            task.actor = self.actors.table.get(spec.actor)
        self.log.new_task(task, self._function_name(task))
        self.take_in(task)
        if task.spreads is not None:
            self._cancel(task, task.spreads)

    def _function_name(self, task: Task) -> str:
        """The name of what a task runs, whatever the task itself is called."""
        if task.spec.actor:
            return f"{task.actor.spec.class_name}.{task.spec.method}" if task.actor else task.spec.name
        return self.functions[task.spec.function_id].name

    def new_task(self, client: Client, spec: SubmitTask) -> Task:
        """A record for a task that a process submits."""
        self._last_task += 1
        parent = self.tasks.get(spec.parent) if spec.parent else _likely_parent(client)
        task = Task(
            spec,
            number=self._last_task,
            owner=client,
            parent=parent.number if parent else None,
            depth=parent.depth + 1 if parent else 0,
            job=client.job,
            demand=spec.resources,
            retries_left=spec.max_retries,
        )
        # What a cancelled task submits from then on, such as to clean up, runs; a call names itself as the
        # parent only until it knows.
        if parent and parent.spreads and (spec.parent or spec.submitted <= parent.cancelled_at):
            task.spreads = parent.spreads
        if spec.placement and spec.placement[0] != "group":
            task.where = spec.placement
        if spec.environment or gpu_amount(task.demand):
            task.kind = Kind(spec.environment, gpu_amount(task.demand) > 0)
        return task

    def take_in(self, task: Task) -> None:
        """Declare the task's results, pin its arguments, and let it go its way."""
        client, spec = task.owner, task.spec
        table, references = self.objects.table, self.objects.table.references
        for index in range(result_count(spec.num_returns)):
            result = object_id(spec.task_id, index)
            table.declare(result, task.number, client).subscribers.append(client)
            references.hold(client, result)
        self.streams.begin(task)
        self.make(task)

    def make(self, task: Task) -> None:
        """Have the results made; again, if they were lost."""
        spec = task.spec
        if spec.task_id in self.tasks:  # for another result's sake
            return
        self.tasks[spec.task_id] = task
        self.log.task(task, TaskState.PENDING_ARGS_AVAIL)
        table, references = self.objects.table, self.objects.table.references
        for inner in spec.contained:
            references.pin(inner)
        for _, argument in spec.refs:
            references.pin(argument)
            entry = table.get(argument) or self._declare_lost(argument)
            self.log.dependency(task, argument, entry.producer)
            if not entry.ready:
                entry.waiters.append(task)
                task.missing += 1
        if spec.actor and (task.missing or not spec.refs):
            self.actors.submit(task)
        elif not task.missing:
            self.arguments_ready(task)

    def _declare_lost(self, argument: bytes) -> ObjectEntry[Task]:
        """An argument of which nobody knows: its task is to fail."""
        entry = self.objects.table.declare(argument, None, None)
        self.objects.seal(argument, (ERROR, lost(argument)), (), None)
        return entry

    def tidy_up(self) -> None:
        """Let go of objects and actors that were dropped; to be called when all answers have been sent."""
        self.objects.tidy_up()
        self._follow_up()

    def _follow_up(self) -> None:
        """Go on with tasks whose arguments are complete now, and let actors go that nobody needs any more.

        A loop and not a recursion, because a failed task may fail a long chain of tasks that depend on it.
        """
        complete, unreferenced = self.objects.complete, self.objects.unreferenced
        while complete or unreferenced:
            if unreferenced:
                self.actors.on_unreferenced(unreferenced.popleft())
                continue
            task = complete.popleft()
            if task.spec.task_id in self.tasks:  # else it was cancelled in the meantime
                self.arguments_ready(task)

    def arguments_ready(self, task: Task) -> None:
        """All arguments exist; if one of them is an error, so is the task's result."""
        for _, argument in task.spec.refs:
            kind, payload = self.objects.value(argument)
            if kind == ERROR:
                self.log.error(task, "RayTaskError", "one of its arguments is the result of a failed task")
                if task.creates is not None:
                    self.actors.argument_failed(task, died_of(payload, task.spec.name))
                    return
                payload = passed_on(payload, task.spec.name)
                self.finish(
                    task, TaskState.FAILED, ((ERROR, payload, ()),) * result_count(task.spec.num_returns)
                )
                if task.actor is not None:
                    self.actors.leave_line(task)
                return
        if task.spec.actor:
            self.actors.arguments_ready(task)
        else:
            self.enqueue(task)

    def enqueue(self, task: Task) -> None:
        """Let a task wait for a node with its resources; a call, for its actor."""
        if task.actor is not None:
            self.actors.put_back(task)
            return
        if task.spec.placement and (refusal := self.groups.refusal(task.spec.placement)):
            self.fail(task, refusal)
            return
        if task.creates is not None:
            self.actors.constructor_waits(task)
        self.log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
        if self.members.can_be_placed(task):
            self.queue.push(task)

    def schedule(self) -> None:
        """Give tasks to workers as long as there are tasks, resources and workers."""
        if self.groups.restless:
            self.groups.create_waiting()
        if self.members.ever:
            self.members.schedule()
            return
        to_come: set[Kind] = set()  # kinds of workers that are being started
        while (task := self.queue.peek(self.resources, to_come)) is not None:
            worker = self.pool.take_idle(task.kind)
            if worker is None:
                free_cpus = int(self.resources.available().get("CPU", 0)) if task.demand else self.pool.target
                self.start(self.home, min(self.queue.count(task.kind), max(1, free_cpus)), task.kind)
                to_come.add(task.kind)
                continue
            self.queue.pop(task)
            self.lease(task, worker)

    def lease(self, task: Task, worker: Worker) -> None:
        """Give a worker a task, and with it further ones if they are short."""
        resources = worker.node.resources
        resources.acquire(task.demand)
        if task.kind.gpus:
            task.gpus = resources.take_gpus(task.demand)
        worker.task = task
        if task.creates is not None:
            self.actors.start(task, worker)
            return
        self._dispatch(task, worker)
        function_id, waiting = task.spec.function_id, len(self.queue) + 1
        workers = len(self.pool.workers)
        if self.members.ever:
            workers = sum(len(node.pool.workers) for node in self.nodes.values())
        more = self.run_times.lease_size(function_id, waiting, workers) - 1
        if task.spec.max_calls:
            more = min(more, task.spec.max_calls - worker.calls[function_id] - 1)
        if more > 0 and task.spec.max_retries and not task.gpus:
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
        task.worker, task.dispatched = worker, self.now
        self.log.task(task, TaskState.SUBMITTED_TO_WORKER)
        self.order(task, worker)

    def order(self, task: Task, worker: Worker) -> None:
        """Tell a worker to run a task."""
        spec = task.spec
        blob: bytes | None = None
        values: tuple[tuple[int, int, Any], ...] = ()
        if not spec.actor and spec.function_id not in worker.functions:
            worker.functions.add(spec.function_id)
            blob = self.functions[spec.function_id].blob
        if spec.refs:
            values = tuple((place, *self.objects.value(argument)) for place, argument in spec.refs)
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
                self.streams.dispatch(task),
                spec.method,
                spec.group,
            )
        )
        self.streams.dispatched(task, worker.channel)

    def _on_task_done(self, client: Client, message: TaskDone) -> None:
        worker = client.worker
        if worker is not None and worker.actor is not None:
            self.actors.on_task_done(client, worker, message)
            return
        if worker is None or worker.task is None or worker.task.spec.task_id != message.task_id:
            return
        task: Task = worker.task
        self.log.task_runs(task, message.started)
        self._free_resources(worker, task)
        self.run_times.observe(task.spec.function_id, message.ended - message.started)
        if task.spec.max_calls:
            worker.calls[task.spec.function_id] += 1
            worker.retiring |= worker.calls[task.spec.function_id] >= task.spec.max_calls
        self._go_on(worker)
        self.objects.keep_results(client, message)
        results = message.results
        if message.error is not None:
            error = _with_end(task, client.pid, message.error) if worker.retiring else message.error
            self.log.error(task, *error)
            if message.retry and task.retries_left and not task.cancelled:
                self._retry_later(task)
                return
            results = self.streams.raised(task, results)
        state = TaskState.FINISHED if message.error is None else TaskState.FAILED
        self.finish(task, state, results, message.ended)

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
            if worker.retiring:
                worker.node.pool.retire(worker)
                worker.channel.channel.send(Exit())
            else:
                worker.node.pool.make_idle(worker, self.now)
            return
        worker.blocked = False
        worker.task = worker.ahead.popleft()
        worker.task.dispatched = self.now
        worker.node.resources.acquire(worker.task.demand)

    def _take_back(self, tasks: list[Task]) -> None:
        """Queue tasks again, in front, that their worker has not begun."""
        for task in reversed(tasks):
            task.worker = None
            task.running_reported = False
            if task.cancelled:
                self.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
            elif refusal := self.groups.refusal(task.spec.placement):
                self.fail(task, refusal)
            else:
                self.log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
                self.queue.push_front(task)

    def _end_tasks_of(self, group_id: str) -> None:
        """A placement group was removed: its tasks end."""
        for worker in workers_of(self.workers(), group_id):
            worker.doom = "ended because its placement group was removed"
            self.kill_worker(worker)
        for task in in_group(list(self.queue.tasks()), group_id):
            self.queue.discard(task)
            self.enqueue(task)  # which fails it

    def fail(self, task: Task, error: RayError) -> None:
        """Make an error of the runtime's own the task's result."""
        self.log.error(task, type(error).__name__, str(error))
        payload = pickle.dumps(error)
        self.finish(task, TaskState.FAILED, ((ERROR, payload, ()),) * result_count(task.spec.num_returns))
        if task.creates is not None:
            self.actors.constructor_failed(task, error)

    def finish(
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
            if index and spec.num_returns == DYNAMIC and self.objects.table.get(result) is None:
                self.objects.table.declare(result, task.number)
            self.objects.seal(result, (kind, payload), contained, task.number)
            maybe_free.append(result)
        if any(result[0] == STORED for result in results):
            maybe_free += self.objects.made.remember(task, results)
        self.streams.finish(task, results)
        self.objects.release(maybe_free)
        self.release_arguments(spec)

    def release_arguments(self, spec: SubmitTask) -> None:
        """The task does not need its arguments any more."""
        if spec.refs or spec.contained:
            unpin = self.objects.table.references.unpin
            arguments = (*(argument for _, argument in spec.refs), *spec.contained)
            self.objects.release([argument for argument in arguments if unpin(argument)])

    def abandon(self, task: Task) -> None:
        """A constructor is not to be run any more: its actor is dead."""
        self.queue.discard(task)
        self.finish(task, TaskState.FAILED, ())

    # --- waiting, cancelling, printing --------------------------------------------------------------

    def _on_blocked(self, client: Client, message: Blocked) -> None:
        worker = client.worker
        if worker is None or worker.task is None or worker.blocked:
            return
        worker.blocked = True
        self.log.task_runs(worker.task)
        worker.node.resources.release(_lendable(worker))
        in_get = message.kind == "get"
        self.log.task(worker.task, TaskState.RUNNING_IN_RAY_GET if in_get else TaskState.RUNNING_IN_RAY_WAIT)

    def _on_unblocked(self, client: Client, message: Unblocked) -> None:
        worker = client.worker
        if worker is None or worker.task is None or not worker.blocked:
            return
        worker.blocked = False
        worker.node.resources.acquire(_lendable(worker))
        self.log.task(worker.task, TaskState.RUNNING)

    def _on_cancel_task(self, client: Client, message: CancelTask) -> None:
        task = self.tasks.get(task_of(message.object_id))
        refused = task is not None and task.actor is not None and message.force
        if message.request:
            client.channel.send(Reply(message.request, refused, ""))
        if task is None:
            self.objects.made.forbid(task_of(message.object_id))
        if task is not None and not refused:
            self._cancel(task, message)

    def _cancel(self, task: Task, message: CancelTask) -> None:
        if message.recursive:
            # What it has submitted may be on its way still.
            task.spreads, task.cancelled_at = message, self.now
            for child in [other for other in self.tasks.values() if other.parent == task.number]:
                self._cancel(child, message)
        task.cancelled = True
        self._stop_task(task, message.force)

    def _stop_task(self, task: Task, force: bool) -> None:
        """Keep a cancelled task from going on, wherever it is."""
        worker = task.worker
        if task.spec.task_id not in self.tasks:
            return
        if task.actor is not None:
            self.actors.stop_call(task)
        elif worker is None:
            self.queue.discard(task)
            self.fail(task, TaskCancelledError(TaskID(task.spec.task_id)))
        elif worker.ahead or worker.task is not task:
            # Which task of its lease the worker is at is not known for sure; it soon will be.
            self._to_stop.append((task, force))
        else:
            # The worker gets no other task before this signal has reached it: see worker.py.
            self.members.signal(worker.node, worker.pid, signal.SIGKILL if force else signal.SIGINT)

    def _on_interrupt_missed(self, client: Client, message: InterruptMissed) -> None:
        if client.task is not None and client.task.cancelled:
            self._stop_task(client.task, force=False)

    def _on_print(self, client: Client, message: Print) -> None:
        self.log.printed(client.number, client.task_number, message.stream, message.text)
        self.notify(PrintToDriver(message.name, client.pid, message.stream, message.text), client.job)

    def notify(self, message: Notice | PrintToDriver, job: int = 0) -> None:
        """Tell the user of a driver something; with job 0, the users of all drivers."""
        for client in self.clients.values():
            if client.kind == "DRIVER" and job in (0, client.number):
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
        self.tidy_up()
        answers: dict[str, Callable[[], Any]] = {
            "nodes": self.members.table,
            "cluster_resources": lambda: summed(node.resources.total() for node in self.nodes.values()),
            "available_resources": lambda: summed(iter(self._available().values())),
            "available_per_node": self._available,
            "placement_groups": self.groups.table,
            "object_report": self._object_report,
            "objects": lambda: len(self.objects.table),
            "store_used": lambda: self.objects.room.book.used,
            "named_actors": self.actors.table.names,
            "namespace": lambda: self.namespace_of(client),
        }
        client.channel.send(Reply(message.request, answers[message.what](), ""))

    def _available(self) -> dict[str, dict[str, float]]:
        """What is free, by node; of memory for objects, on this node alone: others do not tell."""
        found = {node.id: node.resources.available() for node in self.nodes.values()}
        here = found[self.nodes[0].id]
        if "object_store_memory" in here:
            here["object_store_memory"] = max(0.0, here["object_store_memory"] - self.objects.room.book.used)
        return found

    def _object_report(self) -> list[tuple[Any, ...]]:
        tasks = {task.number: task for task in self.tasks.values()}
        return list(object_report(self.objects.table, tasks, self.clients.values()))

    def tick(self) -> None:
        """What time alone brings about: long tasks are reported as running, spare workers leave."""
        self.report_long_running(RUNNING_REPORT_SECONDS)
        self.members.tick()
        self.actors.end_slow_ones()
        self._enqueue_later_ones()
        to_stop, self._to_stop = self._to_stop, []
        for task, force in to_stop:
            self._stop_task(task, force)
        for node in self.nodes.values():
            for worker in node.pool.superfluous(self.now, IDLE_WORKER_SECONDS):
                worker.channel.channel.send(Exit())

    def report_long_running(self, seconds: float) -> None:
        """Report tasks as running that have been with their worker for so long."""
        for worker in self.workers():
            if worker.task is not None and self.now - worker.task.dispatched >= seconds:
                self.log.task_runs(worker.task)

    def infeasible_text(self, task: Task, demand: Demand) -> str:
        """What to tell the user when no node can ever meet the demand of a task."""
        wanted = ", ".join(f"{amount / UNIT:g} {name}" for name, amount in plain_demand(demand))
        nodes = ["this node has only " + _countable(node.resources) for node in self.nodes.values()]
        has = nodes[0] if len(nodes) == 1 else f"none of the {len(nodes)} nodes has that"
        return (
            f"The task {task.spec.name!r} asks for {wanted}, but {has}. It waits, and "
            "will go on waiting: ask for less with num_cpus=..., or start with init(num_cpus=...) large "
            "enough."
        )


def _countable(resources: Resources) -> str:
    """A node's resources without memory and without those that name the node itself."""
    return ", ".join(
        f"{amount:g} {name}"
        for name, amount in resources.total().items()
        if not any(part in name for part in ("memory", ":", "_group_"))
    )


def _likely_parent(client: Client) -> Task | None:
    """Which task submits something, if that is all that is known.

    An actor with several calls under way says which; if not, a thread of the user's own does it, and that
    belongs to the actor as a whole, which is to Ray: to its constructor.
    """
    actor = client.worker.actor if client.worker is not None else None
    if actor is None or actor.one_at_a_time or client.task is actor.creation:
        return client.task
    constructor: Task = actor.creation
    return constructor


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


def _farewell(worker: Worker, how: str) -> str:
    """Why a worker has ended, for the event store."""
    if not worker.leaving:
        return how
    if worker.actor is not None:
        return "its actor ended"
    return f"left after max_calls: {how}" if worker.retiring else "left when idle"


def _lendable(worker: Worker) -> Demand:
    """What others may have while the worker's task waits: an actor keeps what it holds."""
    if worker.actor is not None:
        return ()
    task: Task = worker.task
    return task.lendable


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
