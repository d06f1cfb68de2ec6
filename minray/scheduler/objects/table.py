"""What the local scheduler knows of each object: whether it exists, where it is, and who waits for it.

::

    declared (a task will make it) --seal--> ready: inline bytes | a segment of the store | an error
         |                                     |
     waiting tasks, subscribers            told as soon as it is sealed
                                               |
                              nobody holds or pins it any more --> freed

A pure state machine: methods return what has to be done, `LocalScheduler` does it.
"""

from typing import Any, Generic, TypeVar

from .references import ReferenceTable

WaiterT = TypeVar("WaiterT")


class ObjectEntry(Generic[WaiterT]):
    """One object."""

    __slots__ = ("by_put", "contained", "kind", "owner", "payload", "producer", "subscribers", "waiters")

    def __init__(self, producer: int | None, owner: Any) -> None:  # noqa: ANN401
        self.by_put = False
        self.producer = producer  # the number of the task that makes it; None for `put` by a driver
        self.owner = owner  # the process that made the first reference: by `put`, or by submitting the task
        self.kind: int | None = None  # None: not sealed yet
        self.payload: Any = None
        self.contained: tuple[bytes, ...] = ()
        self.waiters: list[WaiterT] = []  # tasks that have it as an argument
        self.subscribers: list[Any] = []  # processes that want its value

    @property
    def ready(self) -> bool:
        return self.kind is not None


class ObjectTable(Generic[WaiterT]):
    """All objects of a node that anybody still refers to."""

    def __init__(self) -> None:
        self.references = ReferenceTable()
        self._entries: dict[bytes, ObjectEntry[WaiterT]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, object_id: bytes) -> ObjectEntry[WaiterT] | None:
        """The object's entry, or None if it is unknown here (never declared, or freed)."""
        return self._entries.get(object_id)

    def entries(self) -> dict[bytes, ObjectEntry[WaiterT]]:
        """All objects by their ids."""
        return self._entries

    def declare(
        self,
        object_id: bytes,
        producer: int | None,
        owner: Any = None,  # noqa: ANN401
    ) -> ObjectEntry[WaiterT]:
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

    def move(self, entry: ObjectEntry[WaiterT], place: Any) -> None:  # noqa: ANN401
        """The object's bytes are in another place now."""
        entry.payload = place

    def unseal(self, object_id: bytes) -> list[bytes]:
        """The object's value is gone; return what may be needed by nobody now, as it was inside."""
        entry = self._entries[object_id]
        inner, entry.contained = entry.contained, ()
        entry.kind = entry.payload = None
        return [name for name in inner if self.references.unpin(name)]

    def release(self, object_ids: list[bytes]) -> list[tuple[bytes, ObjectEntry[WaiterT]]]:
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
