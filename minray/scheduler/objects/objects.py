"""The objects of a session, from the scheduler's side: who may write, who gets which value, what is freed.

It joins the pure tables (`ObjectTable` with its reference counts, `StoreRoom`) with the messages about
objects.  Values are pushed to whoever owns or wants them.
"""

import pickle
from collections import deque
from collections.abc import Callable
from typing import Any

from ...exceptions import ObjectLostError
from ...object_store.copies import SessionRoom
from ...object_store.room import Place
from ...object_store.segments import NOWHERE, node_of
from ...wire import messages
from ...wire.ids import task_of
from ...wire.messages import ACTOR, ERROR, INLINE, STORED, Value
from ..tables.event_log import EventLog
from ..tables.records import Client, Task
from .reconstruction import Reconstruction
from .table import ObjectEntry, ObjectTable
from .unseen_errors import UnseenErrors


class Objects:
    """The objects of a session, and who waits for which.

    Args:
        capacity: bytes that the objects may use.
        log: where events go.
    """

    def __init__(self, capacity: int, log: EventLog) -> None:
        self.room = SessionRoom(capacity, log.objects, self._moved)
        self.table: ObjectTable = ObjectTable()
        self.made = Reconstruction(self.table)
        self.unseen = UnseenErrors()
        self.complete: deque[Task] = deque()  # outbox: tasks whose last missing argument has come
        self.unreferenced: deque[bytes] = deque()  # outbox: actors (their objects) that nobody refers to
        self._log = log.objects
        self._pushing: list[Client] = []
        self._dropped: deque[tuple[Client, tuple[bytes, ...]]] = deque()  # dropped, but not freed yet

    def connect(self, run_again: Callable[[Task], None]) -> None:
        """Name the one who takes in a task that is to make a lost object again."""
        self.made.connect(run_again)

    def seal(self, object_id: bytes, value: Value, contained: tuple[bytes, ...], task: int | None) -> None:
        """An object exists now: tell everybody who waits for it."""
        entry = self.table.get(object_id)
        kind, payload = value
        inner: list[bytes] = []
        if entry is not None and entry.kind == kind == STORED:  # made again, for another result's sake
            self.room.free(entry.payload)  # so who knows whether this one is there?
            inner = self.table.unseal(object_id)
        if entry is None or entry.ready:  # freed, or its owner died
            if kind == STORED:
                self.room.free(payload)
            return
        self.table.seal(object_id, kind, payload, contained)
        if kind == STORED:
            if not node_of(payload[1]):  # else its node has recorded that
                self.room.sealed(payload, task)
            self.table.references.watch(object_id)
        for subscriber in entry.subscribers:
            self._push(subscriber, object_id, entry)
        entry.subscribers = []
        waiters, entry.waiters = entry.waiters, []
        for waiter in waiters:
            waiter.missing -= 1
            if not waiter.missing:
                self.complete.append(waiter)
        self.release(inner)

    @staticmethod
    def wait_for(entry: ObjectEntry, task: Task) -> None:
        """A task has an argument that does not exist yet."""
        entry.waiters.append(task)
        task.missing += 1

    def value(self, object_id: bytes) -> Value:
        """The value of an object that exists."""
        entry = self.table.get(object_id)
        assert entry is not None, "an argument of a waiting task is pinned"
        if entry.kind is None:  # lost, and being made again: who looks for it will ask, and wait
            return STORED, (object_id, NOWHERE, 0)
        if entry.kind == STORED:
            self.room.used(entry.payload)
        return entry.kind, entry.payload

    def _moved(self, old: Place, new: Place) -> bool:
        """The object has been spilled or restored."""
        entry = self.table.get(old[0])
        if entry is None or entry.payload != old:
            return False
        self.table.move(entry, new)
        return True

    def _push(self, client: Client, object_id: bytes, entry: ObjectEntry) -> None:
        if not client.ready:
            self._pushing.append(client)
        assert entry.kind is not None, "only sealed objects are pushed"
        if entry.kind == STORED:
            self.room.used(entry.payload)
        client.ready.append((object_id, entry.kind, entry.payload))

    def flush_pushes(self) -> None:
        """Send the values that have gathered, one message a process."""
        for client in self._pushing:
            client.channel.send(messages.ObjectsReady(tuple(client.ready)))
            client.ready.clear()
        self._pushing.clear()

    def release(self, object_ids: list[bytes]) -> None:
        """Free those of these objects that nobody needs any more."""
        while object_ids:
            freed = self.table.release(object_ids)
            object_ids = []
            for object_id, entry in freed:
                if entry.kind == STORED:
                    self.room.free(entry.payload)
                    self.table.references.unwatch(object_id)
                    object_ids += self.made.forget(object_id)
                elif entry.kind == ACTOR:
                    self.unreferenced.append(object_id)
                elif entry.kind == ERROR:
                    self.unseen.dropped(object_id)

    def report_references(self) -> None:
        """Tell the event store how many references there are now to objects in the stores."""
        for object_id, count in self.table.references.take_changes():
            self._log.references(object_id, count)

    def unpin(self, object_id: bytes) -> None:
        """The runtime needs the object once less."""
        if self.table.references.unpin(object_id):
            self.release([object_id])

    def keep_results(self, client: Client, message: messages.TaskDone) -> None:
        """A task has ended: what it wrote for results that have come to nothing is freed."""
        if not client.creating:
            return
        written = [item for item in client.creating.items() if task_of(item[0]) == message.task_id]
        for object_id, name in written:
            del client.creating[object_id]
            place = object_id, name, self._size(name)
            if not any(result[1] == place for result in message.results):
                self.room.discard(object_id, name)

    def _size(self, name: str) -> int:
        """The size in bytes of an object that was written to this file."""
        return self.room.far_size(name) if node_of(name) else self.room.size(name)

    def forget(self, client: Client) -> None:
        """A process is gone, and with it its references and what it was about to write."""
        self.tidy_up()
        self.room.forget(client)
        for object_id, name in client.creating.items():
            self.room.discard(object_id, name)
        self.release(self.table.references.forget(client))

    # --- messages -----------------------------------------------------------------------------------

    def on_put_object(self, client: Client, message: messages.PutObject) -> None:
        """A small object came with its value."""
        self.tidy_up()
        self.table.declare(message.object_id, client.task_number, client)
        self.table.references.hold(client, message.object_id)
        self.seal(message.object_id, (INLINE, message.blob), message.contained, None)

    def on_create_segment(self, client: Client, message: messages.CreateSegment) -> None:
        """A process wants to write an object into the store."""
        self.room.ask(client, message)

    def on_seal_segment(self, client: Client, message: messages.SealSegment) -> None:
        """What `put` wrote is complete."""
        self.tidy_up()
        name = client.creating.pop(message.object_id)
        self.table.declare(message.object_id, client.task_number, client).by_put = True
        self.table.references.hold(client, message.object_id)
        value = STORED, (message.object_id, name, self._size(name))
        self.seal(message.object_id, value, message.contained, client.task_number)

    def on_abort_segment(self, client: Client, message: messages.AbortSegment) -> None:
        """Writing failed."""
        self.room.discard(message.object_id, client.creating.pop(message.object_id))

    def on_subscribe(self, client: Client, message: messages.Subscribe) -> None:
        """A process wants values that it did not submit the tasks for."""
        for wanted in message.object_ids:
            entry = self.table.get(wanted)
            if entry is None:
                client.channel.send(messages.ObjectsReady(((wanted, ERROR, lost(wanted)),)))
            elif entry.ready:
                self._push(client, wanted, entry)
            elif client not in entry.subscribers:
                entry.subscribers.append(client)

    def on_hold_references(self, client: Client, message: messages.HoldReferences) -> None:
        """References have arrived in a process."""
        self.tidy_up()  # what it said before was true before
        for held in message.object_ids:
            self.table.references.hold(client, held)

    def on_drop_references(self, client: Client, message: messages.DropReferences) -> None:
        """A process has dropped its last references to these objects; nobody waits for what follows."""
        self._dropped.append((client, message.object_ids))

    def tidy_up(self) -> None:
        """Free what has been dropped since the last time; to be called when all answers have been sent."""
        drop = self.table.references.drop
        while self._dropped:
            client, object_ids = self._dropped.popleft()
            self.release([dropped for dropped in object_ids if drop(client, dropped)])


def lost(object_id: bytes) -> Any:  # noqa: ANN401 - bytes, as a payload
    """The error that stands for the value of an object that is gone."""
    text = "It is gone: the last reference to it was dropped before this one was used."
    return pickle.dumps(ObjectLostError(object_id.hex(), detail=text))
