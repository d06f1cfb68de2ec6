"""The other nodes of a session, from the side of the head's scheduler.

Who is authoritative for what (`cluster_utils` has the picture)::

    head's local scheduler   tasks, references, actors and their names, placement groups; which nodes there
                             are, what of their resources is free, which of them has a copy of which object
    far node                 its processes, its sockets, its store: room, spilling, pulls
    GCS                      what happened: it writes the events of all nodes

A worker of a far node talks to its node, which passes on what concerns others; so the head's scheduler sees
a process like those of its own node, on a longer wire::

    worker --SubmitTask--> far node --FromWorker(SubmitTask)--> head      (any message but those of the store)
    worker <--RunTask----- far node <--ToWorker(RunTask)------- head

In Ray each node's scheduler decides for the tasks that come to it, and each process keeps the references to
what it has made.  Here the head does both for all: one place to look at, no protocol between many owners.

A node that says nothing for `NODE_SECONDS` is declared dead and its processes are ended: it cannot come back.
"""

import json
import signal
from collections.abc import Callable

from ...object_store.segments import node_of
from ...wire import messages
from ...wire.config import NODE_SECONDS
from ...wire.messages import STORED, Message, pack, unpack
from ..objects.objects import Objects
from ..objects.whereabouts import Whereabouts
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.queue import TaskQueue
from ..tables.records import Client, Node, Peer
from ..tasks.tasks import Tasks
from .deaths import Deaths
from .processes import Processes


class FarChannel:
    """The way to a worker of another node: through that node.

    Args:
        link: the connection to the node.
        worker: the worker's number.
    """

    def __init__(self, link: Peer, worker: int) -> None:
        self._link, self._worker = link, worker

    def send(self, message: Message) -> None:
        """Pass a message on."""
        self._link.send(messages.ToWorker(self._worker, (pack(message),)))


class FarNodes:
    """The nodes beside the head's, and their workers.

    Args:
        log: where events go.
        nodes: all that live.
        objects: what they have copies of.
        whereabouts: knows which node has which.
        queue: the tasks that wait.
        tasks: queues those again that no node was fit for.
        processes: starts workers.
        deaths: clears up after workers.
        handle: takes in what a worker says.
    """

    def __init__(
        self,
        log: EventLog,
        nodes: Nodes,
        objects: Objects,
        whereabouts: Whereabouts,
        queue: TaskQueue,
        tasks: Tasks,
        processes: Processes,
        deaths: Deaths,
        handle: Callable[[Client, Message], None],
    ) -> None:
        self.folders: list[str] = []  # outbox: object stores of dead nodes, to be removed
        self._log, self._nodes, self._objects, self._whereabouts = log, nodes, objects, whereabouts
        self._queue, self._tasks, self._processes, self._deaths = queue, tasks, processes, deaths
        self._handle = handle
        self._last_number = 0
        self._by_link: dict[Client, Node] = {}
        self._dead: list[Node] = []
        self._workers: dict[int, Client] = {}
        self._node_joined: Callable[[], None]
        self._node_died: Callable[[Node], None]
        objects.room.free_far = self._free_far

    def connect(self, node_joined: Callable[[], None], node_died: Callable[[Node], None]) -> None:
        """Name those who look after placement groups."""
        self._node_joined, self._node_died = node_joined, node_died

    # --- nodes come and go --------------------------------------------------------------------------

    def on_join(self, client: Client, message: messages.JoinNode) -> None:
        """A node wants to be one of the session's."""
        self._last_number += 1
        info = json.loads(message.info)
        node = self._nodes.add(self._last_number, info, info["Resources"], client.channel)
        node.link, node.heard = client.channel, self._log.now
        node.folder, node.pids = message.folder, message.pids
        self._by_link[client] = node
        self._whereabouts.sockets[node.number] = message.objects
        self._log.new_node(node.number, node.id, info["NodeManagerAddress"], json.dumps(info["Resources"]))
        client.channel.send(messages.NodeAccepted(node.number, self._whereabouts.sockets.get(0, "")))
        self._processes.start(node, node.pool.target)
        self._tasks.look_again()
        self._node_joined()

    def on_heartbeat(self, client: Client, message: messages.Heartbeat) -> None:
        """A node lives."""
        if client in self._by_link:
            self._by_link[client].heard = self._log.now
            self._by_link[client].store_used = message.store_used

    def on_lost(self, client: Client, how: str = "its connection has ended") -> None:
        """A node is gone: its workers are dead, its objects lost."""
        node = self._by_link.pop(client, None)
        if node is None:
            return
        node.alive = False
        node.info |= {"DeathReason": 2, "DeathReasonMessage": how}
        self._log.node_is(node.number, "DEAD", how)
        self._dead.append(node)
        self.folders.append(node.folder)
        self._objects.room.forget_node(node.number)
        for worker in list(node.pool.workers.values()):
            self._processes.doom(worker, f"ended with its node (node {node.number}, {node.id[:8]}: {how})")
            self._workers.pop(worker.number, None)
            self._deaths.on_died(messages.Died(worker.number, -signal.SIGKILL))
        del self._nodes.alive[node.number]
        self._node_died(node)
        for task in list(self._queue.tasks()):
            if task.where[:1] == ("node",) and not self._tasks.can_be_placed(task):
                self._queue.discard(task)

    def tick(self) -> None:
        """Declare nodes dead that have been silent for too long."""
        for client, node in list(self._by_link.items()):
            silent = self._log.now - node.heard
            if silent > NODE_SECONDS:
                self._processes.signals += [(pid, signal.SIGKILL) for pid in node.pids]
                self.on_lost(client, f"it has not been heard of for {silent:.1f} s")

    @property
    def watchful(self) -> bool:
        """Whether a node may fall silent."""
        return bool(self._by_link)

    def table(self) -> list[dict[str, object]]:
        """All nodes as `nodes()` shows them, those that are dead too."""
        return [node.describe() for node in (*self._nodes.alive.values(), *self._dead)]

    # --- messages -----------------------------------------------------------------------------------

    def on_from_worker(self, client: Client, message: messages.FromWorker) -> None:
        """A worker of another node says something."""
        node = self._by_link.get(client)
        if node is None:
            return
        node.heard = self._log.now
        worker = self._workers.get(message.worker)
        if worker is None:
            worker = self._workers[message.worker] = Client(FarChannel(client.channel, message.worker))
        for fields in message.messages:
            self._handle(worker, unpack(fields))

    def on_written(self, client: Client, message: messages.Written) -> None:
        """A worker of another node has written an object, which it is about to seal."""
        if client in self._by_link:
            self._objects.room.written(message.name, message.size)
            self._workers[message.worker].creating[message.object_id] = message.name

    def on_forked(self, client: Client, message: messages.Forked) -> None:
        """A worker of another node has been started."""
        if client in self._by_link:
            self._processes.on_forked(message)

    def on_died(self, client: Client, message: messages.Died) -> None:
        """A worker of another node has ended."""
        self._deaths.on_died(message)
        self._workers.pop(message.worker, None)

    def on_where_is(self, client: Client, message: messages.WhereIs) -> None:
        """A node needs an object."""
        client.channel.send(self._whereabouts.holders(message.object_id, message.failed))

    def on_copy_made(self, client: Client, message: messages.CopyMade) -> None:
        """A node has a copy of an object now; if nobody needs the object any more, it is freed at once."""
        if client not in self._by_link:
            return
        entry = self._objects.table.get(message.object_id)
        if entry is not None and entry.kind == STORED:
            self._objects.room.add_copy((message.object_id, message.name, message.size))
        else:
            client.channel.send(messages.FreeCopies((message.name,)))

    def _free_far(self, name: str) -> None:
        node = self._nodes.alive.get(node_of(name))
        if node is not None and node.link is not None:
            node.link.send(messages.FreeCopies((name,)))
