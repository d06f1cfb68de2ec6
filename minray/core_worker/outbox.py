"""What leaves this process for the local scheduler: in order, after the news, and in bursts.

Finalizers and calls leave *news* behind: references that came or went, streams that nobody reads any more,
calls of `get` and `wait`.  They go out with the next message, and before it, so that the scheduler hears of
things in the order in which they happened::

    references, streams --take_news--> news -+
    get, wait           --record_call------> +--> [news..., message] -> connection
    f.remote() in a loop -----post---------> '    (a loop's tasks gather here for a moment)

The scheduler keeps an object as long as some process has a reference to it, so it must hear of the first one
that comes into a process and of the last one that goes.  Finalizers may run anywhere, even in the middle of
this module's own code, so they only leave a note; `take_news` works the notes off when nothing is half done::

    unpickled -> load -> HoldReferences          __del__ -> note -> take_news -> DropReferences
"""

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Protocol

from ..exceptions import RaySystemError
from ..values.ref import ObjectRef
from ..wire.config import BURST_MESSAGES, BURST_SECONDS
from ..wire.messages import AddRows, DropReferences, HoldReferences, Message, Reply
from .connection import Connection

_id_of = attrgetter("_id")


def ids_of(refs: Iterable[ObjectRef]) -> list[bytes]:
    """The ids of many references, quickly."""
    return list(map(_id_of, refs))


class LiveReferences:
    """How many references to each object this process has; not thread-safe but for `note_drop`.

    Args:
        forget: called with the id of an object to which the last reference here is gone.
        nudge: called from finalizers: soon, somebody should take the news.
    """

    def __init__(self, forget: Callable[[bytes], None], nudge: Callable[[], None]) -> None:
        self._forget, self._nudge = forget, nudge
        self._counts: dict[bytes, int] = {}
        self._dropped: deque[bytes] = deque()  # notes of finalizers
        self._held: list[bytes] = []  # came from elsewhere since the last news
        self._known: list[bytes] = []  # what `wait` last gave back as not ready
        self._on_drop = self.note_drop  # one bound method for all references

    def new(self, key: bytes) -> ObjectRef:
        """Another reference to an object."""
        self._counts[key] = self._counts.get(key, 0) + 1
        return ObjectRef(key, self._on_drop)

    def load(self, key: bytes, news: list[Message]) -> ObjectRef:
        """A reference came in from elsewhere."""
        if self._dropped:
            self.take_news(news)
        if key not in self._counts:
            self._held.append(key)
        return self.new(key)

    def vouch_for(self, keys: list[bytes]) -> None:
        """These ids have just been checked; a program that takes results one by one asks about them next."""
        self._known = keys

    def are_of_this_session(self, keys: list[bytes]) -> bool:
        """Whether references with these ids are here: those of a session before are not."""
        return keys == self._known or all(map(self._counts.__contains__, keys))

    def are_different(self, keys: list[bytes]) -> bool:
        """Whether no id is there twice."""
        return keys == self._known or len(set(keys)) == len(keys)

    def check_owner(self, keys: list[bytes], what: str) -> None:
        """Refuse references that other sessions have made.

        Args:
            keys: their ids.
            what: "object" or "objects", whichever Ray says in this place.

        Raises:
            ValueError: at least one of them is not of this session.
        """
        if keys and not self.are_of_this_session(keys):
            stranger = next(key for key in keys if key not in self._counts)
            raise ValueError(
                f"Ray {what} whose owner is unknown: ObjectRef({stranger.hex()}) belongs to another session: "
                "one that has ended, and its value with it, or that of the process from which this one was "
                "forked. Submit the task again."
            )

    def note_drop(self, key: bytes) -> None:
        """A reference is gone: called by finalizers."""
        self._dropped.append(key)
        self._nudge()

    @property
    def has_news(self) -> bool:
        """Whether `take_news` would do anything."""
        return bool(self._dropped or self._held)

    def take_news(self, news: list[Message]) -> None:
        """Append what the scheduler has not been told yet."""
        if self._held:
            news.append(HoldReferences(tuple(self._held)))
            self._held.clear()
        gone = []
        dropped, counts = self._dropped, self._counts
        while dropped:
            key = dropped.popleft()
            count = counts[key] - 1
            if count:
                counts[key] = count
            else:
                del counts[key]
                self._forget(key)
                gone.append(key)
        if gone:
            news.append(DropReferences(tuple(gone)))


# So many records of calls gather at most before they are sent to the event store.
_MOST_CALLS_KEPT = 1000


class NewsSource(Protocol):
    """Where finalizers leave notes."""

    @property
    def has_news(self) -> bool:
        """Whether `take_news` would do anything."""

    def take_news(self, news: list[Message]) -> None:
        """Append what the scheduler has not been told yet."""


class Outbox:
    """Sends messages and keeps the news that go before them; thread-safe.

    Args:
        connection: to the local scheduler.
        references: those of this process; whoever counts one up does it here, so that the order is kept.
    """

    def __init__(self, connection: Connection, references: LiveReferences) -> None:
        self._connection, self._references = connection, references
        self._sources: list[NewsSource] = [references]
        self._news: list[Message] = []  # what goes out before the next message
        self._order = threading.RLock()  # news about references must leave in the order they happened
        self._calls: deque[tuple[Any, ...]] = deque()  # of `get` and `wait`, for the event store
        self._posted = 0.0  # when `post` was last called
        self._requests = itertools.count(1)
        self._replies: dict[int, Reply] = {}

    def listen_to(self, source: NewsSource) -> None:
        """Take news from there too."""
        if source not in self._sources:
            self._sources.append(source)

    # --- messages -----------------------------------------------------------------------------------

    def send(self, *messages: Message) -> None:
        """Send messages, after the news that have gathered."""
        with self._connection.shield, self._order:
            self._gather_news()
            if self._calls and not self._connection.reads_always:  # else a thread flushes from time to time
                self._news.append(self._take_calls())
            if self._news:
                messages = (*self._news, *messages)
                self._news = []
            self._connection.send(list(messages))

    def postpone(self, message: Message) -> None:
        """Send a message together with the next one, after all that has happened before it."""
        with self._order:
            self._gather_news()
            self._news.append(message)

    def postpone_briefly(self, message: Message) -> None:
        """Likewise, but wait for a next message a moment only."""
        self.postpone(message)
        self._connection.keep_house_soon()

    def post(self, message: Message, now: float) -> None:
        """Send a message; in a burst, together with others. `now` is the time in seconds since 1970."""
        in_burst = 0 <= now - self._posted < BURST_SECONDS
        self._posted = now
        if not in_burst or len(self._news) >= BURST_MESSAGES:
            self.send(message)
        else:
            self.postpone_briefly(message)

    def flush(self) -> None:
        """Send what has gathered, if anything has."""
        if self._news or self._calls or any(source.has_news for source in self._sources):
            with self._order:
                self.send(*([self._take_calls()] if self._calls else []))

    def flush_messages(self) -> None:
        """Likewise, if messages are among it: somebody is about to wait for what they bring about, maybe."""
        if self._news:
            self.flush()

    def keep_house(self) -> None:
        """Flush now and then, after activity."""
        with contextlib.suppress(RaySystemError):  # whoever calls next will be told
            self.flush()

    def _gather_news(self) -> None:
        for source in self._sources:
            source.take_news(self._news)

    def record_call(self, kind: str, began: float, *details: Any) -> None:  # noqa: ANN401 - columns of a row
        """Remember a call of `get` or `wait` that has ended, for the event store."""
        self._calls.append((kind, began, time.time(), *details))
        if len(self._calls) > _MOST_CALLS_KEPT:
            self.flush()
        self._connection.nudge()

    def _take_calls(self) -> AddRows:
        return AddRows("api_calls", tuple(self._calls.popleft() for _ in range(len(self._calls))))

    # --- questions ----------------------------------------------------------------------------------

    def request(self, make: Callable[[int], Message]) -> Any:  # noqa: ANN401 - what the scheduler answers
        """Send `make(request number)` and wait for the answer.

        Raises:
            RaySystemError: the answer is an error.
        """
        number = next(self._requests)
        self.send(make(number))
        self._connection.wait_until(lambda: number in self._replies)
        reply = self._replies.pop(number)
        if reply.error:
            raise RaySystemError(reply.error)
        return reply.value

    def on_reply(self, message: Reply) -> None:
        """An answer has come."""
        self._replies[message.request] = message

    # --- references ---------------------------------------------------------------------------------

    def new_refs(self, keys: list[bytes]) -> list[ObjectRef]:
        """References to objects that exist or are about to be declared."""
        with self._order:
            return list(map(self._references.new, keys))

    def new_ref(self, key: bytes) -> ObjectRef:
        """One of them."""
        with self._order:
            return self._references.new(key)

    def declare(self, key: bytes, message: Message) -> ObjectRef:
        """The first reference to an object, of which the message tells."""
        with self._order:
            ref = self._references.new(key)
        self.send(message)
        return ref

    def load_ref(self, key: bytes) -> ObjectRef:
        """A reference came in from elsewhere."""
        with self._order:
            return self._references.load(key, self._news)
