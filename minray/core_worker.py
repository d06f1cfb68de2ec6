"""The core worker: the library inside every driver and every worker.

It turns the user's calls into messages to the local scheduler and keeps what comes back.  Drivers and workers
use the very same code, which is why a task can submit tasks just as the driver does::

    f.remote(x) -> submit -> SubmitTask -----------> local scheduler
    get(ref)    -> wait for the value <- ObjectsReady <---'

Values arrive without being asked for if this process submitted the task, and on request otherwise.
"""

import contextlib
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any

from .argument_errors import load_error
from .arrivals import Arrivals, Waiting
from .config import (
    BURST_MESSAGES,
    BURST_SECONDS,
    INLINE_BYTES,
    LENDING_GRACE_SECONDS,
    MOST_FUNCTION_BYTES,
)
from .connection import Connection
from .exceptions import GetTimeoutError, RaySystemError
from .futures import Futures
from .ids import object_id, task_ids
from .lending import Lending
from .live_references import LiveReferences
from .messages import (
    ERROR,
    INLINE,
    STORED,
    STREAMING,
    AddRows,
    CancelCall,
    CancelTask,
    ExportFunction,
    ForgetSegments,
    FreeObjects,
    Hello,
    ItemsTaken,
    Message,
    Notice,
    ObjectsReady,
    PrintToDriver,
    PutObject,
    Query,
    Reply,
    RunTask,
    SealSegment,
    StreamEnd,
    StreamItem,
    SubmitTask,
    Subscribe,
    Value,
    Welcome,
    result_count,
)
from .object_ref import ObjectRef
from .object_ref_generator import ObjectRefGenerator
from .placement import Placement
from .scheduling import Demand
from .serialization import Serialized, deserialize, serialize, serialize_arguments
from .store_client import NotThereError, StoreClient
from .store_folders import StoreFolders
from .streams import Stream, Streams

if TYPE_CHECKING:
    import asyncio

# The call that a thread or coroutine of an actor runs, if several may be under way at once.
_call: ContextVar[RunTask | None] = ContextVar("call", default=None)

# So many records of calls gather at most before they are sent to the event store.
_MOST_CALLS_KEPT = 1000


class CoreWorker:
    """One process's part in a session.

    Args:
        sock: connected to the local scheduler.
        kind: "DRIVER" or "WORKER".
        pid: this process's id.
        number: a worker's number; 0 for a driver, which gets one.
        objects: the folders of the object store.
        show: what to do with lines that tasks print, and with notices (drivers only).
        why_lost: see `Connection`.
        namespace: a driver's, where the names of its actors live.
        detached: a driver's, whether its program's actors are detached if they do not say.
    """

    def __init__(
        self,
        sock: socket.socket,
        kind: str,
        pid: int,
        number: int,
        objects: StoreFolders,
        show: Callable[[PrintToDriver | Notice], None] = lambda message: None,
        why_lost: Callable[[], str] = str,
        namespace: str = "",
        detached: bool = False,
    ) -> None:
        self.number = number
        self.node_id = b""
        self.inbox: deque[Message] = deque()  # messages that only the worker's main loop understands
        self.before_blocking: Callable[[], None] = lambda: (
            None
        )  # called when this worker's task begins to wait
        self._task: RunTask | None = None  # what this worker's main thread runs
        self.cancelled: set[bytes] = set()  # tasks that run here, or wait to, and were cancelled
        self.on_cancel: Callable[[bytes], None] = lambda task_id: None
        self._store = StoreClient(objects, self.request, self.send)
        self._show = show
        self._arrivals = Arrivals()
        self._rest: list[bytes] = []  # what `wait` last gave back as not ready; it need not be checked again
        self._calls: deque[tuple[Any, ...]] = (
            deque()
        )  # get and wait calls that the event store should know of
        self._keeps_house = False  # a thread flushes from time to time, so `send` need not
        self._news: list[Message] = []  # what goes out before the next message
        self._posted = 0.0  # when `post` was last called
        self._order = threading.RLock()  # news about references must leave in the order they happened
        self._task_ids = task_ids()
        self._requests = itertools.count(1)
        self._replies: dict[int, Reply] = {}
        self._exported: set[bytes] = set()
        self._handlers: dict[type, Callable[[Any], None]] = {
            ObjectsReady: lambda message: self._arrivals.arrive(message.objects),
            ForgetSegments: lambda message: self._store.store.forget(message.numbers),
            Reply: self._on_reply,
            Welcome: self._on_welcome,
            PrintToDriver: show,
            Notice: show,
            StreamItem: lambda message: self._streams.on_item(message),
            StreamEnd: lambda message: self._streams.on_end(message),
            ItemsTaken: self._on_items_taken,
            CancelCall: self._on_cancel_call,
        }
        self._serving = False  # the main thread of a worker sits in `serve` and reads
        self._lending = Lending(self.send)
        self._connection = Connection(sock, self._on_message, self._housekeeping, why_lost)
        self._connection.unattended = lambda: self._arrivals.calls_wait() and not self._serving
        self._connection.at_end = self._arrivals.give_up
        self._streams = Streams(self._arrivals, self._connection.nudge)
        self._items_taken: dict[bytes, int] = {}  # of generators that run here and must not run ahead
        self._futures = Futures(self.call_when_here, self._load_here)
        ObjectRef.futures = self._futures
        self._references = LiveReferences(self._arrivals.forget, self._connection.nudge)
        self._escaped: list[ObjectRef] = []  # pickled where nobody can count them: kept to the end
        ObjectRef.on_load, ObjectRef.on_escape = self._load_ref, self._keep_escaped
        self.send(Hello(kind, pid, number, namespace, detached))

    # --- what runs here -----------------------------------------------------------------------------

    @property
    def task(self) -> RunTask | None:
        """The task that the calling code is part of; None in a driver."""
        return _call.get() or self._task

    @task.setter
    def task(self, task: RunTask | None) -> None:
        self._task = task

    @contextlib.contextmanager
    def running(self, call: RunTask) -> Iterator[None]:
        """In this thread or coroutine, `task` is this one of several calls that are under way."""
        token = _call.set(call)
        try:
            yield
        finally:
            _call.reset(token)
            self.cancelled.discard(call.task_id)

    def _on_cancel_call(self, message: CancelCall) -> None:
        self.cancelled.add(message.task_id)
        self.on_cancel(message.task_id)

    def read_pending(self) -> None:
        """Take in what has arrived already."""
        self._connection.wait_until(lambda: False, time.monotonic())

    # --- messages -----------------------------------------------------------------------------------

    def send(self, *messages: Message) -> None:
        """Send messages, after the news that have gathered."""
        with self._connection.shield, self._order:
            self._gather_news()
            if self._calls and not self._keeps_house:
                self._news.append(self._take_calls())
            if self._news:
                messages = (*self._news, *messages)
                self._news = []
            self._connection.send(list(messages))

    def _gather_news(self) -> None:
        self._references.take_news(self._news)
        self._streams.take_news(self._news)

    def _take_calls(self) -> AddRows:
        return AddRows("api_calls", tuple(self._calls.popleft() for _ in range(len(self._calls))))

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

    def _on_message(self, message: Message) -> None:
        handler = self._handlers.get(type(message))
        if handler is None:
            self.inbox.append(message)
        else:
            handler(message)

    def _on_welcome(self, message: Welcome) -> None:
        self.number, self.node_id = message.worker, message.node_id

    def _on_reply(self, message: Reply) -> None:
        self._replies[message.request] = message

    def _on_items_taken(self, message: ItemsTaken) -> None:
        self._items_taken[message.task_id] = message.taken

    def request(self, make: Callable[[int], Message]) -> Any:  # noqa: ANN401 - what the scheduler answers
        """Send `make(request number)` and wait for the answer."""
        number = next(self._requests)
        self.send(make(number))
        self._connection.wait_until(lambda: number in self._replies)
        reply = self._replies.pop(number)
        if reply.error:
            raise RaySystemError(reply.error)
        return reply.value

    def connected(self, timeout: float) -> bool:
        """Wait for the scheduler's welcome; False if it does not come in time."""
        return self._connection.wait_until(lambda: bool(self.node_id), time.monotonic() + timeout)

    def serve(self) -> bool:
        """Wait for something in the inbox (a worker's idle state); False when the connection is lost."""
        self._serving = True
        try:
            return self._connection.wait_until(lambda: bool(self.inbox))
        except RaySystemError:
            return False
        finally:
            self._serving = False
            if self._arrivals.calls_wait():
                self._connection.attend()

    def handle_interrupts(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Call this at a SIGINT, at a moment when no message is half sent (workers only)."""
        self._connection.shield.take_over(handler)

    def start_background_reader(self) -> None:
        """Let a thread read while nobody waits (drivers only)."""
        self._keeps_house = self._connection.spins = True
        self._connection.start_background_reader()

    def close(self) -> None:
        """Leave the session."""
        self._housekeeping()
        ObjectRef.on_load = ObjectRef.on_escape = ObjectRef.futures = None
        self._connection.close()
        self._arrivals.give_up()
        self._futures.close()

    # --- generators ---------------------------------------------------------------------------------

    def wait_for_item(self, stream: Stream, timeout: float | None) -> bool:
        """Wait until a generator has a next item, or has ended; False if the time was over first."""
        key = stream.next_key()
        if key not in self._arrivals.values:
            self._await(Waiting("wait", {key}, 1, 1), 1, timeout)
        return key in self._arrivals.values

    def item_arrives(self, stream: Stream) -> "asyncio.Future[None] | None":
        """A future that is done when `wait_for_item` would return; None if it would at once."""
        key = stream.next_key()
        if key in self._arrivals.values:
            return None
        future, done = self._futures.signal()
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
            with self._order:
                ref = self._references.new(stream.next_key())
            stream.taken += 1
            if stream.counted:
                self.send(ItemsTaken(stream.task_id, stream.taken))
        return ref

    def drop_stream(self, stream: Stream) -> None:
        """Nobody will take items any more: called by finalizers."""
        self._streams.note_drop(stream)

    def wait_until_taken(self, task_id: bytes, count: int) -> None:
        """In a worker: wait until so many items of the generator that runs here have been taken."""
        if self._items_taken.get(task_id, 0) < count:
            self.flush()
            self.before_blocking()
            self._connection.wait_until(lambda: self._items_taken.get(task_id, 0) >= count)

    def forget_taken(self, task_id: bytes) -> None:
        """In a worker: the generator has ended."""
        self._items_taken.pop(task_id, None)

    # --- references ---------------------------------------------------------------------------------

    def _load_ref(self, key: bytes) -> ObjectRef:
        """A reference came in from elsewhere."""
        with self._order:
            return self._references.load(key, self._news)

    def new_ref(self, key: bytes) -> ObjectRef:
        """A reference to an object that is about to be declared."""
        with self._order:
            return self._references.new(key)

    def expects(self, key: bytes) -> bool:
        """Whether the object's value is to come, to a reference that still lives."""
        return key in self._arrivals.expected

    def _keep_escaped(self, key: bytes) -> None:
        if self.made([key]):
            with self._order:
                self._escaped.append(self._references.new(key))

    def made(self, keys: list[bytes]) -> bool:
        """Whether references with these ids were made here, and not in a session before."""
        return keys == self._rest or self._references.are_of_this_session(keys)

    def check_owner(self, keys: list[bytes], what: str) -> None:
        """Refuse references that other sessions have made.

        Args:
            keys: their ids.
            what: "object" or "objects", whichever Ray says in this place.

        Raises:
            ValueError: at least one of them is not of this session.
        """
        if keys and not self.made(keys):
            stranger = next(key for key in keys if not self.made([key]))
            raise ValueError(
                f"Ray {what} whose owner is unknown: ObjectRef({stranger.hex()}) belongs to another session: "
                "one that has ended, and its value with it, or that of the process from which this one was "
                "forked. Submit the task again."
            )

    def are_different(self, keys: list[bytes]) -> bool:
        """Whether no id is there twice."""
        return keys == self._rest or len(set(keys)) == len(keys)

    def flush(self) -> None:
        """Send what has gathered, if anything has."""
        if self._references.has_news or self._streams.has_news or self._news or self._calls:
            with self._order:
                self.send(*([self._take_calls()] if self._calls else []))

    def _housekeeping(self) -> None:
        with contextlib.suppress(RaySystemError):  # whoever calls next will be told
            self.flush()

    # --- tasks --------------------------------------------------------------------------------------

    def export(
        self, function_id: bytes, name: str, make_blob: Callable[[], bytes], what: str = "The remote function"
    ) -> None:
        """Make a function known to the session, once.

        Raises:
            ValueError: it is too large to be sent around.
        """
        if function_id not in self._exported:
            blob = make_blob()
            if len(blob) > MOST_FUNCTION_BYTES:
                raise ValueError(
                    f"{what} {name} is too large: {len(blob):,} bytes, with {MOST_FUNCTION_BYTES:,} allowed. "
                    "Check that its definition does not hold on to a large array from around it; put "
                    "such things into the object store, with put(), and pass the reference."
                )
            self.send(ExportFunction(function_id, name, blob))
            self._exported.add(function_id)

    def submit(
        self,
        function_id: bytes,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        num_returns: int,
        demand: Demand,
        max_retries: int,
        retry_exceptions: bytes,
        placement: Placement = (),
        environment: str = "",
        max_calls: int = 0,
        backpressure: int = -1,
        actor: bytes = b"",
        method: str = "",
        group: str = "",
    ) -> list[Any]:
        """Submit a task, or call an actor's method.

        Returns:
            At once, the references to its results, or its generator of them.
        """
        submitted = time.time()
        packed, refs, contained, kept = self.pack(args, kwargs)
        task_id = next(self._task_ids)
        results = [object_id(task_id, index) for index in range(result_count(num_returns))]
        self._arrivals.expected.update(results)
        with self._order:
            returned: list[Any] = [self._references.new(result) for result in results]
        if num_returns == STREAMING:
            stream = self._streams.open(task_id, backpressure > 0)
            returned = [ObjectRefGenerator(self, returned[0], stream)]
        call = _call.get()
        self.post(
            SubmitTask(
                task_id,
                function_id,
                name,
                packed,
                refs,
                contained,
                num_returns,
                demand,
                max_retries,
                retry_exceptions,
                submitted,
                environment,
                max_calls,
                placement,
                backpressure,
                actor,
                method,
                group,
                # What a cancelled call submits from then on, such as to clean up, is not cancelled with it.
                call.task_id if call and call.task_id not in self.cancelled else b"",
            ),
            submitted,
        )
        del kept  # from here on the scheduler keeps the moved arguments alive
        return returned

    def pack(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bytes, tuple[tuple[int, bytes], ...], tuple[bytes, ...], list[ObjectRef]]:
        """Make a call's arguments ready to travel.

        Returns:
            The fields `args`, `refs` and `contained` of `SubmitTask`; references to keep until it is sent.
        """
        values = [*args, *kwargs.values()]
        refs: list[tuple[int, bytes]] = []
        for place, value in enumerate(values):
            if type(value) is ObjectRef:
                refs.append((place, value.binary()))
                values[place] = None
        serialized = serialize_arguments(values, tuple(kwargs))
        kept: list[ObjectRef] = []
        if serialized.size > INLINE_BYTES:
            kept = self._move_large_arguments(values, refs)
            serialized = serialize_arguments(values, tuple(kwargs))
        self.check_owner([*(key for _, key in refs), *serialized.contained], "object")
        return serialized.to_bytes(), tuple(refs), serialized.contained, kept

    def _move_large_arguments(self, values: list[Any], refs: list[tuple[int, bytes]]) -> list[ObjectRef]:
        """Put large arguments into the object store, as if the caller had."""
        kept = []
        for place, value in enumerate(values):
            serialized = serialize(value)
            if serialized.size > INLINE_BYTES:
                ref = self.put_serialized(serialized)
                refs.append((place, ref.binary()))
                values[place] = None
                kept.append(ref)
        return kept

    def cancel(self, ref: ObjectRef, force: bool, recursive: bool) -> None:
        """Cancel the task that makes this object.

        Raises:
            ValueError: a call of an actor's method is to be cancelled by force.
        """
        if not force:
            self.send(CancelTask(ref.binary(), force, recursive))
        elif self.request(lambda number: CancelTask(ref.binary(), force, recursive, number)):
            raise ValueError("force=True is not supported for actor tasks.")

    # --- objects ------------------------------------------------------------------------------------

    def put(self, value: Any) -> ObjectRef:  # noqa: ANN401
        """Make an object of a value."""
        return self.put_serialized(serialize(value))

    def put_serialized(self, serialized: Serialized) -> ObjectRef:
        """Make an object of a value that is serialized already."""
        key = object_id(next(self._task_ids), 0)
        if serialized.size > INLINE_BYTES:
            self._arrivals.values[key] = self.store(key, serialized)
            message: Message = SealSegment(key, serialized.contained)
        else:
            blob = serialized.to_bytes()
            self._arrivals.values[key] = (INLINE, blob)
            message = PutObject(key, blob, serialized.contained)
        with self._order:
            ref = self._references.new(key)
        self.send(message)
        return ref

    def store(self, key: bytes, serialized: Serialized) -> Value:
        """Write data into the object store; it is sealed when the scheduler is told so.

        Raises:
            OutOfDiskError: there is room neither in memory nor on disk.
        """
        return self._store.write(key, serialized)

    def load(self, value: Value, deadline: float | None = None) -> Any:  # noqa: ANN401
        """The Python value of a stored value; for an error, raise it.

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
        raise load_error(payload)

    def _ask_again(self, key: bytes, deadline: float | None) -> Value:
        """The value that the scheduler has for an object now, or will have."""
        with self._order:
            ref = self._references.new(key)  # without any, the value would not be taken in
        self._arrivals.forget(key)
        missing = {key}
        timeout = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        self._await(Waiting("get", missing, 1, 1), 1, timeout)
        value = self._arrivals.values.get(key)
        if value is None:
            raise GetTimeoutError(f"{ref!r} was lost, and it was not made again within the time of get().")
        return value

    def free(self, keys: list[bytes]) -> None:
        """Free objects although there are references to them."""
        self.send(FreeObjects(tuple(keys)))
        for key in keys:
            if key in self._arrivals.values:
                self._arrivals.forget(key)

    def call_when_here(self, ref: ObjectRef, call: Callable[[], None]) -> None:
        """Have a function called, in the thread that reads, as soon as the reference's value is here.

        Raises:
            ValueError: the reference belongs to a session that has ended.
        """
        key = ref.binary()
        if not self.made([key]):
            raise ValueError(f"{ref!r} belongs to a session that has ended. Submit the task again.")
        self._call_when_here(key, call)

    def _call_when_here(self, key: bytes, call: Callable[[], None]) -> None:
        if self._arrivals.call_when_here(key, call):
            self.send(Subscribe((key,)))
        elif self._news:
            self.flush()
        if self._connection.lost:
            self._arrivals.give_up()
        elif self._arrivals.calls_wait() and not self._serving:
            self._connection.attend()

    def _load_here(self, ref: ObjectRef) -> Any:  # noqa: ANN401
        """The value of a reference after `call_when_here`."""
        value = self._arrivals.values.get(ref.binary())
        if value is None:
            raise RaySystemError(f"The session ended before the value of {ref!r} was there.")
        return self.load(value)

    def get(self, keys: list[bytes], timeout: float | None) -> list[Any]:
        """The values of all references, in order; see `api.get`."""
        values = self._arrivals.values
        deadline = None if timeout is None else time.monotonic() + timeout
        missing = self._arrivals.missing(keys)
        if missing:
            self._raise_first_error(keys)
            self._await(Waiting("get", missing, len(missing), len(missing)), len(keys), timeout)
            if missing:
                self._raise_first_error(keys)  # one error is enough: the rest need not be waited for
                raise GetTimeoutError(
                    f"get() gave up after {timeout} s: {len(missing)} of {len(keys)} value(s) are not "
                    "there yet. The tasks go on; ask again, with a longer timeout, or use wait() to take "
                    "what is ready."
                )
        else:
            self._record_call("get", time.time(), len(keys), len(keys), len(keys), timeout)
        return [self.load(values[key], deadline) for key in keys]

    def _raise_first_error(self, keys: list[bytes]) -> None:
        for key in keys:
            value = self._arrivals.values.get(key)
            if value is not None and value[0] == ERROR:
                self.load(value)

    def wait(
        self, refs: list[ObjectRef], keys: list[bytes], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """Split references into ready and not ready; see `api.wait`."""
        places = self._arrivals.first_here(keys, num_returns)
        if len(places) == num_returns:  # as in most calls of a program that takes results one by one
            self._record_call("wait", time.time(), len(keys), num_returns, num_returns, timeout)
        else:
            missing = self._arrivals.missing(keys)
            self._await(Waiting("wait", missing, len(keys), num_returns), len(keys), timeout)
            places = self._arrivals.first_here(keys, num_returns)
        ready, not_ready, rest = [refs[place] for place in places], refs.copy(), keys.copy()
        for place in reversed(places):
            del not_ready[place], rest[place]
        self._rest = rest
        return ready, not_ready

    def _await(self, waiting: Waiting, asked: int, timeout: float | None) -> None:
        """Wait until enough of the `asked` values are here, or the time is over."""
        began = time.time()
        enough = asked if waiting.kind == "get" else waiting.num_returns
        if not waiting.done():
            deadline = None if timeout is None else time.monotonic() + timeout
            if self._news:  # the tasks that it waits for, maybe
                self.flush()
            try:
                # From here on, another thread that reads may shrink `missing`.
                if unknown := self._arrivals.begin(waiting):
                    self.send(Subscribe(unknown))
                    if self.task is not None:  # if the values are there, they come at once
                        grace = time.monotonic() + LENDING_GRACE_SECONDS
                        self._connection.wait_until(
                            waiting.done, grace if deadline is None else min(grace, deadline)
                        )
                if not waiting.done():
                    with self._lent_cpu(waiting.kind):
                        self._connection.wait_until(waiting.done, deadline)
            finally:
                self._arrivals.end(waiting)
        arrived = min(asked - len(waiting.missing), enough)
        self._record_call(waiting.kind, began, asked, enough, arrived, timeout)

    def _record_call(self, kind: str, began: float, *details: Any) -> None:  # noqa: ANN401 - columns of a row
        """Remember a call of `get` or `wait` for the event store."""
        self._calls.append((kind, began, time.time(), *details))
        if len(self._calls) > _MOST_CALLS_KEPT:
            self.flush()
        self._connection.nudge()

    @contextlib.contextmanager
    def _lent_cpu(self, kind: str) -> Any:  # noqa: ANN401
        """While a task waits, others may have its CPU."""
        task = self.task
        if task is None:
            yield
            return
        self.before_blocking()
        with self._lending.of(task.task_id, kind, lambda: self.task is task):
            yield

    def expected_ref(self) -> ObjectRef:
        """A reference to an object that the scheduler itself will seal some time."""
        key = object_id(next(self._task_ids), 0)
        self._arrivals.expected.add(key)
        with self._order:
            return self._references.new(key)

    # --- questions and events -----------------------------------------------------------------------

    def query(self, what: str) -> Any:  # noqa: ANN401
        """Ask the scheduler about the node."""
        return self.request(lambda number: Query(number, what))

    def add_rows(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Add rows to the event store."""
        self.send(AddRows(table, tuple(rows)))

    def flush_events(self) -> None:
        """Return when everything that has happened so far is in the event store."""
        self.flush()
        self.query("flush")
