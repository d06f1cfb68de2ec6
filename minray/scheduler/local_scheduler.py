"""The local scheduler: decides, for all tasks of a session, what runs where and when.

It decides and does no I/O: `handle` changes the state and puts answers into outboxes (the channels of
processes, `log`, `objects.room`, `processes.signals`), which `process` empties.  So tests drive it without a
socket or a clock.  It never looks into user data.

Here its parts are put together, and messages are given to those that they concern; nobody is handed the
whole.  A part takes those below it, and is told by `connect` of those above it::

    creation, actors, calls, groups, far_nodes     what a plain task has nothing to do with
    schedule_loop, deaths, cancelling              who runs what, and what becomes of it
    leases, retries, processes                     tasks that are with workers, or were; who is there
    tasks                                          tasks that are not finished
    announcements, streams, whereabouts, objects   what is told, what tasks take and make
    queue, nodes, clients, log                     tables
"""

from collections.abc import Callable
from itertools import count
from typing import Any

from ..wire import messages
from ..wire.config import IDLE_WORKER_SECONDS, RUNNING_REPORT_SECONDS
from ..wire.messages import Exit, Message
from .actors.actors import Actors
from .actors.calls import ActorCalls
from .actors.creation import ActorCreation
from .announcements import Announcements
from .groups.groups import Groups
from .nodes.deaths import Deaths
from .nodes.far_nodes import FarNodes
from .nodes.processes import Processes
from .objects.objects import Objects
from .objects.streams import ItemStreams
from .objects.whereabouts import Whereabouts
from .questions import Questions, object_report
from .tables.event_log import EventLog
from .tables.nodes import Nodes, summed
from .tables.queue import TaskQueue
from .tables.records import Client, Peer
from .tasks.cancelling import Cancelling
from .tasks.leases import Leases
from .tasks.retries import Retries
from .tasks.schedule import ScheduleLoop
from .tasks.tasks import Tasks


class LocalScheduler:
    """The state of one session.

    Args:
        resources: what the head's node has, in units.
        store_capacity: bytes that objects may use there.
        zygote: makes workers there.
        node_info: what `nodes()` returns for it.
        log: where events go; a new one by default.
    """

    def __init__(
        self,
        resources: dict[str, float],
        store_capacity: int,
        zygote: Peer,
        node_info: dict[str, object],
        log: EventLog | None = None,
    ) -> None:
        self.log = log = EventLog() if log is None else log
        numbers = count(1)
        self.clients: dict[int, Client] = {}
        self.nodes = nodes = Nodes(numbers)
        nodes.add(0, node_info, resources, zygote)
        self.queue = TaskQueue()
        self.objects = objects = Objects(store_capacity, log)
        self.whereabouts = Whereabouts(log, objects)
        self.streams = ItemStreams(objects)
        self.announcements = Announcements(log, self.clients, nodes, self.queue, objects)
        self.tasks = tasks = Tasks(log, nodes, objects, self.streams, self.queue, self.announcements.notify)
        self.retries = Retries(log, tasks)
        self.leases = Leases(log, nodes, self.queue, objects, self.streams, tasks, self.retries)
        self.processes = processes = Processes(log, numbers, self.clients, nodes)
        self.schedule_loop = ScheduleLoop(
            log, self.queue, nodes, self.whereabouts, tasks, processes.start, self.leases
        )
        self.cancelling = Cancelling(log, self.queue, objects, tasks, processes.signal)
        whose = (self.clients, nodes, objects, self.whereabouts, self.streams)
        self.deaths = Deaths(log, *whose, tasks, self.leases, self.retries, self.cancelling)
        self.groups = Groups(log, nodes, objects, self.queue, tasks, processes)
        self.calls = ActorCalls(log, objects, tasks, self.leases, self.retries)
        how = (tasks, self.leases, self.retries, processes)
        self.actors = Actors(log, nodes, objects, *how, self.groups.end_actor, self.calls)
        self.creation = ActorCreation(log, objects, tasks, self.leases, processes, self.calls, self.actors)
        self.far_nodes = FarNodes(
            log, nodes, objects, self.whereabouts, self.queue, tasks, processes, self.deaths, self.handle
        )
        self.flush_requests: list[tuple[Client, int]] = []  # outbox, beside those of the parts
        self.questions = Questions(log, self._answers(), self.tidy_up, self._flush)
        self._connect()
        self._handlers = self._handlers_by_message()

    def _connect(self) -> None:
        """Tell parts of those that stand above them."""
        self.objects.connect(run_again=self.tasks.make)
        self.tasks.connect(
            submit_call=self.calls.on_submit,
            drop_actor=self.actors.on_unreferenced,
            cancel=self.cancelling.cancel,
            refusal=self.groups.refusal,
        )
        self.calls.connect(self.creation.done, self.actors.end_unneeded)
        self.deaths.connect(self.actors.on_worker_died, self.actors.on_owner_died, self.groups.end_job)
        self.far_nodes.connect(node_joined=self.groups.node_joined, node_died=self.groups.node_died)

    def _handlers_by_message(self) -> dict[type, Callable[[Client, Any], None]]:
        return {
            messages.Hello: self.processes.on_hello,
            messages.ExportFunction: self.tasks.on_export_function,
            messages.SubmitTask: self.tasks.on_submit_task,
            messages.TaskDone: self.leases.on_task_done,
            messages.GiveBack: self.leases.on_give_back,
            messages.InterruptMissed: self.cancelling.on_interrupt_missed,
            messages.PutObject: self.objects.on_put_object,
            messages.CreateSegment: self.objects.on_create_segment,
            messages.SealSegment: self.objects.on_seal_segment,
            messages.AbortSegment: self.objects.on_abort_segment,
            messages.Subscribe: self.objects.on_subscribe,
            messages.Locate: self.whereabouts.on_locate,
            messages.FreeObjects: self.whereabouts.on_free_objects,
            messages.ErrorSeen: lambda client, message: self.objects.unseen.seen(message.object_id),
            messages.HoldReferences: self.objects.on_hold_references,
            messages.DropReferences: self.objects.on_drop_references,
            messages.ItemYielded: self.streams.on_item_yielded,
            messages.ItemsTaken: self.streams.on_items_taken,
            messages.CloseStream: self.streams.on_close_stream,
            messages.Blocked: self.leases.on_blocked,
            messages.Unblocked: self.leases.on_unblocked,
            messages.Print: self.announcements.on_print,
            messages.Notice: self.announcements.on_notice,
            messages.CancelTask: self.cancelling.on_cancel_task,
            messages.CreatePlacementGroup: self.groups.on_create,
            messages.RemovePlacementGroup: self.groups.on_remove,
            messages.AwaitPlacementGroup: self.groups.on_await,
            messages.AddRows: self.questions.on_add_rows,
            messages.Query: self.questions.on_query,
            messages.CreateActor: self.creation.on_create_actor,
            messages.GetActor: self.creation.on_get_actor,
            messages.KillActor: self.actors.on_kill_actor,
            messages.ActorExits: self.actors.on_actor_exits,
            messages.ActorReady: self.creation.on_actor_ready,
            messages.CallBegan: self.calls.on_call_began,
            messages.JoinNode: self.far_nodes.on_join,
            messages.Heartbeat: self.far_nodes.on_heartbeat,
            messages.FromWorker: self.far_nodes.on_from_worker,
            messages.Written: self.far_nodes.on_written,
            messages.WhereIs: self.far_nodes.on_where_is,
            messages.CopyMade: self.far_nodes.on_copy_made,
            messages.Forked: self.far_nodes.on_forked,
            messages.Died: self.far_nodes.on_died,
        }

    def begin_turn(self, now: float) -> None:
        """It is so late now, in seconds since 1970, for all that is decided and recorded."""
        self.log.now = now

    def handle(self, client: Client, message: Message) -> None:
        """Take one message in."""
        self._handlers[type(message)](client, message)
        if self.objects.complete or self.objects.unreferenced:
            self.tasks.follow_up()

    def schedule(self) -> None:
        """Give tasks to workers as long as there are tasks, resources and workers."""
        if self.groups.policy.pending or self.groups.policy.ending:
            self.groups.create_waiting()
        if self.queue.length:
            self.schedule_loop.run()

    def tidy_up(self) -> None:
        """Let go of objects and actors that were dropped; to be called when all answers have been sent."""
        self.objects.tidy_up()
        if self.objects.complete or self.objects.unreferenced:
            self.tasks.follow_up()

    def tick(self) -> None:
        """What time alone brings about: long tasks are reported as running, spare workers leave."""
        self.leases.report_long_running(RUNNING_REPORT_SECONDS)
        if self.nodes.several:
            self.far_nodes.tick()
        if self.creation.ever:
            self.actors.end_slow_ones()
            self.calls.tick()
        self.retries.tick()
        self.cancelling.tick()
        self.objects.report_references()
        self.announcements.tick()
        for node in self.nodes.alive.values():
            for worker in node.pool.superfluous(self.log.now, IDLE_WORKER_SECONDS):
                worker.send(Exit())

    # --- questions ----------------------------------------------------------------------------------

    def _answers(self) -> dict[str, Callable[[Client], object]]:
        """What to answer to those who ask, by the question."""
        nodes, objects = self.nodes.alive, self.objects
        return {
            "nodes": lambda asks: self.far_nodes.table(),
            "cluster_resources": lambda asks: summed(node.resources.total() for node in nodes.values()),
            "available_resources": lambda asks: summed(iter(self._available().values())),
            "available_per_node": lambda asks: self._available(),
            "placement_groups": lambda asks: self.groups.table(),
            "object_report": lambda asks: self._object_report(),
            "objects": lambda asks: len(objects.table),
            "store_used": lambda asks: objects.room.book.used,
            "named_actors": lambda asks: self.actors.table.names(),
            "namespace": self.processes.namespace_of,
        }

    def _available(self) -> dict[str, dict[str, float]]:
        """What is free, by node; of memory for objects, on this node alone: others do not tell."""
        found = {node.id: node.resources.available() for node in self.nodes.alive.values()}
        here = found[self.nodes.home.id]
        if "object_store_memory" in here:
            free = here["object_store_memory"] - self.objects.room.book.used
            here["object_store_memory"] = max(0.0, free)
        return found

    def _object_report(self) -> list[tuple[str, int, str, str, str, int]]:
        tasks = {task.number: task for task in self.tasks.alive.values()}
        return object_report(self.objects.table, tasks, self.clients.values())

    def _flush(self, client: Client, request: int) -> None:
        """A process wants to know when all that has happened is in the event store."""
        self.leases.report_long_running(0.0)
        self.flush_requests.append((client, request))
