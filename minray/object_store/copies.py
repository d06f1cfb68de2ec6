"""The head's store room, which knows of the objects on the other nodes too: who has which copy.

The names of files say on which node they are (see `folders`).  An object's entry has one place, its
first; further copies are listed here.  What is freed is freed on all nodes.  Decided purely::

    Written (a worker elsewhere made it) -> far
    CopyMade (a node has pulled it) -------> far, copies      free -> FreeCopies to each node that has one
    pulled to the head -------------------> copies            a node dies -> its copies are gone
"""

from collections.abc import Callable

from .room import Place, StoreLog, StoreRoom
from .segments import node_of


class SessionRoom(StoreRoom):
    """The room of the head's store, and the places of all objects of the session.

    Args:
        capacity: bytes of memory that objects on the head may use.
        log: where events go.
        moved: see `StoreRoom`.
    """

    def __init__(self, capacity: int, log: StoreLog, moved: Callable[[Place, Place], bool]) -> None:
        super().__init__(capacity, log, moved)
        self.free_far: Callable[[str], None] = lambda name: None  # has a node free its copy of this name
        self._far: dict[str, int] = {}  # copies on other nodes that are well: their sizes
        self._copies: dict[bytes, list[str]] = {}  # copies beside that in the object's entry

    def written(self, name: str, size: int) -> None:
        """A worker of another node has written an object there."""
        self._far[name] = size

    def far_size(self, name: str) -> int:
        """The size in bytes of an object on another node."""
        return self._far[name]

    def is_there(self, place: Place) -> bool:
        """Whether the copy at this place is one that can be had, as far as is known."""
        return place[1] in self._far or node_of(place[1]) == 0

    def add_copy(self, place: Place) -> None:
        """There is one more copy of an object, here or elsewhere."""
        object_id, name, size = place
        if node_of(name):
            self._far[name] = size
        self._copies.setdefault(object_id, []).append(name)

    def names(self, place: Place) -> list[str]:
        """All copies of the object that is at this place."""
        others = self._copies.get(place[0], [])
        return [place[1], *others] if self.is_there(place) else others

    def drop_copy(self, place: Place, name: str) -> Place | None:
        """One copy of the object cannot be had; return the object's place now, None if it has none left."""
        object_id, first, size = place
        others = self._copies.get(object_id, [])
        if name in others:
            others.remove(name)
        elif name == first and others:
            first = others.pop(0)
        elif name == first:
            return None
        else:
            return place  # it is not ours, or not any more
        if not others:
            self._copies.pop(object_id, None)
        self._drop((object_id, name, size), "LOST")
        return object_id, first, size

    def forget_node(self, node: int) -> None:
        """The copies of a node that has died are gone."""
        self._far = {name: size for name, size in self._far.items() if node_of(name) != node}
        for object_id, names in list(self._copies.items()):
            left = [name for name in names if node_of(name) != node]
            if left:
                self._copies[object_id] = left
            else:
                del self._copies[object_id]

    def free(self, place: Place, why: str = "FREED") -> None:
        """Nobody refers to the object any more; or it is LOST."""
        if self._copies:
            for name in self._copies.pop(place[0], ()):
                self._drop((place[0], name, place[2]), why)
        self._drop(place, why)

    def _drop(self, place: Place, why: str) -> None:
        name = place[1]
        if node_of(name) == 0:
            super().free(place, why)
        elif self._far.pop(name, None) is not None:
            self.free_far(name)

    def discard(self, object_id: bytes, name: str) -> None:
        """What was to be written there will never be an object."""
        if node_of(name) == 0:
            super().discard(object_id, name)
        elif self._far.pop(name, None) is not None:
            self.free_far(name)
