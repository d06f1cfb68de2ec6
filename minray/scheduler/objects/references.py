"""Reference counting, decided purely: who still needs which object.

Two things keep an object alive:

- a *hold*: a process has at least one `ObjectRef` to it;
- a *pin*: the runtime needs it, as an argument of a task that is not finished, or because another object
  contains a reference to it.

The messages that change these counts travel on the same ordered connections as the tasks themselves, so
no count can drop to zero while a reference is on its way: a worker says "I hold the reference that I found
in my argument" before it says "my task is done", and only the latter releases the argument's pin.
"""

from collections.abc import Hashable


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
