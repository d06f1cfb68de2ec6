"""The values that this process has or expects, and the calls of `get` and `wait` that wait for them.

A value *arrives* in whichever thread reads from the connection just then; a call *waits* in the thread that
made it.  Each of the two first says what it did and then looks at what the other did, so neither misses the
other without a lock between them.  Sets and dictionaries do the work on whole lists of ids at once: a call of
`wait` on 10,000 references must not take 10,000 steps of the interpreter.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from ..wire.messages import ERROR, ObjectsReady, Value


class Waiting:
    """A call of `get` or `wait` that is under way."""

    __slots__ = ("count", "failed", "kind", "missing", "num_returns")

    def __init__(self, kind: str, missing: set[bytes], count: int, num_returns: int) -> None:
        self.kind = kind  # "get" or "wait"
        self.missing = missing  # the ids whose values are not here yet
        self.count = count  # how many it was asked for
        self.num_returns = num_returns  # how many of those are enough
        self.failed = False  # a value that came is an error: `get` waits no longer

    def done(self) -> bool:
        """Whether the call can return."""
        return self.count - len(self.missing) >= self.num_returns or (self.failed and self.kind == "get")


class Arrivals:
    """Values by object id, for the ids that this process has references to."""

    def __init__(self) -> None:
        self.values: dict[bytes, Value] = {}
        self.expected: set[bytes] = set()  # ids whose values will come by themselves
        self._waiting: list[Waiting] = []
        self._callbacks: dict[bytes, list[Callable[[], None]]] = {}

    def arrive(self, objects: Iterable[tuple[bytes, int, object]]) -> None:
        """Take values in that the scheduler has sent."""
        values, expected, callbacks = self.values, self.expected, self._callbacks
        for key, kind, payload in objects:
            if key not in expected:  # nobody here refers to it any more
                continue
            values[key] = (kind, payload)
            expected.discard(key)
            for waiting in self._waiting:
                if key in waiting.missing:
                    waiting.missing.discard(key)
                    waiting.failed = waiting.failed or kind == ERROR
            if key in callbacks:
                for call in callbacks.pop(key):
                    call()

    def on_objects_ready(self, message: ObjectsReady) -> None:
        """The scheduler has sent values."""
        self.arrive(message.objects)

    def forget(self, key: bytes) -> None:
        """The last reference to it is gone from this process."""
        self.values.pop(key, None)
        self.expected.discard(key)

    def missing(self, keys: Iterable[bytes]) -> set[bytes]:
        """Those of these ids whose values are not here."""
        return set(keys).difference(self.values)

    def first_here(self, keys: list[bytes], count: int) -> list[int]:
        """The places of the first `count` ids (or fewer) whose values are here."""
        values = self.values
        return list(islice((place for place, key in enumerate(keys) if key in values), count))

    def begin(self, waiting: Waiting) -> tuple[bytes, ...]:
        """From now on, values that arrive are taken out of `waiting.missing`.

        Returns:
            The ids that nobody has asked the scheduler for yet; the caller must.
        """
        self._waiting.append(waiting)
        for key in waiting.missing - waiting.missing.difference(self.values):  # came in the meantime
            waiting.missing.discard(key)
            waiting.failed = waiting.failed or self.values[key][0] == ERROR
        unknown = waiting.missing.difference(self.expected).difference(self.values)
        self.expected |= unknown
        return tuple(unknown)

    def end(self, waiting: Waiting) -> None:
        """The call returns, or gives up."""
        self._waiting.remove(waiting)

    def call_when_here(self, key: bytes, call: Callable[[], None]) -> bool:
        """Have a function called, in the thread that reads, as soon as the value is here (perhaps at once).

        Returns:
            Whether the scheduler must still be asked for the value.
        """
        self._callbacks.setdefault(key, []).append(call)
        if key in self.values:
            for waiting_call in self._callbacks.pop(key, ()):
                waiting_call()
            return False
        unknown = key not in self.expected
        self.expected.add(key)
        return unknown

    def calls_wait(self) -> bool:
        """Whether functions are to be called for values that are not here."""
        return bool(self._callbacks)

    def give_up(self) -> None:
        """No more values will come: make the calls all the same."""
        while self._callbacks:
            _, calls = self._callbacks.popitem()
            for call in calls:
                call()
