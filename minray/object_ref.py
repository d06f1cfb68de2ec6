"""`ObjectRef`: the name of a value that may not exist yet, in other words a future.

A reference is a little more than an id: as long as one lives anywhere in a session, the value is kept.
So creating, copying to another process, and forgetting references is what drives the freeing of memory
(see `references.py`).  This module knows nothing of sockets; the core worker of the process sets
`ObjectRef.on_drop` and `ObjectRef.on_load`.
"""

import threading
from collections.abc import Callable
from typing import Any


class ObjectRef:
    """A reference to the result of a task, or to an object made by `put`.

    References are made by `f.remote(...)` and `put(...)`, never by hand.  Pass one to a task and the task
    gets the value; `get` gives the value to you.

    Example:
        >>> ref = square.remote(4)
        >>> ref
        ObjectRef(83c1...01000000)
        >>> ray.get(ref)
        16
    """

    __slots__ = ("__weakref__", "_id", "_on_drop")

    # What to do when a reference arrives here inside other data; set by the core worker.
    on_load: Callable[[bytes], "ObjectRef"] | None = None

    def __init__(self, object_id: bytes, on_drop: Callable[[bytes], None]) -> None:
        self._id = object_id
        self._on_drop = on_drop

    def __del__(self) -> None:
        # A finalizer may run anywhere, even in the middle of the core worker's own code, so it only
        # leaves a note (`on_drop` appends to a deque).
        self._on_drop(self._id)

    def binary(self) -> bytes:
        """The id as 28 bytes."""
        return self._id

    def hex(self) -> str:
        """The id as 56 hexadecimal digits."""
        return self._id.hex()

    def is_nil(self) -> bool:
        """Whether this refers to nothing; never true of a reference that the API gave out."""
        return not any(self._id)

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectRef) and self._id == other._id

    def __repr__(self) -> str:
        return f"ObjectRef({self._id.hex()})"

    def __reduce__(self) -> Any:  # noqa: ANN401 - pickle's own protocol
        collected = getattr(_collecting, "found", None)
        if collected is None:
            raise TypeError(
                f"{self!r} can only travel inside the arguments and results of tasks and inside `put`: "
                "a reference that is pickled by other means would not keep its value alive."
            )
        collected.append(self._id)
        return load_ref, (self._id,)


_collecting = threading.local()


class CollectRefs:
    """While entered, notes which references this thread pickles: those that the data contains."""

    def __enter__(self) -> list[bytes]:
        self._outer = getattr(_collecting, "found", None)
        found: list[bytes] = []
        _collecting.found = found
        return found

    def __exit__(self, *exc_info: object) -> None:
        _collecting.found = self._outer


def load_ref(object_id: bytes) -> ObjectRef:
    """Unpickle a reference: this process now has one, and its core worker must know."""
    if ObjectRef.on_load is None:
        raise RuntimeError("A reference was unpickled in a process that is not connected to minray.")
    return ObjectRef.on_load(object_id)
