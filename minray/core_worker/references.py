"""The references that this process has, and the news about them that the scheduler is to get.

The scheduler keeps an object as long as some process has a reference to it, so it must hear of the first one
that comes into a process and of the last one that goes.  Finalizers may run anywhere, even in the middle of
this module's own code, so they only leave a note; `take_news` works the notes off when nothing is half done::

    unpickled -> load -> HoldReferences          __del__ -> note -> take_news -> DropReferences

The order of the news is the order in which things happened.
"""

from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter

from ..values.ref import ObjectRef
from ..wire.messages import DropReferences, HoldReferences, Message

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
        self._forget = forget
        self._nudge = nudge
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
