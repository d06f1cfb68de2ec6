"""A further node's scheduler process: its workers' only partner, and the keeper of its object store; pure.

::

    worker <--> member <--> the head's local scheduler
                  |
                  '-- room for objects, spilling, copies from other nodes: decided here

What workers say about the store is answered here; all else goes to the head, in order, and what the head says
to a worker comes back the same way.  See `members` for the other side, `member_process` for the sockets.

An object is known to others by the name of the file in which it was written or copied here, even after it has
been spilled: `_places` says where it really is.
"""

import signal
from collections.abc import Callable
from typing import Any

from ..object_store.folders import NOWHERE
from ..object_store.pulls import Pulls
from ..object_store.room import Place, StoreRoom
from ..scheduler.tables.event_log import EventLog
from ..scheduler.tables.records import Client
from ..wire.ids import task_of
from ..wire.messages import (
    STORED,
    AbortSegment,
    CopyMade,
    CreateSegment,
    Died,
    Fork,
    Forked,
    FreeCopies,
    FromWorker,
    Hello,
    Holders,
    ItemYielded,
    Locate,
    Message,
    RunTask,
    SealSegment,
    SignalWorker,
    TaskDone,
    ToWorker,
    WhereIs,
    Written,
    pack,
    unpack,
)


class MemberClient(Client):
    """A worker of this node."""

    task_at_work: int | None = None  # the number of the task that it got last

    @property
    def task_number(self) -> int | None:
        """The number, in the event store, of the task that it runs."""
        return self.task_at_work


class _Nothing:
    """Says nothing to anybody."""

    closed = False

    def send(self, message: Message) -> None:
        """Do nothing."""


_NOBODY = Client(_Nothing())


class Member:
    """The state of a further node.

    Args:
        number: of the node.
        capacity: bytes that objects may use here.
        zygote: has send(message).
        head: likewise: the connection to the head's scheduler.
    """

    def __init__(self, number: int, capacity: int, zygote: Any, head: Any) -> None:  # noqa: ANN401
        self.log = EventLog(number)
        self.room = StoreRoom(capacity, self.log, self._moved)
        self.pulls = Pulls(self.room, self.log, self._look_up, self._copied)
        self.clients: dict[int, MemberClient] = {}
        self.signals: list[tuple[int, int]] = []  # outbox
        self._zygote = zygote
        self._head = head
        self._places: dict[str, Place] = {}  # where the objects are, by the names that others know
        self._names: dict[bytes, list[str]] = {}  # those names, by object
        self._from_worker: dict[type, Callable[[MemberClient, Any], None]] = {
            Hello: self._on_hello,
            CreateSegment: self.room.ask,
            AbortSegment: self._on_abort_segment,
            SealSegment: self._on_seal_segment,
            Locate: self._on_locate,
            TaskDone: self._on_task_done,
            ItemYielded: self._on_item_yielded,
        }
        self._from_head: dict[type, Callable[[Any], None]] = {
            ToWorker: self._on_to_worker,
            Fork: self._zygote.send,
            SignalWorker: self._on_signal_worker,
            Holders: self.pulls.found,
            FreeCopies: self._on_free_copies,
        }

    # --- processes ----------------------------------------------------------------------------------

    def on_message(self, client: MemberClient, message: Message) -> None:
        """A worker says something."""
        self._from_worker.get(type(message), self._pass_on)(client, message)

    def _pass_on(self, client: MemberClient, message: Message) -> None:
        self._head.send(FromWorker(client.number, (pack(message),)))

    def on_head(self, message: Message) -> None:
        """The head says something."""
        self._from_head[type(message)](message)

    def _on_hello(self, client: MemberClient, message: Hello) -> None:
        client.number, client.pid, client.kind = message.worker, message.pid, message.kind
        self.clients[client.number] = client
        self._pass_on(client, message)

    def _on_to_worker(self, message: ToWorker) -> None:
        client = self.clients.get(message.worker)
        if client is None:  # it has died; the head will hear of that
            return
        for fields in message.messages:
            told = unpack(fields)
            if type(told) is RunTask:
                client.task_at_work = told.task
                self._fetch_arguments(told)
            client.channel.send(told)

    def _fetch_arguments(self, task: RunTask) -> None:
        """Begin to copy what is not here, before the worker looks for it."""
        for _, kind, payload in task.values:
            if kind == STORED and payload[1] != NOWHERE and payload[0] not in self._names:
                self.pulls.want(_NOBODY, 0, payload[0])

    def _on_signal_worker(self, message: SignalWorker) -> None:
        self.signals.append((message.pid, message.signal))

    def on_forked(self, message: Forked) -> None:
        """The zygote has made a worker."""
        self._head.send(message)

    def on_died(self, message: Died) -> None:
        """A worker's process has ended: what it had begun to write is worth nothing."""
        client = self.clients.pop(message.worker, None)
        if client is not None:
            self.room.forget(client)
            for object_id, name in client.creating.items():
                self.room.discard(object_id, name)
        self._head.send(message)

    def end_workers(self, number: signal.Signals = signal.SIGKILL) -> None:
        """The node ends."""
        self.signals += [(client.pid, number) for client in self.clients.values()]

    # --- objects of this node -----------------------------------------------------------------------

    def resolve(self, name: str) -> str:
        """The file in which an object is that others know by this name; read by other threads."""
        place = self._places.get(name)
        return place[1] if place is not None else name

    def _keep(self, place: Place) -> None:
        object_id, name, _ = place
        self._places[name] = place
        self._names.setdefault(object_id, []).append(name)

    def _on_abort_segment(self, client: MemberClient, message: AbortSegment) -> None:
        self.room.discard(message.object_id, client.creating.pop(message.object_id))

    def _on_seal_segment(self, client: MemberClient, message: SealSegment) -> None:
        self._written(client, message.object_id)
        self._pass_on(client, message)

    def _written(self, client: MemberClient, object_id: bytes) -> None:
        """A worker has written an object; the head decides whether it is needed."""
        name = client.creating.pop(object_id)
        place = object_id, name, self.room.size(name)
        self._keep(place)
        self.room.sealed(place, client.task_number)
        self._head.send(Written(client.number, *place))

    def _on_task_done(self, client: MemberClient, message: TaskDone) -> None:
        results = {payload[0] for kind, payload, _ in message.results if kind == STORED}
        for object_id in [name for name in client.creating if task_of(name) == message.task_id]:
            if object_id in results:
                self._written(client, object_id)
            else:
                self.room.discard(object_id, client.creating.pop(object_id))
        self._pass_on(client, message)

    def _on_item_yielded(self, client: MemberClient, message: ItemYielded) -> None:
        if message.kind == STORED:
            self._written(client, message.payload[0])
        self._pass_on(client, message)

    def _on_free_copies(self, message: FreeCopies) -> None:
        for name in message.names:
            self._free(name)

    def _free(self, name: str, why: str = "FREED") -> None:
        place = self._places.pop(name, None)
        if place is not None:
            names = self._names[place[0]]
            names.remove(name)
            if not names:
                del self._names[place[0]]
            self.room.free(place, why)

    def _moved(self, old: Place, new: Place) -> bool:
        """An object has been spilled or restored."""
        for name in self._names.get(old[0], ()):
            if self._places[name] == old:
                self._places[name] = new
                return True
        return False

    # --- objects of other nodes ---------------------------------------------------------------------

    def _on_locate(self, client: MemberClient, message: Locate) -> None:
        """A worker does not find an object where it was."""
        failed: tuple[str, ...] = ()
        for name in list(self._names.get(message.object_id, ())):
            place = self._places[name]
            if place[1] != message.missing:
                self.room.locate(client, message.request, place)
                return
            self._free(name, "LOST")
            failed = (*failed, name)
        self.pulls.want(client, message.request, message.object_id, failed)

    def _look_up(self, object_id: bytes, failed: tuple[str, ...]) -> None:
        self._head.send(WhereIs(object_id, failed))

    def _copied(self, place: Place) -> bool:
        self._keep(place)
        self.room.sealed(place, None)
        self._head.send(CopyMade(*place))
        return True
