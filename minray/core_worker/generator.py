"""What a task of a generator function returns: references to its items, as they are made.

`ObjectRefGenerator` is for ``num_returns="streaming"``, the default of generator functions: it gives out
references while the task still runs.  `DynamicObjectRefGenerator` is for ``num_returns="dynamic"``: the value
of the task's one reference, there when the task has ended.
"""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ..values.ref import ObjectRef

if TYPE_CHECKING:
    from .core_worker import CoreWorker
    from .streams import Stream


class ObjectRefGenerator:
    """References to the items of a generator task, each as soon as the item is there.

    An exception in the generator is raised by `get` of the last reference.  Dropping this object frees the
    items that were not taken; the task itself runs to its end.

    Example:
        >>> @ray.remote
        ... def count(n):
        ...     for i in range(n):
        ...         yield i
        >>> [ray.get(ref) for ref in count.remote(3)]
        [0, 1, 2]

    Source: https://docs.ray.io/en/latest/ray-core/ray-generator.html
    """

    def __init__(self, core: "CoreWorker", generator_ref: ObjectRef, stream: "Stream") -> None:
        self._core = core
        self._generator_ref = generator_ref
        self._stream = stream
        self._failure_given = False

    def __iter__(self) -> "ObjectRefGenerator":
        return self

    def __next__(self) -> ObjectRef:
        """Wait for the next item and return a reference to it.

        Raises:
            StopIteration: the generator has ended.
        """
        return self._next_sync()

    def __aiter__(self) -> "ObjectRefGenerator":
        return self

    async def __anext__(self) -> ObjectRef:
        """Like `__next__`, without holding up the event loop.

        Raises:
            StopAsyncIteration: the generator has ended.
        """
        return await self._next_async()

    def _next_sync(self, timeout_s: float | None = None) -> ObjectRef:
        """The next reference; one that `is_nil()` if there is none after so many seconds."""
        if not self._core.getting.wait_for_item(self._stream, timeout_s):
            return ObjectRef.nil()
        ref = self._take()
        if ref is None:
            raise StopIteration
        return ref

    async def _next_async(self, timeout_s: float | None = None) -> ObjectRef:
        """The next reference, likewise."""
        import asyncio  # most processes need none of it, and it takes long to load

        arrived = self._core.getting.item_arrives(self._stream)
        if arrived is not None:
            done, _ = await asyncio.wait([arrived], timeout=timeout_s)
            if not done:
                arrived.cancel()
                return ObjectRef.nil()
        ref = self._take()
        if ref is None:
            raise StopAsyncIteration
        return ref

    def _take(self) -> ObjectRef | None:
        """The next reference of those that are there; None at the end."""
        ref = self._core.getting.take_item(self._stream)
        if ref is None and self._stream.failed and not self._failure_given:
            self._failure_given = True  # its worker died, or it was cancelled: `get` of this one says so
            return self._generator_ref
        return ref

    def completed(self) -> ObjectRef:
        """A reference that is ready when the task has ended."""
        return self._generator_ref

    def next_ready(self) -> bool:
        """Whether `next` would return a reference at once."""
        return self._stream.taken < self._stream.arrived or (
            self._stream.ended and self._stream.failed and not self._failure_given
        )

    def is_finished(self) -> bool:
        """Whether the generator has ended and all its items have been taken."""
        return self._stream.ended and not self.next_ready()

    def next_key(self) -> bytes:
        """The id of the next item, for `wait`; it may not exist yet."""
        return self._stream.next_key()

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._core.drop_stream(self._stream)

    def send(self, value: None) -> NoReturn:
        """Not supported, as in Ray."""
        raise NotImplementedError("`gen.send` is not supported.")

    def throw(self, *error: Any) -> NoReturn:  # noqa: ANN401
        """Not supported, as in Ray."""
        raise NotImplementedError("`gen.throw` is not supported.")

    def close(self) -> NoReturn:
        """Not supported, as in Ray."""
        raise NotImplementedError("`gen.close` is not supported.")

    async def asend(self, value: None) -> NoReturn:
        """Not supported, as in Ray."""
        raise NotImplementedError("`gen.asend` is not supported.")

    async def athrow(self, *error: Any) -> NoReturn:  # noqa: ANN401
        """Not supported, as in Ray."""
        raise NotImplementedError("`gen.athrow` is not supported.")

    async def aclose(self) -> NoReturn:
        """Not supported, as in Ray."""
        raise NotImplementedError("`gen.aclose` is not supported.")

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "You cannot return or pass a generator to other task. Serializing a ObjectRefGenerator is not "
            "allowed: take the references from it and pass those."
        )


class DynamicObjectRefGenerator:
    """The references to all items of a task with ``num_returns="dynamic"``, to be iterated over once.

    Example:
        >>> refs = ray.get(count.options(num_returns="dynamic").remote(3))
        >>> [ray.get(ref) for ref in refs]
        [0, 1, 2]
    """

    def __init__(self, refs: list[ObjectRef]) -> None:
        self._refs = deque(refs)

    def __iter__(self) -> Iterator[ObjectRef]:
        while self._refs:
            yield self._refs.popleft()

    def __len__(self) -> int:
        return len(self._refs)
