"""From references to values: the values that have arrived, and `get` and `wait`, which wait for them.

A value is here already, or it is on its way because this process submitted the task, or it is asked for.
Whoever waits lends its CPU to others meanwhile::

    get(refs) -> all here? -> load
                 else -> Subscribe for those nobody expects -> wait until they have arrived -> load

A value *arrives* in whichever thread reads from the connection just then; a call *waits* in the thread that
made it.  Each of the two first says what it did and then looks at what the other did, so neither misses the
other without a lock between them.  Sets and dictionaries do the work on whole lists of ids at once: a call of
`wait` on 10,000 references must not take 10,000 steps of the interpreter.

What event loops and futures wait for is in `futures`, what waits for a generator's items in `generator`.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..exceptions import GetTimeoutError
from ..object_store.client import NotThereError, StoreClient
from ..session import here
from ..values.ref import ObjectRef
from ..values.serialization import deserialize
from ..wire.config import LENDING_GRACE_SECONDS
from ..wire.error_chain import load_error
from ..wire.messages import ERROR, INLINE, STORED, ErrorSeen, ObjectsReady, Subscribe, Value
from .connection import Connection
from .lending import Lending
from .outbox import LiveReferences, Outbox


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


@dataclass(eq=False)
class Getting:
    """Waits for values, and loads them.

    Args:
        arrivals: the values that are here.
        references: of this process.
        outbox: asks for values, and remembers calls.
        connection: is read while somebody waits.
        lending: lends out the CPU of a task that waits.
        store: the object store.
    """

    _arrivals: Arrivals
    _references: LiveReferences
    _outbox: Outbox
    _connection: Connection
    _lending: Lending
    _store: StoreClient

    def get(self, keys: list[bytes], timeout: float | None) -> list[Any]:
        """The values of all references, in order; see `api.get`."""
        values = self._arrivals.values
        deadline = None if timeout is None else time.monotonic() + timeout
        missing = self._arrivals.missing(keys)
        if missing and self._first_error(keys) is None:
            self.wait_for(Waiting("get", missing, len(missing), len(missing)), len(keys), timeout)
        else:
            self._outbox.record_call(
                "get", time.time(), len(keys), len(keys), len(keys) - len(missing), timeout
            )
        if missing:
            if (error := self._first_error(keys)) is not None:
                self.load(values[error], None, error)  # raises it; the others need not be waited for
            raise GetTimeoutError(
                f"Get timed out: some object(s) not ready. {len(missing)} of {len(keys)} are missing "
                f"after {timeout} s; their tasks go on. Ask again, with a longer timeout, or use wait() "
                "to take what is ready."
            )
        return [self.load(values[key], deadline, key) for key in keys]

    def _first_error(self, keys: list[bytes]) -> bytes | None:
        for key in keys:
            value = self._arrivals.values.get(key)
            if value is not None and value[0] == ERROR:
                return key
        return None

    def wait(
        self, refs: list[ObjectRef], keys: list[bytes], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """Split references into ready and not ready; see `api.wait`."""
        places = self._arrivals.first_here(keys, num_returns)
        if len(places) == num_returns:  # as in most calls of a program that takes results one by one
            self._outbox.record_call("wait", time.time(), len(keys), num_returns, num_returns, timeout)
        else:
            missing = self._arrivals.missing(keys)
            self.wait_for(Waiting("wait", missing, len(keys), num_returns), len(keys), timeout)
            places = self._arrivals.first_here(keys, num_returns)
        ready, not_ready, rest = [refs[place] for place in places], refs.copy(), keys.copy()
        for place in reversed(places):
            del not_ready[place], rest[place]
        self._references.vouch_for(rest)
        return ready, not_ready

    def wait_for(self, waiting: Waiting, asked: int, timeout: float | None) -> None:
        """Wait until enough of the `asked` values are here, or the time is over."""
        began, wait_until = time.time(), self._connection.wait_until
        enough = asked if waiting.kind == "get" else waiting.num_returns
        if not waiting.done():
            deadline = None if timeout is None else time.monotonic() + timeout
            self._outbox.flush_messages()  # the tasks that it waits for, maybe
            task = here.task()
            try:
                # From here on, another thread that reads may shrink `missing`.
                if unknown := self._arrivals.begin(waiting):
                    self._outbox.send(Subscribe(unknown))
                    if task is not None:  # if the values are there, they come at once
                        grace = time.monotonic() + LENDING_GRACE_SECONDS
                        wait_until(waiting.done, grace if deadline is None else min(grace, deadline))
                if task is None:
                    wait_until(waiting.done, deadline)
                elif not waiting.done():
                    with self._lending.of(task, waiting.kind):
                        wait_until(waiting.done, deadline)
            finally:
                self._arrivals.end(waiting)
        arrived = min(asked - len(waiting.missing), enough)
        self._outbox.record_call(waiting.kind, began, asked, enough, arrived, timeout)

    def load(self, value: Value, deadline: float | None = None, key: bytes = b"") -> Any:  # noqa: ANN401
        """The Python value of a stored value; for an error, raise it: then the object `key` has been seen.

        A value that is lost is waited for, until the deadline if there is one, as it may be made again.
        """
        kind, payload = value
        while kind == STORED:
            try:
                return deserialize(self._store.read(payload))
            except NotThereError:
                kind, payload = self._ask_again(payload[0], deadline)
        if kind == INLINE:
            return deserialize(payload)
        assert kind == ERROR
        if key:
            self._outbox.postpone(ErrorSeen(key))
        raise load_error(payload)

    def _ask_again(self, key: bytes, deadline: float | None) -> Value:
        """The value that the scheduler has for an object now, or will have."""
        ref = self._outbox.new_ref(key)  # without any, the value would not be taken in
        self._arrivals.forget(key)
        missing = {key}
        timeout = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        self.wait_for(Waiting("get", missing, 1, 1), 1, timeout)
        value = self._arrivals.values.get(key)
        if value is None:
            raise GetTimeoutError(f"{ref!r} was lost, and it was not made again within the time of get().")
        return value
