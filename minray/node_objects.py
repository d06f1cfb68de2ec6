"""The objects of a node, from the scheduler's side: who may write, who gets which value, what is freed.

It joins the pure tables (`ObjectTable` with its reference counts, `StoreBook`) with the messages about
objects.  Values are pushed to whoever owns or wants them; segments that nobody needs go to `unlink`.
"""

import pickle
from collections import deque
from typing import Any

from .event_log import EventLog
from .exceptions import ObjectLostError
from .ids import task_of
from .messages import (
    ERROR,
    INLINE,
    STORED,
    AbortSegment,
    CreateSegment,
    DropReferences,
    HoldReferences,
    ObjectsReady,
    PutObject,
    Reply,
    SealSegment,
    Subscribe,
    TaskDone,
    Value,
)
from .object_store import StoreBook
from .object_table import ObjectEntry, ObjectTable
from .scheduler_records import Client, Task


class NodeObjects:
    """What `LocalScheduler` hands all messages about objects to.

    Args:
        capacity: bytes that the objects may use.
        log: where events go.
    """

    def __init__(self, capacity: int, log: EventLog) -> None:
        self.store = StoreBook(capacity)
        self.table: ObjectTable[Task] = ObjectTable()
        self.unlink: list[str] = []  # outbox: segments to remove
        self.complete: deque[Task] = deque()  # outbox: tasks whose last missing argument has come
        self._log = log
        self._pushing: list[Client] = []

    def seal(self, object_id: bytes, value: Value, contained: tuple[bytes, ...], task: int | None) -> None:
        """An object exists now: tell everybody who waits for it."""
        entry = self.table.get(object_id)
        if entry is None:
            return
        kind, payload = value
        self.table.seal(object_id, kind, payload, contained)
        if kind == STORED:
            self._log.stored_object(object_id, "SEALED", payload[1], task)
        for subscriber in entry.subscribers:
            self._push(subscriber, object_id, entry)
        entry.subscribers = []
        waiters, entry.waiters = entry.waiters, []
        for waiter in waiters:
            waiter.missing -= 1
            if not waiter.missing:
                self.complete.append(waiter)

    def value(self, object_id: bytes) -> Value:
        """The value of an object that exists."""
        entry = self.table.get(object_id)
        assert entry is not None, "an argument of a waiting task is pinned"
        assert entry.kind is not None, "the task waits until its arguments exist"
        return entry.kind, entry.payload

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

    def release(self, object_ids: list[bytes]) -> None:
        """Free those of these objects that nobody needs any more."""
        for freed, entry in self.table.release(object_ids):
            if entry.kind == STORED:
                self._free_segment(freed)

    def _free_segment(self, object_id: bytes) -> None:
        size = self.store.free(object_id.hex())
        self.unlink.append(object_id.hex())
        self._log.stored_object(object_id, "FREED", size, None)

    def keep_results(self, client: Client, message: TaskDone) -> None:
        """A task has ended: what it wrote for results that have come to nothing is freed."""
        written = [name for name in client.creating if task_of(name) == message.task_id]
        for segment in written:
            client.creating.remove(segment)
            place = STORED, (segment.hex(), self.store.size(segment.hex()))
            if not any(result[:2] == place for result in message.results):
                self._free_segment(segment)

    def forget(self, client: Client) -> None:
        """A process is gone, and with it its references and what it was about to write."""
        for segment in client.creating:
            self._free_segment(segment)
        self.release(self.table.references.forget(client))

    # --- messages -----------------------------------------------------------------------------------

    def on_put_object(self, client: Client, message: PutObject) -> None:
        """A small object came with its value."""
        self.table.declare(message.object_id, client.task_number)
        self.table.references.hold(client, message.object_id)
        self.seal(message.object_id, (INLINE, message.blob), message.contained, None)

    def on_create_segment(self, client: Client, message: CreateSegment) -> None:
        """A process wants to write an object into the store."""
        name = message.object_id.hex()
        if not self.store.create(name, message.size):
            client.channel.send(Reply(message.request, None, self._full_text(message.size)))
            return
        client.creating.add(message.object_id)
        self._log.stored_object(message.object_id, "CREATED", message.size, client.task_number)
        client.channel.send(Reply(message.request, name, ""))

    def on_seal_segment(self, client: Client, message: SealSegment) -> None:
        """What `put` wrote is complete."""
        name = message.object_id.hex()
        client.creating.discard(message.object_id)
        self.table.declare(message.object_id, client.task_number)
        self.table.references.hold(client, message.object_id)
        value = STORED, (name, self.store.size(name))
        self.seal(message.object_id, value, message.contained, client.task_number)

    def on_abort_segment(self, client: Client, message: AbortSegment) -> None:
        """Writing failed."""
        client.creating.discard(message.object_id)
        self._free_segment(message.object_id)

    def on_subscribe(self, client: Client, message: Subscribe) -> None:
        """A process wants values that it did not submit the tasks for."""
        for wanted in message.object_ids:
            entry = self.table.get(wanted)
            if entry is None:
                client.channel.send(ObjectsReady(((wanted, ERROR, lost(wanted)),)))
            elif entry.ready:
                self._push(client, wanted, entry)
            elif client not in entry.subscribers:
                entry.subscribers.append(client)

    def on_hold_references(self, client: Client, message: HoldReferences) -> None:
        """References have arrived in a process."""
        for held in message.object_ids:
            self.table.references.hold(client, held)

    def on_drop_references(self, client: Client, message: DropReferences) -> None:
        """A process has dropped its last references to these objects."""
        drop = self.table.references.drop
        self.release([dropped for dropped in message.object_ids if drop(client, dropped)])

    def _full_text(self, size: int) -> str:
        return (
            f"The object of {size:,} bytes does not fit: {self.store.used:,} of the object store's "
            f"{self.store.capacity:,} bytes are in use. Delete references (and arrays made from them) that "
            "you do not need any more, or start with init(object_store_memory=...) large enough: up to "
            "what is free in the system's shared memory (/dev/shm on Linux)."
        )


def lost(object_id: bytes) -> Any:  # noqa: ANN401 - bytes, as a payload
    """The error that stands for the value of an object that is gone."""
    text = "is gone: the last reference to it was dropped before this one was used."
    return pickle.dumps(ObjectLostError(f"The object {object_id.hex()} {text}"))
