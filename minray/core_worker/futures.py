"""References as futures: for `await ref`, and for `ref.future()` of the module `concurrent.futures`.

A value arrives in whichever thread reads from the connection just then, and that thread must go on reading.
So it only passes the word on; the value is loaded where it is wanted::

    value arrives --call_soon_threadsafe--> event loop: loads, fulfils the asyncio future
          '-------------queue-------------> thread "minray-futures": loads, fulfils futures, calls callbacks
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..exceptions import RaySystemError
from ..values.ref import ObjectRef
from ..wire.messages import Subscribe, Value
from .connection import Connection
from .getting import Arrivals
from .outbox import LiveReferences, Outbox

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures


logger = logging.getLogger("minray")


@dataclass(eq=False)
class Futures:
    """Makes futures of references.

    Args:
        arrivals: the values that are here.
        references: of this process.
        outbox: asks for values.
        connection: its background thread reads for those who cannot.
        load: the Python value of a stored value of an object; raises what `get` would raise.
    """

    _arrivals: Arrivals
    _references: LiveReferences
    _outbox: Outbox
    _connection: Connection
    _load_value: Callable[[Value, None, bytes], Any]

    def __post_init__(self) -> None:
        self._arrived: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def for_asyncio(self, ref: ObjectRef) -> "asyncio.Future[Any]":
        """A future of the event loop that runs in this thread; cancelling it leaves the task alone."""
        import asyncio  # most processes need none of it, and it takes long to load

        loop = asyncio.get_event_loop()  # which runs; or else the future is to be awaited later, in this one
        future: asyncio.Future[Any] = loop.create_future()
        self._call_when_here(ref, _caller(loop, self._fulfil, future, ref))
        return future

    def signal(self) -> "tuple[asyncio.Future[None], Callable[[], None]]":
        """A future of the event loop that runs in this thread, and what any thread may call to end it."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not future.done():
                future.set_result(None)

        return future, _caller(loop, end)

    def for_threads(self, ref: ObjectRef) -> "concurrent.futures.Future[Any]":
        """A future that any thread may wait for; cancelling it leaves the task alone."""
        import concurrent.futures

        future: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def fulfil() -> None:
            if future.set_running_or_notify_cancel():
                self._fulfil(future, ref)

        self._later(ref, fulfil)
        return future

    def call(self, ref: ObjectRef, callback: Callable[[Any], object]) -> None:
        """Call a function with the value, or with the exception that `get` would raise."""

        def load_and_call() -> None:
            try:
                value = self._load(ref)
            except Exception as error:
                value = error
            callback(value)

        self._later(ref, load_and_call)

    def close(self) -> None:
        """End the thread, after what has arrived."""
        if self._thread is not None:
            self._arrived.put(None)

    def call_when_here(self, key: bytes, call: Callable[[], None]) -> None:
        """Have a function called, in the thread that reads, as soon as a value is here, or none will come."""
        if self._arrivals.call_when_here(key, call):
            self._outbox.send(Subscribe((key,)))
        else:
            self._outbox.flush_messages()  # the task that makes it, maybe
        if self._connection.lost:
            self._arrivals.give_up()
        else:
            self._connection.attend()

    def _call_when_here(self, ref: ObjectRef, call: Callable[[], None]) -> None:
        """Likewise for the value of a reference.

        Raises:
            ValueError: the reference belongs to a session that has ended.
        """
        key = ref.binary()
        if not self._references.are_of_this_session([key]):
            raise ValueError(f"{ref!r} belongs to a session that has ended. Submit the task again.")
        self.call_when_here(key, call)

    def _load(self, ref: ObjectRef) -> Any:  # noqa: ANN401
        """The value of a reference after `call_when_here`."""
        value = self._arrivals.values.get(ref.binary())
        if value is None:
            raise RaySystemError(f"The session ended before the value of {ref!r} was there.")
        return self._load_value(value, None, ref.binary())

    def _fulfil(self, future: Any, ref: ObjectRef) -> None:  # noqa: ANN401 - either kind of future
        if future.done():  # cancelled
            return
        try:
            value = self._load(ref)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(value)

    def _later(self, ref: ObjectRef, work: Callable[[], None]) -> None:
        """Do this in the thread for futures when the value is here."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="minray-futures", daemon=True)
                self._thread.start()
        self._call_when_here(ref, lambda: self._arrived.put(work))

    def _run(self) -> None:
        while (work := self._arrived.get()) is not None:
            try:
                work()
            except Exception:  # a callback's: it must not end the callbacks of others
                logger.exception("A callback that was given to _on_completed raised.")
            work = None  # keep no reference while waiting


def _caller(loop: "asyncio.AbstractEventLoop", run: Callable[..., None], *args: object) -> Callable[[], None]:
    """What any thread may call to have this called in an event loop."""

    def pass_on() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(run, *args)

    return pass_on
