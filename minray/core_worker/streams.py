"""The streams of generator tasks, from the owner's side: items that have arrived and wait to be taken.

::

    StreamItem -> arrived: 1, 2, 3 | 4 <- expected next        StreamEnd -> ended: nothing comes after these
                      '- taken so far

An item's id follows from the task's id and its place, so the next item can be waited for before it exists,
like any other value.  When the generator ends, that place gets a value that stands for the end.
"""

import threading
from collections import deque
from collections.abc import Callable

from ..wire.ids import object_id
from ..wire.messages import INLINE, CloseStream, Message, StreamEnd, StreamItem
from .arrivals import Arrivals


class Stream:
    """The items of one generator task.

    Args:
        task_id: the task's id.
        counted: the generator waits until items are taken, so it must be told.
    """

    __slots__ = ("arrived", "counted", "ended", "failed", "lock", "taken", "task_id")

    def __init__(self, task_id: bytes, counted: bool) -> None:
        self.task_id = task_id
        self.counted = counted
        self.lock = threading.Lock()  # items are taken one by one, by whichever threads
        self.arrived = 0
        self.taken = 0
        self.ended = False
        self.failed = False  # the runtime ended it: the error is the task's result

    def next_key(self) -> bytes:
        """The id of the item that is taken next, or of the place where the end is."""
        return object_id(self.task_id, 1 + self.taken)

    def is_ready(self) -> bool:
        """Whether there is something to take: an item, or an error that ended the stream."""
        return self.taken < self.arrived or (self.ended and self.failed)


class Streams:
    """All streams that this process owns.

    Args:
        arrivals: where the items' values go.
        nudge: called from finalizers: soon, somebody should take the news.
    """

    def __init__(self, arrivals: Arrivals, nudge: Callable[[], None]) -> None:
        self._arrivals = arrivals
        self._nudge = nudge
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
