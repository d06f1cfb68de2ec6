"""The core worker: the library inside every driver and every worker.

It turns the user's calls into messages to the local scheduler and keeps what comes back.  Drivers and workers
use the very same code, which is why a task can submit tasks just as the driver does::

    f.remote(x) -> submit -> SubmitTask -----------> local scheduler
    get(ref)    -> wait for the value <- ObjectsReady <---'

Values arrive without being asked for if this process submitted the task, and on request otherwise.
"""

import contextlib
import gc
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import FrameType
from typing import Any

from ..exceptions import OufOfBandObjectRefSerializationException, RaySystemError
from ..object_store.client import StoreClient
from ..object_store.folders import StoreFolders
from ..values.check_serialize import unserializable
from ..values.ref import ObjectRef
from ..values.serialization import Serialized, serialize
from ..wire.config import BURST_MESSAGES, BURST_SECONDS, INLINE_BYTES
from ..wire.ids import object_id, task_ids
from ..wire.messages import (
    INLINE,
    AddRows,
    CancelCall,
    CollectGarbage,
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
    Unhandled,
    Value,
    Welcome,
)
from .arrivals import Arrivals
from .connection import Connection
from .getting import Getting
from .references import LiveReferences
from .streams import Stream, Streams
from .submission import Submission

# The call that a thread or coroutine of an actor runs, if several may be under way at once.
_call: ContextVar[RunTask | None] = ContextVar("call", default=None)


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
        show: Callable[[PrintToDriver | Notice | Unhandled], None] = lambda message: None,
        why_lost: Callable[[], str] = str,
        namespace: str = "",
        detached: bool = False,
    ) -> None:
        self.number = number
        self.node_id = b""
        self.inbox: deque[Message] = deque()  # messages that only the worker's main loop understands
        # Called when this worker's task begins to wait.
        self.before_blocking: Callable[[], None] = lambda: None
        self._task: RunTask | None = None  # what this worker's main thread runs
        self.cancelled: set[bytes] = set()  # tasks that run here, or wait to, and were cancelled
        self.on_cancel: Callable[[bytes], None] = lambda task_id: None
        self.object_store = StoreClient(objects, self.request, self.send)
        self._show = show
        self.arrivals = Arrivals()
        self.keeps_house = False  # a thread flushes from time to time, so `send` need not
        self.news: list[Message] = []  # what goes out before the next message
        self._posted = 0.0  # when `post` was last called
        self.order = threading.RLock()  # news about references must leave in the order they happened
        self.task_ids = task_ids()
        self._requests = itertools.count(1)
        self._replies: dict[int, Reply] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            ObjectsReady: lambda message: self.arrivals.arrive(message.objects),
            ForgetSegments: lambda message: self.object_store.store.forget(message.numbers),
            Reply: self._on_reply,
            Welcome: self._on_welcome,
            PrintToDriver: show,
            Notice: show,
            Unhandled: show,
            StreamItem: lambda message: self.streams.on_item(message),
            StreamEnd: lambda message: self.streams.on_end(message),
            ItemsTaken: self._on_items_taken,
            CancelCall: self._on_cancel_call,
            # In a thread of its own, because finalizers of the user's run there and may wait for something.
            CollectGarbage: lambda message: threading.Thread(target=gc.collect, daemon=True).start(),
        }
        self.serving = False  # the main thread of a worker sits in `serve` and reads
        self.connection = Connection(sock, self._on_message, self._housekeeping, why_lost)
        self.connection.unattended = lambda: self.arrivals.calls_wait() and not self.serving
        self.connection.at_end = self.arrivals.give_up
        self.streams = Streams(self.arrivals, self.connection.nudge)
        self._items_taken: dict[bytes, int] = {}  # of generators that run here and must not run ahead
        self.submission = Submission(self)
        self.getting = Getting(self)
        ObjectRef.futures = self.getting.futures
        self.references = LiveReferences(self.arrivals.forget, self.connection.nudge)
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

    @property
    def call(self) -> RunTask | None:
        """Which of several calls that are under way the calling code is part of, if there may be several."""
        return _call.get()

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
        self.connection.wait_until(lambda: False, time.monotonic())

    # --- messages -----------------------------------------------------------------------------------

    def send(self, *messages: Message) -> None:
        """Send messages, after the news that have gathered."""
        with self.connection.shield, self.order:
            self._gather_news()
            if self.getting.calls and not self.keeps_house:
                self.news.append(self._take_calls())
            if self.news:
                messages = (*self.news, *messages)
                self.news = []
            self.connection.send(list(messages))

    def _gather_news(self) -> None:
        self.references.take_news(self.news)
        self.streams.take_news(self.news)

    def _take_calls(self) -> AddRows:
        return AddRows(
            "api_calls", tuple(self.getting.calls.popleft() for _ in range(len(self.getting.calls)))
        )

    def postpone(self, message: Message) -> None:
        """Send a message together with the next one, after all that has happened before it."""
        with self.order:
            self._gather_news()
            self.news.append(message)

    def postpone_briefly(self, message: Message) -> None:
        """Likewise, but wait for a next message a moment only."""
        self.postpone(message)
        self.connection.keep_house_soon()

    def post(self, message: Message, now: float) -> None:
        """Send a message; in a burst, together with others. `now` is the time in seconds since 1970."""
        in_burst = 0 <= now - self._posted < BURST_SECONDS
        self._posted = now
        if not in_burst or len(self.news) >= BURST_MESSAGES:
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
        self.connection.wait_until(lambda: number in self._replies)
        reply = self._replies.pop(number)
        if reply.error:
            raise RaySystemError(reply.error)
        return reply.value

    def connected(self, timeout: float) -> bool:
        """Wait for the scheduler's welcome; False if it does not come in time."""
        return self.connection.wait_until(lambda: bool(self.node_id), time.monotonic() + timeout)

    def serve(self) -> bool:
        """Wait for something in the inbox (a worker's idle state); False when the connection is lost."""
        self.serving = True
        try:
            return self.connection.wait_until(lambda: bool(self.inbox))
        except RaySystemError:
            return False
        finally:
            self.serving = False
            if self.arrivals.calls_wait():
                self.connection.attend()

    def handle_interrupts(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Call this at a SIGINT, at a moment when no message is half sent (workers only)."""
        self.connection.shield.take_over(handler)

    def start_background_reader(self) -> None:
        """Let a thread read while nobody waits (drivers only)."""
        self.keeps_house = self.connection.spins = True
        self.connection.start_background_reader()

    def close(self) -> None:
        """Leave the session."""
        self._housekeeping()
        ObjectRef.on_load = ObjectRef.on_escape = ObjectRef.futures = None
        self.connection.close()
        self.arrivals.give_up()
        self.getting.futures.close()

    # --- generators ---------------------------------------------------------------------------------

    def drop_stream(self, stream: Stream) -> None:
        """Nobody will take items any more: called by finalizers."""
        self.streams.note_drop(stream)

    def wait_until_taken(self, task_id: bytes, count: int) -> None:
        """In a worker: wait until so many items of the generator that runs here have been taken."""
        if self._items_taken.get(task_id, 0) < count:
            self.flush()
            self.before_blocking()
            self.connection.wait_until(lambda: self._items_taken.get(task_id, 0) >= count)

    def forget_taken(self, task_id: bytes) -> None:
        """In a worker: the generator has ended."""
        self._items_taken.pop(task_id, None)

    # --- references ---------------------------------------------------------------------------------

    def _load_ref(self, key: bytes) -> ObjectRef:
        """A reference came in from elsewhere."""
        with self.order:
            return self.references.load(key, self.news)

    def new_ref(self, key: bytes) -> ObjectRef:
        """A reference to an object that is about to be declared."""
        with self.order:
            return self.references.new(key)

    def expects(self, key: bytes) -> bool:
        """Whether the object's value is to come, to a reference that still lives."""
        return key in self.arrivals.expected

    def _keep_escaped(self, key: bytes) -> None:
        if self.made([key]):
            with self.order:
                self._escaped.append(self.references.new(key))

    def made(self, keys: list[bytes]) -> bool:
        """Whether references with these ids were made here, and not in a session before."""
        return keys == self.getting.rest or self.references.are_of_this_session(keys)

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
        return keys == self.getting.rest or len(set(keys)) == len(keys)

    def flush(self) -> None:
        """Send what has gathered, if anything has."""
        if self.references.has_news or self.streams.has_news or self.news or self.getting.calls:
            with self.order:
                self.send(*([self._take_calls()] if self.getting.calls else []))

    def _housekeeping(self) -> None:
        with contextlib.suppress(RaySystemError):  # whoever calls next will be told
            self.flush()

    # --- objects ------------------------------------------------------------------------------------

    def put(self, value: Any) -> ObjectRef:  # noqa: ANN401
        """Make an object of a value.

        Raises:
            TypeError: it cannot be sent to another process.
        """
        try:
            serialized = serialize(value)
        except OufOfBandObjectRefSerializationException:
            raise
        except Exception as error:
            raise unserializable(f"the put value {value!r}", value) from error
        return self.put_serialized(serialized)

    def put_serialized(self, serialized: Serialized) -> ObjectRef:
        """Make an object of a value that is serialized already."""
        key = object_id(next(self.task_ids), 0)
        if serialized.size > INLINE_BYTES:
            self.arrivals.values[key] = self.store(key, serialized)
            message: Message = SealSegment(key, serialized.contained)
        else:
            blob = serialized.to_bytes()
            self.arrivals.values[key] = (INLINE, blob)
            message = PutObject(key, blob, serialized.contained)
        with self.order:
            ref = self.references.new(key)
        self.send(message)
        return ref

    def store(self, key: bytes, serialized: Serialized) -> Value:
        """Write data into the object store; it is sealed when the scheduler is told so.

        Raises:
            OutOfDiskError: there is room neither in memory nor on disk.
        """
        return self.object_store.write(key, serialized)

    def free(self, keys: list[bytes]) -> None:
        """Free objects although there are references to them."""
        self.send(FreeObjects(tuple(keys)))
        for key in keys:
            if key in self.arrivals.values:
                self.arrivals.forget(key)

    def expected_ref(self) -> ObjectRef:
        """A reference to an object that the scheduler itself will seal some time."""
        key = object_id(next(self.task_ids), 0)
        self.arrivals.expected.add(key)
        with self.order:
            return self.references.new(key)

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
