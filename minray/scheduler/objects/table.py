"""What the local scheduler knows of each object: whether it exists, who waits for it, and who still needs it.

::

    declared (a task will make it) --seal--> ready: inline bytes | a segment of the store | an error
         |                                     |
     waiting tasks, subscribers            told as soon as it is sealed
                                               |
                              nobody holds or pins it any more --> freed

Two things keep an object alive:

- a *hold*: a process has at least one `ObjectRef` to it;
- a *pin*: the runtime needs it, as an argument of a task that is not finished, or because another object
  contains a reference to it.

The messages that change these counts travel on the same ordered connections as the tasks themselves, so
no count can drop to zero while a reference is on its way: a worker says "I hold the reference that I found
in my argument" before it says "my task is done", and only the latter releases the argument's pin.

Pure state machines: methods return what has to be done, `objects` does it.
"""

from collections.abc import Hashable
from typing import Any

from ..tables.records import Task


class ReferenceTable:
    """Counts of holds and pins per object.

    Example:
        >>> table = ReferenceTable()
        >>> table.hold("driver", b"x"); table.pin(b"x")
        >>> table.drop("driver", b"x"), table.unpin(b"x")
        (False, True)
    """

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}
        self._held: dict[Hashable, set[bytes]] = {}
        self.watched: set[bytes] = set()  # objects of which somebody wants to know how the count changes
        self.changed: set[bytes] = set()  # of which it has, or they are watched anew

    def count(self, object_id: bytes) -> int:
        """How many processes and pins keep the object alive."""
        return self._counts.get(object_id, 0)

    def hold(self, process: Hashable, object_id: bytes) -> None:
        """A process has a reference now; saying it twice changes nothing."""
        held = self._held.get(process)
        if held is None:
            held = self._held[process] = set()
        if object_id not in held:
            held.add(object_id)
            self.pin(object_id)

    def drop(self, process: Hashable, object_id: bytes) -> bool:
        """A process has no reference any more; True if nobody needs the object now."""
        held = self._held.get(process)
        if held is None or object_id not in held:
            return False
        held.remove(object_id)
        return self.unpin(object_id)

    def held_by(self, process: Hashable) -> set[bytes]:
        """The objects that a process refers to."""
        return self._held.get(process, set())

    def pin(self, object_id: bytes) -> None:
        """The runtime needs the object."""
        self._counts[object_id] = self._counts.get(object_id, 0) + 1
        if object_id in self.watched:
            self.changed.add(object_id)

    def unpin(self, object_id: bytes) -> bool:
        """The runtime needs the object once less; True if nobody needs it now."""
        count = self._counts[object_id] - 1
        if object_id in self.watched:
            self.changed.add(object_id)
        if count:
            self._counts[object_id] = count
            return False
        del self._counts[object_id]
        return True

    def watch(self, object_id: bytes) -> None:
        """From now on `changed` tells of this object."""
        self.watched.add(object_id)
        self.changed.add(object_id)

    def unwatch(self, object_id: bytes) -> None:
        """The object is gone."""
        self.watched.discard(object_id)
        self.changed.discard(object_id)

    def take_changes(self) -> list[tuple[bytes, int]]:
        """The watched objects whose counts have changed since the last call, and the counts."""
        changes = [(object_id, self.count(object_id)) for object_id in self.changed]
        self.changed.clear()
        return changes

    def forget(self, process: Hashable) -> list[bytes]:
        """A process is gone; return the objects that nobody needs now."""
        return [object_id for object_id in self._held.pop(process, set()) if self.unpin(object_id)]


class ObjectEntry:
    """One object."""

    __slots__ = ("by_put", "contained", "kind", "owner", "payload", "producer", "subscribers", "waiters")

    def __init__(self, producer: int | None, owner: Any) -> None:  # noqa: ANN401
        self.by_put = False
        self.producer = producer  # the number of the task that makes it; None for `put` by a driver
        self.owner = owner  # the process that made the first reference: by `put`, or by submitting the task
        self.kind: int | None = None  # None: not sealed yet
        self.payload: Any = None
        self.contained: tuple[bytes, ...] = ()
        self.waiters: list[Task] = []  # tasks that have it as an argument
        self.subscribers: list[Any] = []  # processes that want its value

    @property
    def ready(self) -> bool:
        return self.kind is not None


class ObjectTable:
    """All objects of a session that anybody still refers to."""

    def __init__(self) -> None:
        self.references = ReferenceTable()
        self._entries: dict[bytes, ObjectEntry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, object_id: bytes) -> ObjectEntry | None:
        """The object's entry, or None if it is unknown here (never declared, or freed)."""
        return self._entries.get(object_id)

    def entries(self) -> dict[bytes, ObjectEntry]:
        """All objects by their ids."""
        return self._entries

    def declare(
        self,
        object_id: bytes,
        producer: int | None,
        owner: Any = None,  # noqa: ANN401
    ) -> ObjectEntry:
        """There will be such an object."""
        entry = self._entries[object_id] = ObjectEntry(producer, owner)
        return entry

    def owned_by(self, owner: Any) -> list[bytes]:  # noqa: ANN401
        """The objects that this process owns; slow, as it is asked for only when a process dies."""
        return [object_id for object_id, entry in self._entries.items() if entry.owner is owner]

    def seal(self, object_id: bytes, kind: int, payload: Any, contained: tuple[bytes, ...]) -> None:  # noqa: ANN401
        """The object exists now; the references inside it are pinned as long as it does."""
        entry = self._entries[object_id]
        entry.kind, entry.payload, entry.contained = kind, payload, contained
        for inner in contained:
            self.references.pin(inner)

    def move(self, entry: ObjectEntry, place: Any) -> None:  # noqa: ANN401
        """The object's bytes are in another place now."""
        entry.payload = place

    def unseal(self, object_id: bytes) -> list[bytes]:
        """The object's value is gone; return what may be needed by nobody now, as it was inside."""
        entry = self._entries[object_id]
        inner, entry.contained = entry.contained, ()
        entry.kind = entry.payload = None
        return [name for name in inner if self.references.unpin(name)]

    def release(self, object_ids: list[bytes]) -> list[tuple[bytes, ObjectEntry]]:
        """Remove objects that nobody needs any more, and what was alive only inside them.

        Args:
            object_ids: objects whose count may have dropped to zero.

        Returns:
            The removed entries. An object that is not sealed yet stays until it is.
        """
        freed = []
        pending = list(object_ids)
        while pending:
            object_id = pending.pop()
            entry = self._entries.get(object_id)
            if entry is None or not entry.ready or self.references.count(object_id):
                continue
            del self._entries[object_id]
            freed.append((object_id, entry))
            pending += [inner for inner in entry.contained if self.references.unpin(inner)]
        return freed
