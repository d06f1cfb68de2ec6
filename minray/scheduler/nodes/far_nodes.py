"""The other nodes of a session, from the side of the head's scheduler.

Who is authoritative for what (`cluster_utils` has the picture)::

    head's local scheduler   tasks, references, actors and their names, placement groups; which nodes there
                             are, what of their resources is free, which of them has a copy of which object
    member (a further node)  its processes, its sockets, its store: room, spilling, pulls
    GCS                      what happened: it writes the events of all nodes

A worker of a member talks to its node, which passes on what concerns others; so the head's scheduler sees
a process like those of its own node, on a longer wire::

    worker --SubmitTask--> member --FromWorker(SubmitTask)--> head        (any message but those of the store)
    worker <--RunTask----- member <--ToWorker(RunTask)------- head

In Ray each node's scheduler decides for the tasks that come to it, and each process keeps the references to
what it has made.  Here the head does both for all: one place to look at, no protocol between many owners.

A node that says nothing for `NODE_SECONDS` is declared dead and its processes are ended: it cannot come back.
"""

import json
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...exceptions import TaskUnschedulableError
from ...object_store.folders import node_of
from ...wire.config import NODE_SECONDS, SUSPECT_SECONDS
from ...wire.demand import plain_demand
from ...wire.messages import (
    STORED,
    CopyMade,
    Died,
    Forked,
    FreeCopies,
    FromWorker,
    Heartbeat,
    JoinNode,
    Message,
    NodeAccepted,
    Notice,
    SignalWorker,
    ToWorker,
    WhereIs,
    Written,
    pack,
    unpack,
)
from ...wire.placement import SPREAD, UNSCHEDULABLE, Placement
from ..tables.choice import choose_node, feasible_nodes
from ..tables.node_record import NodeRecord
from ..tables.queue import UNIT, Demand, Resources
from ..tables.records import Client, Task
from ..tables.worker_pool import Kind

if TYPE_CHECKING:
    from ..local_scheduler import LocalScheduler


class FarChannel:
    """The way to a worker of another node: through that node.

    Args:
        link: the connection to the node.
        worker: the worker's number.
    """

    closed = False

    def __init__(self, link: Any, worker: int) -> None:  # noqa: ANN401 - has send(message)
        self._link = link
        self._worker = worker

    def send(self, message: Message) -> None:
        """Pass a message on."""
        self._link.send(ToWorker(self._worker, (pack(message),)))


class Members:
    """What `LocalScheduler` hands all that concerns further nodes to.

    Args:
        head: the scheduler itself.
    """

    def __init__(self, head: "LocalScheduler") -> None:
        self.ever = False  # whether there is, or was, a node beside the head
        self.folders: list[str] = []  # outbox: object stores of dead nodes, to be removed
        self.dead: list[NodeRecord] = []
        self._head = head
        self._last_number = 0
        self._nodes: dict[Client, NodeRecord] = {}  # by connection
        self._workers: dict[int, Client] = {}
        self._waiting: list[Task] = []  # tasks for which no node is fit; kept aside while there is one node
        self._spread = 0  # the node that was chosen last for "SPREAD"
        head.objects.room.free_far = self._free_far

    # --- nodes come and go --------------------------------------------------------------------------

    def on_join(self, client: Client, message: JoinNode) -> None:
        """A node wants to be one of the session's."""
        head = self._head
        self.ever = True
        self._last_number += 1
        info = json.loads(message.info)
        node = head.new_node(self._last_number, info, info["Resources"], client.channel)
        node.link, node.heard = client.channel, head.now
        node.folder, node.pids = message.folder, message.pids
        client.kind = "NODE"
        self._nodes[client] = head.nodes[node.number] = node
        head.objects.sockets[node.number] = message.objects
        head.log.new_node(node.number, node.id, info["NodeManagerAddress"], json.dumps(info["Resources"]))
        client.channel.send(NodeAccepted(node.number, head.objects.sockets.get(0, "")))
        head.processes.start(node, node.pool.target)
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            if task.spec.task_id in head.tasks:
                head.enqueue(task)
        head.groups.node_joined()

    def on_heartbeat(self, client: Client, message: Heartbeat) -> None:
        """A node lives."""
        if client in self._nodes:
            self._nodes[client].heard = self._head.now
            self._nodes[client].store_used = message.store_used

    def on_lost(self, client: Client, how: str = "its connection has ended") -> None:
        """A node is gone: its workers are dead, its objects lost."""
        node = self._nodes.pop(client, None)
        if node is None:
            return
        head = self._head
        node.alive = False
        node.info |= {"DeathReason": 2, "DeathReasonMessage": how}
        head.log.node_is(node.number, "DEAD", how)
        self.dead.append(node)
        self.folders.append(node.folder)
        head.objects.room.forget_node(node.number)
        for worker in list(node.pool.workers.values()):
            worker.doom = worker.doom or f"ended with its node (node {node.number}, {node.id[:8]}: {how})"
            self._workers.pop(worker.number, None)
            head.processes.on_died(Died(worker.number, -signal.SIGKILL))
        del head.nodes[node.number]
        head.groups.node_died(node)
        for task in list(head.queue.tasks()):
            if task.where[:1] == ("node",) and not self.can_be_placed(task):
                head.queue.discard(task)

    def tick(self) -> None:
        """Declare nodes dead that have been silent for too long."""
        for client, node in list(self._nodes.items()):
            silent = self._head.now - node.heard
            if silent > NODE_SECONDS:
                self._head.signals += [(pid, signal.SIGKILL) for pid in node.pids]
                self.on_lost(client, f"it has not been heard of for {silent:.1f} s")

    @property
    def watchful(self) -> bool:
        """Whether a node may fall silent."""
        return bool(self._nodes)

    def table(self) -> list[dict[str, Any]]:
        """All nodes as `nodes()` shows them, those that are dead too."""
        return [node.describe() for node in (*self._head.nodes.values(), *self.dead)]

    # --- messages -----------------------------------------------------------------------------------

    def on_from_worker(self, client: Client, message: FromWorker) -> None:
        """A worker of another node says something."""
        node = self._nodes.get(client)
        if node is None:
            return
        node.heard = self._head.now
        worker = self._workers.get(message.worker)
        if worker is None:
            worker = self._workers[message.worker] = Client(FarChannel(node.link, message.worker))
        for fields in message.messages:
            self._head.handle(worker, unpack(fields))

    def on_written(self, client: Client, message: Written) -> None:
        """A worker of another node has written an object, which it is about to seal."""
        if client in self._nodes:
            self._head.objects.room.written(message.name, message.size)
            self._workers[message.worker].creating[message.object_id] = message.name

    def on_forked(self, client: Client, message: Forked) -> None:
        """A worker of another node has been started."""
        if client in self._nodes:
            self._head.processes.on_forked(message)

    def on_died(self, client: Client, message: Died) -> None:
        """A worker of another node has ended."""
        self._head.processes.on_died(message)
        self._workers.pop(message.worker, None)

    def on_where_is(self, client: Client, message: WhereIs) -> None:
        """A node needs an object."""
        client.channel.send(self._head.objects.holders(message.object_id, message.failed))

    def on_copy_made(self, client: Client, message: CopyMade) -> None:
        """A node has a copy of an object now; if nobody needs the object any more, it is freed at once."""
        if client not in self._nodes:
            return
        entry = self._head.objects.table.get(message.object_id)
        if entry is not None and entry.kind == STORED:
            self._head.objects.room.add_copy((message.object_id, message.name, message.size))
        else:
            client.channel.send(FreeCopies((message.name,)))

    def _free_far(self, name: str) -> None:
        node = self._head.nodes.get(node_of(name))
        if node is not None:
            node.link.send(FreeCopies((name,)))

    def signal(self, node: NodeRecord, pid: int, number: int) -> None:
        """Send a signal to a worker of any node; it arrives before what is sent afterwards."""
        if node.link is None:
            self._head.signals.append((pid, number))
        else:
            node.link.send(SignalWorker(pid, int(number)))

    # --- placing ------------------------------------------------------------------------------------

    def can_be_placed(self, task: Task) -> bool:
        """Whether some node can ever run the task; if not, it fails or waits for one to join, as in Ray."""
        head, demand = self._head, _demand_of(task)
        if demand is None or (not task.where and head.resources.feasible(demand)):
            return True
        if feasible_nodes(head.nodes.values(), demand, task.where):
            return True
        kind, *details = task.where or ("",)
        if kind == "node" and not details[1]:
            head.fail(task, TaskUnschedulableError(UNSCHEDULABLE))
            return False
        if kind == "labels":
            text = f"No node has the labels, and the resources, that {task.spec.name!r} asks for. It waits."
            head.announcements.notify(Notice(text), task.job)
        else:
            head.announcements.notify(Notice(_infeasible(task, demand, head.nodes.values())), task.job)
        if not self.ever:
            self._waiting.append(task)
        return self.ever

    def schedule(self) -> None:
        """Give tasks to workers of all nodes as long as there are tasks, resources and workers."""
        head = self._head
        stuck: set[tuple[int, Demand, Kind, Any]] = set()  # lines whose next task waits for a worker to start
        progress = True
        while progress:
            progress = False
            for task in head.queue.heads():
                line = (task.depth, task.demand, task.kind, task.where)
                if line in stuck:
                    continue
                node = self._choose(task)
                if node is None:
                    continue
                if task.spec.refs and head.objects.has_lost_arguments(task):
                    head.queue.pop(task)
                    if not task.missing:
                        head.arguments_ready(task)
                    progress = True
                    continue
                worker = node.pool.take_idle(task.kind)
                if worker is None:
                    free = int(node.resources.available().get("CPU", 0)) if task.demand else node.pool.target
                    head.processes.start(node, min(head.queue.count(task.kind), max(1, free)), task.kind)
                    stuck.add(line)
                    continue
                if _where(task) == SPREAD:
                    self._spread = node.number
                head.queue.pop(task)
                head.leases.grant(task, worker)
                progress = True

    def _choose(self, task: Task) -> NodeRecord | None:
        head = self._head
        now, owner = head.now, task.owner.worker
        needs = _demand_of(task)
        nodes = [
            node
            for node in head.nodes.values()
            if node.link is None or now - node.heard < SUSPECT_SECONDS  # silent: it may be about to be lost
            if needs is None or node.resources.feasible(needs)
        ]
        if needs is not None and needs is not task.demand:  # an actor that takes less for life than to start
            nodes = [node for node in nodes if node.resources.fits(needs)] or nodes
        return choose_node(
            nodes,
            task.demand,
            _where(task),
            origin=owner.node.number if owner is not None else 0,
            local_bytes=self._local_bytes(task) if task.spec.refs else {},
            last=self._spread,
        )

    def _local_bytes(self, task: Task) -> dict[int, int]:
        """Bytes of a task's stored arguments by the nodes that have them."""
        found: dict[int, int] = {}
        objects = self._head.objects
        for _, argument in task.spec.refs:
            entry = objects.table.get(argument)
            if entry is not None and entry.kind == STORED:
                for node in {node_of(name) for name in objects.room.names(entry.payload)}:
                    found[node] = found.get(node, 0) + int(entry.payload[2])
        return found


def _where(task: Task) -> Placement:
    """A task's placement; as in Ray, actors that hold nothing for life are spread."""
    holds_nothing = task.creates is not None and not task.demand and not task.where
    return SPREAD if holds_nothing else task.where


def _demand_of(task: Task) -> Demand | None:
    """What a node must have for the task to be placed there; None if its placement group says that."""
    if task.spec.placement[:1] == ("group",):
        return None
    needs: Demand = task.creates.spec.needs if task.creates is not None else task.demand
    return needs


def _infeasible(task: Task, demand: Demand, nodes: Iterable[NodeRecord]) -> str:
    """What to tell the user when no node can ever meet the demand of a task."""
    wanted = ", ".join(f"{amount / UNIT:g} {name}" for name, amount in plain_demand(demand))
    offers = ["this node has only " + _countable(node.resources) for node in nodes]
    has = offers[0] if len(offers) == 1 else f"none of the {len(offers)} nodes has that"
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
