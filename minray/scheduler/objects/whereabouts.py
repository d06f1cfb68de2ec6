"""Objects that are not where they were: lost, freed by hand, on another node, or of an owner that died.

::

    a process finds no file -> Locate -> restored | pulled from another node | lost: made again, or an error
    a far node needs an object -> WhereIs -> Holders: which nodes have it

A plain task enters this only if one of its arguments is gone.
"""

import pickle

from ...exceptions import ObjectFreedError, OwnerDiedError, RayError
from ...object_store.pulls import Pulls
from ...object_store.room import Place
from ...object_store.segments import node_of
from ...wire.messages import ACTOR, ERROR, STORED, FreeObjects, Holders, Locate, Reply
from ..tables.event_log import EventLog
from ..tables.records import Client, Task
from .objects import Objects
from .table import ObjectEntry


class Whereabouts:
    """Looks after objects that are elsewhere, or nowhere.

    Args:
        log: where events go.
        objects: all of them.
    """

    def __init__(self, log: EventLog, objects: Objects) -> None:
        self.pulls = Pulls(objects.room, log.objects, self._look_up, self._copied)
        self.sockets: dict[int, str] = {}  # where the objects of each node are to be had
        self._objects = objects

    def replace(self, object_id: bytes, error: RayError) -> None:
        """The object is no more: whoever asks for it gets this error."""
        entry = self._objects.table.get(object_id)
        if entry is None or entry.kind in (ERROR, ACTOR):
            return
        maybe_free = []
        if entry.kind == STORED:
            self._objects.room.free(entry.payload)
            maybe_free = self._objects.made.forget(object_id)
        maybe_free += self._objects.table.unseal(object_id)
        self._objects.seal(object_id, (ERROR, pickle.dumps(error)), (), None)
        self._objects.release(maybe_free)

    def _lose(self, object_id: bytes, entry: ObjectEntry) -> None:
        """The object's file is not there any more: make the object again, if that is possible."""
        tasks, error = self._objects.made.plan(object_id)
        if error is not None:
            self.replace(object_id, error)
            return
        self._objects.room.free(entry.payload, "LOST")
        maybe_free = self._objects.table.unseal(object_id)
        self._objects.made.run_again(tasks)
        self._objects.release(maybe_free + self._objects.made.forget(object_id))

    def owner_died(self, client: Client) -> None:
        """A process has died; what it made cannot be had any more, although others refer to it."""
        for object_id in self._objects.table.owned_by(client):
            self.replace(object_id, OwnerDiedError(object_id.hex()))
            self._objects.release([object_id])

    def on_locate(self, client: Client, message: Locate) -> None:
        """A process does not find an object where it was."""
        entry = self._objects.table.get(message.object_id)
        if entry is not None and entry.kind == STORED:
            if message.missing and node_of(message.missing) == 0:  # else it could not be found here
                self._drop_copy(message.object_id, entry, message.missing)
            if entry.kind == STORED and node_of(entry.payload[1]):
                self.pulls.want(client, message.request, message.object_id)
                return
            if entry.kind == STORED:
                self._objects.room.locate(client, message.request, entry.payload)
                return
        client.channel.send(Reply(message.request, None, ""))

    def _drop_copy(self, object_id: bytes, entry: ObjectEntry, name: str) -> None:
        """One copy of the object is not where it was; unless there is another, the object is lost."""
        place = self._objects.room.drop_copy(entry.payload, name)
        if place is None:
            self._lose(object_id, entry)
        else:
            self._objects.table.move(entry, place)

    def _look_up(self, object_id: bytes, failed: tuple[str, ...]) -> None:
        """Which nodes have an object that the head needs."""
        self.pulls.found(self.holders(object_id, failed))

    def holders(self, object_id: bytes, failed: tuple[str, ...]) -> Holders:
        """Which nodes have an object.

        Args:
            object_id: the object.
            failed: copies that could not be had.
        """
        entry = self._objects.table.get(object_id)
        for name in failed:
            if entry is not None and entry.kind == STORED:
                self._drop_copy(object_id, entry, name)
        if entry is not None and entry.kind == STORED and not self._objects.room.names(entry.payload):
            self._lose(object_id, entry)
        if entry is None or entry.kind != STORED:
            return Holders(object_id, 0, ())
        names = self._objects.room.names(entry.payload)
        found = tuple((node_of(name), self.sockets[node_of(name)], name) for name in names)
        return Holders(object_id, entry.payload[2], found)

    def _copied(self, place: Place) -> bool:
        """The head has a copy of an object now, which is the one that its processes are told of."""
        entry = self._objects.table.get(place[0])
        if entry is None or entry.kind != STORED:
            return False
        self._objects.room.sealed(place, None)
        if self._objects.room.is_there(entry.payload):
            self._objects.room.add_copy(entry.payload)
        self._objects.table.move(entry, place)
        return True

    def has_lost_arguments(self, task: Task) -> bool:
        """Whether arguments of a task are lost: they are made again and it waits, or they are errors now."""
        lost_some = False
        for _, argument in task.spec.refs:
            entry = self._objects.table.get(argument)
            assert entry is not None, "an argument of a waiting task is pinned"
            if entry.kind == STORED and not self._objects.room.names(entry.payload):
                self._lose(argument, entry)
            if entry.kind is None:
                self._objects.wait_for(entry, task)
            lost_some = lost_some or entry.kind in (None, ERROR)
        return lost_some

    def on_free_objects(self, client: Client, message: FreeObjects) -> None:
        """A process frees objects by hand; a task that is to make one of them goes on."""
        for object_id in message.object_ids:
            entry = self._objects.table.get(object_id)
            if entry is not None and entry.ready:
                self.replace(object_id, ObjectFreedError(object_id.hex()))

    def sizes_by_node(self, object_id: bytes) -> list[tuple[int, int]]:
        """The nodes that have an object in their store, and its bytes."""
        entry = self._objects.table.get(object_id)
        if entry is None or entry.kind != STORED:
            return []
        holders = {node_of(name) for name in self._objects.room.names(entry.payload)}
        return [(number, int(entry.payload[2])) for number in holders]
