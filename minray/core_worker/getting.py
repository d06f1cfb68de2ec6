"""From references to values: `get`, `wait`, generators' items, and what event loops and futures wait for.

A value is here already, or it is on its way because this process submitted the task, or it is asked for.
Whoever waits lends its CPU to others meanwhile::

    get(refs) -> all here? -> load
                 else -> Subscribe for those nobody expects -> wait until they have arrived -> load
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..exceptions import GetTimeoutError, RaySystemError
from ..object_store.client import NotThereError
from ..values.ref import ObjectRef
from ..values.serialization import deserialize
from ..wire.config import LENDING_GRACE_SECONDS
from ..wire.error_chain import load_error
from ..wire.messages import ERROR, INLINE, STORED, ErrorSeen, ItemsTaken, Subscribe, Value
from .arrivals import Waiting
from .futures import Futures
from .lending import Lending
from .streams import Stream

if TYPE_CHECKING:
    import asyncio

    from .core_worker import CoreWorker

# So many records of calls gather at most before they are sent to the event store.
_MOST_CALLS_KEPT = 1000


class Getting:
    """How `CoreWorker` comes by values.

    Args:
        core: this process's connection to the session.
    """

    def __init__(self, core: "CoreWorker") -> None:
        self._core = core
        self.rest: list[bytes] = []  # what `wait` last gave back as not ready; it need not be checked again
        self.calls: deque[tuple[Any, ...]] = deque()  # of `get` and `wait`, for the event store
        self._lending = Lending(core.send)
        self.futures = Futures(self.call_when_here, self.load_here)

    def get(self, keys: list[bytes], timeout: float | None) -> list[Any]:
        """The values of all references, in order; see `api.get`."""
        values = self._core.arrivals.values
        deadline = None if timeout is None else time.monotonic() + timeout
        missing = self._core.arrivals.missing(keys)
        if missing and self._first_error(keys) is None:
            self._await(Waiting("get", missing, len(missing), len(missing)), len(keys), timeout)
        else:
            self._record_call("get", time.time(), len(keys), len(keys), len(keys) - len(missing), timeout)
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
            value = self._core.arrivals.values.get(key)
            if value is not None and value[0] == ERROR:
                return key
        return None

    def wait(
        self, refs: list[ObjectRef], keys: list[bytes], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """Split references into ready and not ready; see `api.wait`."""
        places = self._core.arrivals.first_here(keys, num_returns)
        if len(places) == num_returns:  # as in most calls of a program that takes results one by one
            self._record_call("wait", time.time(), len(keys), num_returns, num_returns, timeout)
        else:
            missing = self._core.arrivals.missing(keys)
            self._await(Waiting("wait", missing, len(keys), num_returns), len(keys), timeout)
            places = self._core.arrivals.first_here(keys, num_returns)
        ready, not_ready, rest = [refs[place] for place in places], refs.copy(), keys.copy()
        for place in reversed(places):
            del not_ready[place], rest[place]
        self.rest = rest
        return ready, not_ready

    def _await(self, waiting: Waiting, asked: int, timeout: float | None) -> None:
        """Wait until enough of the `asked` values are here, or the time is over."""
        began = time.time()
        enough = asked if waiting.kind == "get" else waiting.num_returns
        if not waiting.done():
            deadline = None if timeout is None else time.monotonic() + timeout
            if self._core.news:  # the tasks that it waits for, maybe
                self._core.flush()
            try:
                # From here on, another thread that reads may shrink `missing`.
                if unknown := self._core.arrivals.begin(waiting):
                    self._core.send(Subscribe(unknown))
                    if self._core.task is not None:  # if the values are there, they come at once
                        grace = time.monotonic() + LENDING_GRACE_SECONDS
                        self._core.connection.wait_until(
                            waiting.done, grace if deadline is None else min(grace, deadline)
                        )
                if not waiting.done():
                    with self._lent_cpu(waiting.kind):
                        self._core.connection.wait_until(waiting.done, deadline)
            finally:
                self._core.arrivals.end(waiting)
        arrived = min(asked - len(waiting.missing), enough)
        self._record_call(waiting.kind, began, asked, enough, arrived, timeout)

    def _record_call(self, kind: str, began: float, *details: Any) -> None:  # noqa: ANN401 - columns of a row
        """Remember a call of `get` or `wait` for the event store."""
        self.calls.append((kind, began, time.time(), *details))
        if len(self.calls) > _MOST_CALLS_KEPT:
            self._core.flush()
        self._core.connection.nudge()

    @contextlib.contextmanager
    def _lent_cpu(self, kind: str) -> Any:  # noqa: ANN401
        """While a task waits, others may have its CPU."""
        task = self._core.task
        if task is None:
            yield
            return
        self._core.before_blocking()
        with self._lending.of(task.task_id, kind, lambda: self._core.task is task):
            yield

    def load(self, value: Value, deadline: float | None = None, key: bytes = b"") -> Any:  # noqa: ANN401
        """The Python value of a stored value; for an error, raise it: then the object `key` has been seen.

        A value that is lost is waited for, until the deadline if there is one, as it may be made again.
        """
        kind, payload = value
        while kind == STORED:
            try:
                return deserialize(self._core.object_store.read(payload))
            except NotThereError:
                kind, payload = self._ask_again(payload[0], deadline)
        if kind == INLINE:
            return deserialize(payload)
        assert kind == ERROR
        if key:
            self._core.postpone(ErrorSeen(key))
        raise load_error(payload)

    def _ask_again(self, key: bytes, deadline: float | None) -> Value:
        """The value that the scheduler has for an object now, or will have."""
        with self._core.order:
            ref = self._core.references.new(key)  # without any, the value would not be taken in
        self._core.arrivals.forget(key)
        missing = {key}
        timeout = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        self._await(Waiting("get", missing, 1, 1), 1, timeout)
        value = self._core.arrivals.values.get(key)
        if value is None:
            raise GetTimeoutError(f"{ref!r} was lost, and it was not made again within the time of get().")
        return value

    def call_when_here(self, ref: ObjectRef, call: Callable[[], None]) -> None:
        """Have a function called, in the thread that reads, as soon as the reference's value is here.

        Raises:
            ValueError: the reference belongs to a session that has ended.
        """
        key = ref.binary()
        if not self._core.made([key]):
            raise ValueError(f"{ref!r} belongs to a session that has ended. Submit the task again.")
        self._call_when_here(key, call)

    def _call_when_here(self, key: bytes, call: Callable[[], None]) -> None:
        if self._core.arrivals.call_when_here(key, call):
            self._core.send(Subscribe((key,)))
        elif self._core.news:
            self._core.flush()
        if self._core.connection.lost:
            self._core.arrivals.give_up()
        elif self._core.arrivals.calls_wait() and not self._core.serving:
            self._core.connection.attend()

    def load_here(self, ref: ObjectRef) -> Any:  # noqa: ANN401
        """The value of a reference after `call_when_here`."""
        value = self._core.arrivals.values.get(ref.binary())
        if value is None:
            raise RaySystemError(f"The session ended before the value of {ref!r} was there.")
        return self.load(value, None, ref.binary())

    def wait_for_item(self, stream: Stream, timeout: float | None) -> bool:
        """Wait until a generator has a next item, or has ended; False if the time was over first."""
        key = stream.next_key()
        if key not in self._core.arrivals.values:
            self._await(Waiting("wait", {key}, 1, 1), 1, timeout)
        return key in self._core.arrivals.values

    def item_arrives(self, stream: Stream) -> "asyncio.Future[None] | None":
        """A future that is done when `wait_for_item` would return; None if it would at once."""
        key = stream.next_key()
        if key in self._core.arrivals.values:
            return None
        future, done = self.futures.signal()
        self._call_when_here(key, done)
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
            with self._core.order:
                ref = self._core.references.new(stream.next_key())
            stream.taken += 1
            if stream.counted:
                self._core.send(ItemsTaken(stream.task_id, stream.taken))
        return ref
