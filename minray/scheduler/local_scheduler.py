"""The local scheduler: takes tasks in, waits for their arguments, finds resources, leases workers.

It decides and does no I/O: `handle` changes the state and puts answers into outboxes (`client.channel`,
`zygote`, `log`, `objects.room`, `signals`), which `scheduler_process` empties.  So tests drive it without a
socket or a clock.  It never looks into user data.  A task's way::

    on_submit_task -> [arguments missing? wait in the object table] -> enqueue -> schedule -> leases.grant
                                                                                                   |
         owner's value <--- objects.seal <--- finish <--- leases.on_task_done <- (worker runs it) -+

Here is what all tasks have in common; parts of their own look after processes, leases, retries, cancelling,
actors, placement groups, streams, objects, and further nodes.
"""

import pickle
from collections.abc import Callable
from itertools import count
from typing import Any

from ..exceptions import RayError
from ..gcs.schema import TaskState
from ..wire.config import IDLE_WORKER_SECONDS, RUNNING_REPORT_SECONDS
from ..wire.error_chain import died_of, passed_on
from ..wire.ids import object_id
from ..wire.messages import (
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
    ErrorSeen,
    Exit,
    ExportFunction,
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
    PutObject,
    Query,
    RemovePlacementGroup,
    SealSegment,
    SubmitTask,
    Subscribe,
    TaskDone,
    Unblocked,
    WhereIs,
    Written,
    result_count,
)
from .actors.actors import NodeActors
from .announcements import Announcements
from .groups.groups import NodeGroups, in_group, workers_of
from .nodes.far_nodes import Members
from .nodes.processes import NodeProcesses
from .objects.objects import NodeObjects, lost
from .objects.streams import NodeStreams
from .objects.table import ObjectEntry
from .questions import Questions
from .tables.event_log import EventLog
from .tables.gpus import gpu_amount
from .tables.node_record import NodeRecord
from .tables.queue import Resources, TaskQueue
from .tables.records import Client, Task
from .tables.worker_pool import Kind, WorkerPool
from .tasks.cancelling import Cancelling
from .tasks.leases import Leases
from .tasks.retries import Retries


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
        self.processes = NodeProcesses(self)
        self.leases = Leases(self)
        self.retries = Retries(self)
        self.cancelling = Cancelling(self)
        self.questions = Questions(self)
        self.actors = NodeActors(self)
        self.members = Members(self)
        self.announcements = Announcements(self)
        self.zygote = zygote
        self._last_task = 0
        # Outboxes, beside those of `objects` and `log`.
        self.signals: list[tuple[int, int]] = []
        self.flush_requests: list[tuple[Client, int]] = []
        self._handlers = self._handlers_by_message()

    def _handlers_by_message(self) -> dict[type, Callable[[Client, Any], None]]:
        return {
            Hello: self.processes.on_hello,
            ExportFunction: self._on_export_function,
            SubmitTask: self._on_submit_task,
            TaskDone: self.leases.on_task_done,
            GiveBack: self.leases.on_give_back,
            InterruptMissed: self.cancelling.on_interrupt_missed,
            PutObject: self.objects.on_put_object,
            CreateSegment: self.objects.on_create_segment,
            SealSegment: self.objects.on_seal_segment,
            AbortSegment: self.objects.on_abort_segment,
            Subscribe: self.objects.on_subscribe,
            Locate: self.objects.on_locate,
            FreeObjects: self.objects.on_free_objects,
            ErrorSeen: lambda client, message: self.objects.unseen.seen(message.object_id),
            HoldReferences: self.objects.on_hold_references,
            DropReferences: self.objects.on_drop_references,
            ItemYielded: self.streams.on_item_yielded,
            ItemsTaken: self.streams.on_items_taken,
            CloseStream: self.streams.on_close_stream,
            Blocked: self.leases.on_blocked,
            Unblocked: self.leases.on_unblocked,
            Print: self.announcements.on_print,
            Notice: self.announcements.on_notice,
            CancelTask: self.cancelling.on_cancel_task,
            CreatePlacementGroup: self.groups.on_create,
            RemovePlacementGroup: self.groups.on_remove,
            AwaitPlacementGroup: self.groups.on_await,
            AddRows: self.questions.on_add_rows,
            Query: self.questions.on_query,
            CreateActor: self.actors.on_create_actor,
            GetActor: self.actors.on_get_actor,
            KillActor: self.actors.on_kill_actor,
            ActorExits: self.actors.on_actor_exits,
            ActorReady: self.actors.on_actor_ready,
            CallBegan: self.actors.calls.on_call_began,
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
        self.follow_up()

    @property
    def now(self) -> float:
        """The time of the messages that are being handled, in seconds since 1970."""
        return self.log.now

    @now.setter
    def now(self, now: float) -> None:
        self.log.now = now

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
            self.cancelling.cancel(task, task.spreads)

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
        self.log.task_arrives(task)
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
            self.actors.calls.submit(task)
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
        self.follow_up()

    def follow_up(self) -> None:
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
                results = ((ERROR, payload, ()),) * result_count(task.spec.num_returns)
                self.objects.unseen.passed_on(argument, task, len(results))
                self.finish(task, TaskState.FAILED, results)
                if task.actor is not None:
                    self.actors.calls.leave_line(task)
                return
        if task.spec.actor:
            self.actors.calls.arguments_ready(task)
        else:
            self.enqueue(task)

    def enqueue(self, task: Task) -> None:
        """Let a task wait for a node with its resources; a call, for its actor."""
        if task.actor is not None:
            self.actors.calls.put_back(task)
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
                self.processes.start(
                    self.home, min(self.queue.count(task.kind), max(1, free_cpus)), task.kind
                )
                to_come.add(task.kind)
                continue
            self.queue.pop(task)
            self.leases.grant(task, worker)

    def _end_tasks_of(self, group_id: str) -> None:
        """A placement group was removed: its tasks end."""
        for worker in workers_of(self.processes.workers(), group_id):
            worker.doom = "ended because its placement group was removed"
            self.processes.kill(worker)
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
        count = self.objects.table.references.count
        maybe_free = []
        stored = False
        for index, (kind, payload, contained) in enumerate(results):
            result = object_id(spec.task_id, index)
            if index and spec.num_returns == DYNAMIC and self.objects.table.get(result) is None:
                self.objects.table.declare(result, task.number)
            self.objects.seal(result, (kind, payload), contained, task.number)
            if not count(result):  # mostly somebody still refers to it
                maybe_free.append(result)
            stored = stored or kind == STORED
        if stored:
            maybe_free += self.objects.made.remember(task, results)
        self.streams.finish(task, results)
        if maybe_free:
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

    # --- the passing of time ----------------------------------------------------------------------------

    def tick(self) -> None:
        """What time alone brings about: long tasks are reported as running, spare workers leave."""
        self.leases.report_long_running(RUNNING_REPORT_SECONDS)
        self.members.tick()
        self.actors.end_slow_ones()
        self.actors.calls.tick()
        self.retries.tick()
        self.cancelling.tick()
        self.objects.report_references()
        self.announcements.tick()
        for node in self.nodes.values():
            for worker in node.pool.superfluous(self.now, IDLE_WORKER_SECONDS):
                worker.channel.channel.send(Exit())


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
