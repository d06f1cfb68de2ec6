"""What a task of a generator function returns: references to its items, as they are made.

`ObjectRefGenerator` is for ``num_returns="streaming"``, the default of generator functions: it gives out
references while the task still runs.  `DynamicObjectRefGenerator` is for ``num_returns="dynamic"``: the value
of the task's one reference, there when the task has ended.  Behind a generator there is a stream::

    StreamItem -> arrived: 1, 2, 3 | 4 <- expected next        StreamEnd -> ended: nothing comes after these
                      '- taken so far

An item's id follows from the task's id and its place, so the next item can be waited for before it exists,
like any other value.  When the generator ends, that place gets a value that stands for the end.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ..exceptions import RaySystemError
from ..values.ref import ObjectRef
from ..wire.ids import object_id
from ..wire.messages import INLINE, CloseStream, ItemsTaken, Message, StreamEnd, StreamItem
from .futures import Futures
from .getting import Arrivals, Getting, Waiting
from .outbox import Outbox

if TYPE_CHECKING:
    import asyncio


class Stream:
    """The items of one generator task.

    Args:
        task_id: the task's id.
        counted: the generator waits until items are taken, so it must be told.
    """

    __slots__ = ("arrived", "counted", "ended", "failed", "lock", "taken", "task_id")

    def __init__(self, task_id: bytes, counted: bool) -> None:
        self.task_id, self.counted = task_id, counted
        self.lock = threading.Lock()  # items are taken one by one, by whichever threads
        self.arrived = 0
        self.taken = 0
        self.ended = False
        self.failed = False  # the runtime ended it: the error is the task's result

    def next_key(self) -> bytes:
        """The id of the item that is taken next, or of the place where the end is."""
        return object_id(self.task_id, 1 + self.taken)

    def note_taken(self) -> None:
        """Another item has been taken, by whoever holds the lock."""
        self.taken += 1


class Streams:
    """All streams that this process owns.

    Args:
        arrivals: where the items' values go.
        nudge: called from finalizers: soon, somebody should take the news.
    """

    def __init__(self, arrivals: Arrivals, nudge: Callable[[], None]) -> None:
        self._arrivals, self._nudge = arrivals, nudge
        self._streams: dict[bytes, Stream] = {}
        self._dropped: deque[Stream] = deque()  # notes of finalizers

    def open(self, task_id: bytes, counted: bool) -> Stream:
        """A generator task is about to be submitted."""
        stream = self._streams[task_id] = Stream(task_id, counted)
        self._arrivals.expected.add(stream.next_key())
        return stream

    def on_item(self, message: StreamItem) -> None:
        """An item has come."""
        stream = self._streams.get(message.task_id)
        if stream is None:  # closed, and the scheduler does not know yet
            return
        stream.arrived += 1
        key = object_id(message.task_id, stream.arrived)
        self._arrivals.expected.add(object_id(message.task_id, 1 + stream.arrived))
        self._arrivals.arrive([(key, message.kind, message.payload)])

    def on_end(self, message: StreamEnd) -> None:
        """No more items will come."""
        stream = self._streams.get(message.task_id)
        if stream is not None:
            stream.failed, stream.ended = message.failed, True
            self._arrivals.arrive([(object_id(message.task_id, 1 + stream.arrived), INLINE, b"")])

    def note_drop(self, stream: Stream) -> None:
        """Nobody will take items any more: called by finalizers."""
        self._dropped.append(stream)
        self._nudge()

    @property
    def has_news(self) -> bool:
        """Whether `take_news` would do anything."""
        return bool(self._dropped)

    def take_news(self, news: list[Message]) -> None:
        """Append what the scheduler has not been told yet."""
        while self._dropped:
            stream = self._dropped.popleft()
            del self._streams[stream.task_id]
            for index in range(stream.taken, stream.arrived + 1):
                self._arrivals.forget(object_id(stream.task_id, 1 + index))
            news.append(CloseStream(stream.task_id, stream.taken))


class Generators:
    """Makes the generators of this process's tasks, waits for their items and takes them.

    Args:
        streams: keeps track of the items that have arrived.
        arrivals: has their values.
        outbox: sends what has been taken.
        getting: waits for an item.
        futures: lets event loops wait for one.
    """

    def __init__(
        self, streams: Streams, arrivals: Arrivals, outbox: Outbox, getting: Getting, futures: Futures
    ) -> None:
        self._streams, self._arrivals, self._outbox = streams, arrivals, outbox
        self._getting, self._futures = getting, futures

    def open(self, task_id: bytes, ref: ObjectRef, counted: bool) -> "ObjectRefGenerator":
        """What a generator task returns that is about to be submitted.

        Args:
            task_id: the task's id.
            ref: to its result, which says how it has ended.
            counted: the task waits until its items are taken.
        """
        self._outbox.listen_to(self._streams)
        return ObjectRefGenerator(self, ref, self._streams.open(task_id, counted))

    def wait_for_item(self, stream: Stream, timeout: float | None) -> bool:
        """Wait until a generator has a next item, or has ended; False if the time was over first."""
        key = stream.next_key()
        if key not in self._arrivals.values:
            self._getting.wait_for(Waiting("wait", {key}, 1, 1), 1, timeout)
        return key in self._arrivals.values

    def item_arrives(self, stream: Stream) -> "asyncio.Future[None] | None":
        """A future that is done when `wait_for_item` would return; None if it would at once."""
        key = stream.next_key()
        if key in self._arrivals.values:
            return None
        future, done = self._futures.signal()
        self._futures.call_when_here(key, done)
        return future

    def take_item(self, stream: Stream) -> ObjectRef | None:
        """The reference to the next item that has arrived; None if the generator has ended.

        Raises:
            RaySystemError: the session has ended.
        """
        with stream.lock:
            if stream.taken == stream.arrived:
                if stream.ended:
                    return None
                raise RaySystemError("The session ended while a generator was waited for.")
            ref = self._outbox.new_ref(stream.next_key())
            stream.note_taken()
            if stream.counted:
                self._outbox.send(ItemsTaken(stream.task_id, stream.taken))
        return ref

    def drop(self, stream: Stream) -> None:
        """Nobody will take items any more: called by finalizers."""
        self._streams.note_drop(stream)


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

    def __init__(self, generators: Generators, generator_ref: ObjectRef, stream: Stream) -> None:
        self._generators, self._generator_ref, self._stream = generators, generator_ref, stream
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
        if not self._generators.wait_for_item(self._stream, timeout_s):
            return ObjectRef.nil()
        ref = self._take()
        if ref is None:
            raise StopIteration
        return ref

    async def _next_async(self, timeout_s: float | None = None) -> ObjectRef:
        """The next reference, likewise."""
        import asyncio  # most processes need none of it, and it takes long to load

        arrived = self._generators.item_arrives(self._stream)
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
        ref = self._generators.take_item(self._stream)
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
            self._generators.drop(self._stream)

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
