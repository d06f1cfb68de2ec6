"""`ObjectRef`: the name of a value that may not exist yet, in other words a future.

A reference is a little more than an id: as long as one lives anywhere in a session, the value is kept.
So creating, copying to another process, and forgetting references is what drives the freeing of memory
(see `core_worker/outbox`).  This module knows nothing of sockets: what references need of the process's
core worker is behind `ObjectRef.port`.
"""

import os
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..exceptions import OufOfBandObjectRefSerializationException
from ..wire.ids import OBJECT_ID_SIZE, JobID, TaskID, task_of

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures

_ALLOW_ESCAPES = "RAY_allow_out_of_band_object_ref_serialization"  # Ray's name for it
_NIL = b"\xff" * OBJECT_ID_SIZE


class RefFutures(Protocol):
    """Makes futures of references; see `core_worker/futures`."""

    def for_asyncio(self, ref: "ObjectRef") -> "asyncio.Future[Any]":
        """A future of the event loop that runs in this thread."""

    def for_threads(self, ref: "ObjectRef") -> "concurrent.futures.Future[Any]":
        """A future that any thread may wait for."""

    def call(self, ref: "ObjectRef", callback: Callable[[Any], object]) -> None:
        """Call a function with the value, or with the exception that `get` would raise."""


class Port(NamedTuple):
    """What references ask of their process's core worker."""

    load: Callable[[bytes], "ObjectRef"]  # one arrives here inside other data
    keep: Callable[[bytes], object]  # one was pickled where nobody can count it: its value is to be kept
    job_id: Callable[[], JobID]
    futures: RefFutures


class ObjectRef:
    """A reference to the result of a task, or to an object made by `put`.

    References are made by `f.remote(...)` and `put(...)`.  Pass one to a task and the task gets the value;
    `get` gives the value to you.  One that is made by hand, from an id, refers to nothing.

    Args:
        object_id: 28 bytes.
        on_drop: called with the id when the reference is gone; the runtime's own use.

    Raises:
        ValueError: the id has another length.

    Example:
        >>> ref = square.remote(4)
        >>> ref
        ObjectRef(83c1...01000000)
        >>> ray.get(ref)
        16
    """

    __slots__ = ("__weakref__", "_id", "_on_drop")

    port: Port | None = None  # while this process is in a session; see `use_port`

    def __init__(self, object_id: bytes, on_drop: Callable[[bytes], None] | None = None) -> None:
        self._id = object_id
        self._on_drop = on_drop or _forget
        if on_drop is None and len(object_id) != OBJECT_ID_SIZE:
            raise ValueError(f"ID string needs to have length {OBJECT_ID_SIZE}, got {len(object_id)}")

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
        """Whether this refers to nothing, like `nil()`."""
        return self._id == _NIL

    @staticmethod
    def nil() -> "ObjectRef":
        """The reference that stands for none."""
        return ObjectRef(_NIL)

    @staticmethod
    def from_random() -> "ObjectRef":
        """A reference with an id that no object has."""
        return ObjectRef(os.urandom(OBJECT_ID_SIZE))

    def task_id(self) -> TaskID:
        """The id of the task that makes the value."""
        return TaskID(task_of(self._id))

    def job_id(self) -> JobID:
        """The id of the job that the reference belongs to.

        Raises:
            RuntimeError: the session has ended.
        """
        return self._port().job_id()

    def future(self) -> "concurrent.futures.Future[Any]":
        """A future of the standard library's kind, for threads.

        Cancelling it does not cancel the task; `cancel(ref)` does.

        Raises:
            RuntimeError: the session has ended.

        Example:
            >>> square.remote(4).future().result()
            16
        """
        return self._port().futures.for_threads(self)

    def as_future(self, _internal: bool = False) -> "asyncio.Future[Any]":
        """A future of this thread's event loop; in a coroutine, ``await ref`` does all that is needed.

        Raises:
            RuntimeError: the session has ended.
        """
        return self._port().futures.for_asyncio(self)

    def __await__(self) -> Generator[Any, None, Any]:
        """The value, in a coroutine: what `get` returns or raises, without holding up the event loop.

        Example:
            >>> async def sum_of_squares():
            ...     return sum(await asyncio.gather(*[square.remote(n) for n in range(3)]))
        """
        return self.as_future().__await__()

    def _on_completed(self, callback: Callable[[Any], object]) -> None:
        """Have a function called with the value, or with the exception that `get` would raise."""
        self._port().futures.call(self, callback)

    def _port(self) -> Port:
        if ObjectRef.port is None:
            raise RuntimeError(f"{self!r} belongs to a session that has ended. Submit the task again.")
        return ObjectRef.port

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectRef) and self._id == other._id

    def __class_getitem__(cls, value_type: object) -> type["ObjectRef"]:
        """For annotations such as `ObjectRef[int]`; the type of the value is not checked."""
        return cls

    def __repr__(self) -> str:
        return f"ObjectRef({self._id.hex()})"

    def __reduce__(self) -> Any:  # noqa: ANN401 - pickle's own protocol
        collected = getattr(_collecting, "found", None)
        if collected is not None:
            collected.append(self._id)
        else:
            self._escape()
        return load_ref, (self._id,)

    def _escape(self) -> None:
        """Be pickled by other means than as an argument, a result, or in `put`.

        Nobody can tell how long the pickle will be needed, so from here on this process keeps the value.

        Raises:
            OufOfBandObjectRefSerializationException: the environment asks for this error instead.
        """
        if os.environ.get(_ALLOW_ESCAPES) == "0":
            raise OufOfBandObjectRefSerializationException(
                f"{self!r} is pickled by other means than as an argument, a result, or in put(): for example "
                "as a variable that a remote function uses. Its value would have to be kept as long as this "
                "process lives. Pass the reference as an argument instead, or set the environment variable "
                f"{_ALLOW_ESCAPES}=1."
            )
        if ObjectRef.port is not None:
            ObjectRef.port.keep(self._id)


def use_port(port: Port | None) -> None:
    """What all references of this process use from now on; None: its session is over."""
    ObjectRef.port = port


def _forget(object_id: bytes) -> None:
    """What a reference does that nobody counts."""


_collecting = threading.local()


class CollectRefs:
    """While entered, notes which references this thread pickles: those that the data contains."""

    @staticmethod
    def active() -> bool:
        """Whether this thread is pickling for such a purpose just now."""
        return getattr(_collecting, "found", None) is not None

    def __enter__(self) -> list[bytes]:
        self._outer = getattr(_collecting, "found", None)
        found: list[bytes] = []
        _collecting.found = found
        return found

    def __exit__(self, *exc_info: object) -> None:
        _collecting.found = self._outer


def load_ref(object_id: bytes) -> ObjectRef:
    """Unpickle a reference: this process now has one, and its core worker, if it has one, must know."""
    return ObjectRef(object_id) if ObjectRef.port is None else ObjectRef.port.load(object_id)
