"""A further node's scheduler process: its workers' only partner, and the keeper of its object store; pure.

::

    worker <--> FarNode <--> the head's local scheduler
                   |
                   '-- room for objects, spilling, copies from other nodes: decided here

What workers say about the store is answered here; all else goes to the head, in order, and what the head says
to a worker comes back the same way.  The other side is in `scheduler/nodes`; `process` has the sockets.

An object is known to others by the name of the file in which it was written or copied here, even after it has
been spilled: `_places` says where it really is.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..object_store.ports import Partner
from ..object_store.pulls import Pulls
from ..object_store.room import Place, StoreLog, StoreRoom
from ..object_store.segments import NOWHERE
from ..wire import messages
from ..wire.ids import task_of
from ..wire.rpc import Channel


@dataclass(eq=False, slots=True)
class HostedWorker:
    """A worker of this node; a `User` of its store."""

    channel: Channel
    number: int = 0
    task_number: int | None = None  # in the event store: of the task that it got last
    creating: dict[bytes, str] = field(default_factory=dict)  # objects that it is writing: their files


class FarNode:
    """The state of a further node.

    Args:
        number: of the node.
        capacity: bytes that objects may use here.
        zygote: the way to the process that forks workers.
        head: the way to the head's scheduler.
    """

    def __init__(self, number: int, capacity: int, zygote: Partner, head: Partner) -> None:
        self.now = 0.0
        self.workers: dict[int, HostedWorker] = {}
        self._rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        log = StoreLog(self._rows, self, number)
        self.room = StoreRoom(capacity, log, self._moved)
        self.pulls = Pulls(self.room, log, self._look_up, self._copied)
        # Outboxes, beside those of `room` and `pulls`.
        self.signals: list[tuple[int, int]] = []
        self._zygote, self._head = zygote, head
        self._places: dict[str, Place] = {}  # where the objects are, by the names that others know
        self._names: dict[bytes, list[str]] = {}  # those names, by object
        self._from_worker: dict[type, Callable[[HostedWorker, Any], None]] = {
            messages.Hello: self._on_hello,
            messages.CreateSegment: self.room.ask,
            messages.AbortSegment: self._on_abort_segment,
            messages.SealSegment: self._on_seal_segment,
            messages.Locate: self._on_locate,
            messages.TaskDone: self._on_task_done,
            messages.ItemYielded: self._on_item_yielded,
        }
        self._from_head: dict[type, Callable[[Any], None]] = {
            messages.ToWorker: self._on_to_worker,
            messages.Fork: self._zygote.send,
            messages.SignalWorker: self._on_signal_worker,
            messages.Holders: self.pulls.found,
            messages.FreeCopies: self._on_free_copies,
        }

    @property
    def restless(self) -> bool:
        """Whether there is something to do even if nobody says anything."""
        return bool(self._rows) or self.room.restless

    def begin_turn(self, now: float) -> None:
        """It is so late, and messages are going to be handled."""
        self.now = now

    def take_rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Hand over the rows that have gathered for the event store."""
        rows = dict(self._rows)
        self._rows.clear()
        return rows

    # --- processes ----------------------------------------------------------------------------------

    def on_message(self, worker: HostedWorker, message: messages.Message) -> None:
        """A worker says something."""
        self._from_worker.get(type(message), self._pass_on)(worker, message)

    def _pass_on(self, worker: HostedWorker, message: messages.Message) -> None:
        self._head.send(messages.FromWorker(worker.number, (messages.pack(message),)))

    def on_head(self, message: messages.Message) -> None:
        """The head says something."""
        self._from_head[type(message)](message)

    def _on_hello(self, worker: HostedWorker, message: messages.Hello) -> None:
        worker.number = message.worker
        self.workers[worker.number] = worker
        self._pass_on(worker, message)

    def _on_to_worker(self, message: messages.ToWorker) -> None:
        worker = self.workers.get(message.worker)
        if worker is None:  # it has died; the head will hear of that
            return
        for fields in message.messages:
            told = messages.unpack(fields)
            if type(told) is messages.RunTask:
                worker.task_number = told.task
                self._fetch_arguments(told)
            worker.channel.send(told)

    def _fetch_arguments(self, task: messages.RunTask) -> None:
        """Begin to copy what is not here, before the worker looks for it."""
        for _, kind, payload in task.values:
            if kind == messages.STORED and payload[1] != NOWHERE and payload[0] not in self._names:
                self.pulls.fetch(payload[0])

    def _on_signal_worker(self, message: messages.SignalWorker) -> None:
        self.signals.append((message.pid, message.signal))

    def on_forked(self, message: messages.Forked) -> None:
        """The zygote has made a worker."""
        self._head.send(message)

    def on_died(self, message: messages.Died) -> None:
        """A worker's process has ended: what it had begun to write is worth nothing."""
        worker = self.workers.pop(message.worker, None)
        if worker is not None:
            self.room.forget(worker)
            for object_id, name in worker.creating.items():
                self.room.discard(object_id, name)
        self._head.send(message)

    # --- objects of this node -----------------------------------------------------------------------

    def resolve(self, name: str) -> str:
        """The file in which an object is that others know by this name; read by other threads."""
        place = self._places.get(name)
        return place[1] if place is not None else name

    def _keep(self, place: Place) -> None:
        object_id, name, _ = place
        self._places[name] = place
        self._names.setdefault(object_id, []).append(name)

    def _on_abort_segment(self, worker: HostedWorker, message: messages.AbortSegment) -> None:
        self.room.discard(message.object_id, worker.creating.pop(message.object_id))

    def _on_seal_segment(self, worker: HostedWorker, message: messages.SealSegment) -> None:
        self._written(worker, message.object_id)
        self._pass_on(worker, message)

    def _written(self, worker: HostedWorker, object_id: bytes) -> None:
        """A worker has written an object; the head decides whether it is needed."""
        name = worker.creating.pop(object_id)
        place = object_id, name, self.room.size(name)
        self._keep(place)
        self.room.sealed(place, worker.task_number)
        self._head.send(messages.Written(worker.number, *place))

    def _on_task_done(self, worker: HostedWorker, message: messages.TaskDone) -> None:
        results = {payload[0] for kind, payload, _ in message.results if kind == messages.STORED}
        for object_id in [name for name in worker.creating if task_of(name) == message.task_id]:
            if object_id in results:
                self._written(worker, object_id)
            else:
                self.room.discard(object_id, worker.creating.pop(object_id))
        self._pass_on(worker, message)

    def _on_item_yielded(self, worker: HostedWorker, message: messages.ItemYielded) -> None:
        if message.kind == messages.STORED:
            self._written(worker, message.payload[0])
        self._pass_on(worker, message)

    def _on_free_copies(self, message: messages.FreeCopies) -> None:
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

    def _on_locate(self, worker: HostedWorker, message: messages.Locate) -> None:
        """A worker does not find an object where it was."""
        failed: tuple[str, ...] = ()
        for name in list(self._names.get(message.object_id, ())):
            place = self._places[name]
            if place[1] != message.missing:
                self.room.locate(worker, message.request, place)
                return
            self._free(name, "LOST")
            failed = (*failed, name)
        self.pulls.want(worker, message.request, message.object_id, failed)

    def _look_up(self, object_id: bytes, failed: tuple[str, ...]) -> None:
        self._head.send(messages.WhereIs(object_id, failed))

    def _copied(self, place: Place) -> bool:
        self._keep(place)
        self.room.sealed(place, None)
        self._head.send(messages.CopyMade(*place))
        return True
