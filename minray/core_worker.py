"""The core worker: the library inside every driver and every worker.

It turns the user's calls into messages to the local scheduler and keeps what comes back.  Drivers and workers
use the very same code, which is why a task can submit tasks just as the driver does::

    f.remote(x) -> submit -> SubmitTask -----------> local scheduler
    get(ref)    -> wait for the value <- ObjectsReady <---'

Values arrive without being asked for if this process submitted the task, and on request otherwise.
"""

import contextlib
import itertools
import pickle
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .config import INLINE_BYTES
from .connection import Connection
from .exceptions import GetTimeoutError, ObjectLostError, ObjectStoreFullError, RaySystemError, RayTaskError
from .ids import object_id, task_ids
from .messages import (
    ERROR,
    INLINE,
    STORED,
    AbortSegment,
    AddRows,
    Blocked,
    CancelTask,
    CreateSegment,
    DropReferences,
    ExportFunction,
    Hello,
    HoldReferences,
    Message,
    Notice,
    ObjectsReady,
    PrintToDriver,
    PutObject,
    Query,
    Reply,
    SealSegment,
    SubmitTask,
    Subscribe,
    Unblocked,
    Value,
    Welcome,
)
from .object_ref import ObjectRef
from .object_store import map_segment, new_segment
from .scheduling import Demand
from .serialization import Serialized, deserialize, serialize, serialize_arguments

# So many records of calls gather at most before they are sent to the event store.
_MOST_CALLS_KEPT = 1000


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


class CoreWorker:
    """One process's part in a session.

    Args:
        sock: connected to the local scheduler.
        kind: "DRIVER" or "WORKER".
        pid: this process's id.
        number: a worker's number; 0 for a driver, which gets one.
        objects: the folder of the object store.
        show: what to do with lines that tasks print, and with notices (drivers only).
        why_lost: see `Connection`.
    """

    def __init__(
        self,
        sock: socket.socket,
        kind: str,
        pid: int,
        number: int,
        objects: Path,
        show: Callable[[PrintToDriver | Notice], None] = lambda message: None,
        why_lost: Callable[[], str] = str,
    ) -> None:
        self.number = number
        self.node_id = b""
        self.inbox: deque[Message] = deque()  # messages that only the worker's main loop understands
        self.before_blocking: Callable[[], None] = lambda: (
            None
        )  # called when this worker's task begins to wait
        self.task: Any = None  # the task that this worker runs (a RunTask), None in a driver
        self._objects = objects
        self._show = show
        self._values: dict[bytes, Value] = {}
        self._expected: set[bytes] = set()  # ids whose values will come by themselves
        self._waiting: list[Waiting] = []  # calls of get and wait that are under way
        self._live: dict[bytes, int] = {}  # how many ObjectRefs of each id this process has
        self._dropped: deque[bytes] = deque()  # notes of finalizers
        self._calls: deque[tuple[Any, ...]] = (
            deque()
        )  # get and wait calls that the event store should know of
        self._news: list[Message] = []  # what goes out before the next message
        self._order = threading.RLock()  # news about references must leave in the order they happened
        self._task_ids = task_ids()
        self._requests = itertools.count(1)
        self._replies: dict[int, Reply] = {}
        self._exported: set[bytes] = set()
        self._handlers: dict[type, Callable[[Any], None]] = {
            ObjectsReady: self._on_objects_ready,
            Reply: self._on_reply,
            Welcome: self._on_welcome,
            PrintToDriver: show,
            Notice: show,
        }
        self._connection = Connection(sock, self._on_message, self._housekeeping, why_lost)
        ObjectRef.on_load = self._load_ref
        self.send(Hello(kind, pid, number))

    # --- messages -----------------------------------------------------------------------------------

    def send(self, *messages: Message) -> None:
        """Send messages, after the news that have gathered."""
        with self._connection.shield, self._order:
            self._collect_dropped()
            if self._calls:
                self._news.append(self._take_calls())
            if self._news:
                messages = (*self._news, *messages)
                self._news = []
            self._connection.send(list(messages))

    def _take_calls(self) -> AddRows:
        return AddRows("api_calls", tuple(self._calls.popleft() for _ in range(len(self._calls))))

    def postpone(self, message: Message) -> None:
        """Send a message together with the next one, after all that has happened before it."""
        with self._order:
            self._collect_dropped()
            if self._calls:
                self._news.append(self._take_calls())
            self._news.append(message)

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

    def _on_objects_ready(self, message: ObjectsReady) -> None:
        values, expected = self._values, self._expected
        for key, kind, payload in message.objects:
            if key in expected:  # else nobody here refers to it any more
                values[key] = (kind, payload)
                expected.discard(key)
                for waiting in self._waiting:
                    if key in waiting.missing:
                        waiting.missing.discard(key)
                        waiting.failed = waiting.failed or kind == ERROR

    def request(self, make: Callable[[int], Message]) -> Any:  # noqa: ANN401 - what the scheduler answers
        """Send `make(request number)` and wait for the answer.

        Raises:
            ObjectStoreFullError: the scheduler refused; the only thing that it refuses is room.
        """
        number = next(self._requests)
        self.send(make(number))
        self._connection.wait_until(lambda: number in self._replies)
        reply = self._replies.pop(number)
        if reply.error:
            raise ObjectStoreFullError(reply.error)
        return reply.value

    def connected(self, timeout: float) -> bool:
        """Wait for the scheduler's welcome; False if it does not come in time."""
        return self._connection.wait_until(lambda: bool(self.node_id), time.monotonic() + timeout)

    def serve(self) -> bool:
        """Wait for something in the inbox (a worker's idle state); False when the connection is lost."""
        try:
            return self._connection.wait_until(lambda: bool(self.inbox))
        except RaySystemError:
            return False

    def start_background_reader(self) -> None:
        """Let a thread read while nobody waits (drivers only)."""
        self._connection.start_background_reader()

    def close(self) -> None:
        """Leave the session."""
        ObjectRef.on_load = None
        self._connection.close()

    # --- references ---------------------------------------------------------------------------------

    def _new_ref(self, key: bytes) -> ObjectRef:
        self._live[key] = self._live.get(key, 0) + 1
        return ObjectRef(key, self._on_drop)

    def _load_ref(self, key: bytes) -> ObjectRef:
        """A reference came in from elsewhere."""
        with self._order:
            self._collect_dropped()
            if key not in self._live:
                self._news.append(HoldReferences((key,)))
            return self._new_ref(key)

    def made(self, ref: ObjectRef) -> bool:
        """Whether the reference was made here, and not in a session before."""
        return getattr(ref._on_drop, "__self__", None) is self

    def _on_drop(self, key: bytes) -> None:
        self._dropped.append(key)
        self._connection.nudge()

    def _collect_dropped(self) -> None:
        """Take in the notes of finalizers, at a moment when nothing is half done."""
        gone = []
        dropped, live = self._dropped, self._live
        while dropped:
            key = dropped.popleft()
            count = live[key] - 1
            if count:
                live[key] = count
            else:
                del live[key]
                self._values.pop(key, None)
                self._expected.discard(key)
                gone.append(key)
        if gone:
            self._news.append(DropReferences(tuple(gone)))

    def flush(self) -> None:
        """Send what has gathered, if anything has."""
        if self._dropped or self._news or self._calls:
            self.send()

    def _housekeeping(self) -> None:
        with contextlib.suppress(RaySystemError):  # whoever calls next will be told
            self.flush()

    # --- tasks --------------------------------------------------------------------------------------

    def export(self, function_id: bytes, name: str, make_blob: Callable[[], bytes]) -> None:
        """Make a function known to the session, once."""
        if function_id not in self._exported:
            self.send(ExportFunction(function_id, name, make_blob()))
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
    ) -> list[ObjectRef]:
        """Submit a task; return the references to its results at once."""
        submitted = time.time()
        values = [*args, *kwargs.values()]
        refs = []
        for place, value in enumerate(values):
            if type(value) is ObjectRef:
                refs.append((place, value.binary()))
                values[place] = None
        serialized = serialize_arguments(values, tuple(kwargs))
        kept = []
        if serialized.size > INLINE_BYTES:
            kept = self._move_large_arguments(values, refs)
            serialized = serialize_arguments(values, tuple(kwargs))
        task_id = next(self._task_ids)
        results = [object_id(task_id, index) for index in range(num_returns)]
        self._expected.update(results)
        with self._order:
            returned = [self._new_ref(result) for result in results]
        self.send(
            SubmitTask(
                task_id,
                function_id,
                name,
                serialized.to_bytes(),
                tuple(refs),
                serialized.contained,
                num_returns,
                demand,
                max_retries,
                retry_exceptions,
                submitted,
            )
        )
        del kept  # from here on the scheduler keeps the moved arguments alive
        return returned

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
        """Cancel the task that makes this object."""
        self.send(CancelTask(ref.binary(), force, recursive))

    # --- objects ------------------------------------------------------------------------------------

    def put(self, value: Any) -> ObjectRef:  # noqa: ANN401
        """Make an object of a value."""
        return self.put_serialized(serialize(value))

    def put_serialized(self, serialized: Serialized) -> ObjectRef:
        """Make an object of a value that is serialized already."""
        key = object_id(next(self._task_ids), 0)
        if serialized.size > INLINE_BYTES:
            self._values[key] = self.store(key, serialized)
            message: Message = SealSegment(key, serialized.contained)
        else:
            blob = serialized.to_bytes()
            self._values[key] = (INLINE, blob)
            message = PutObject(key, blob, serialized.contained)
        with self._order:
            ref = self._new_ref(key)
        self.send(message)
        return ref

    def store(self, key: bytes, serialized: Serialized) -> Value:
        """Write data into the object store; it is sealed when the scheduler is told so.

        Raises:
            ObjectStoreFullError: there is no room.
        """
        name = self.request(lambda number: CreateSegment(number, key, serialized.size))
        try:
            with new_segment(self._objects / name, serialized.size) as memory:
                serialized.write_into(memory)
        except BaseException as error:
            self.send(AbortSegment(key))
            if not isinstance(error, OSError):
                raise
            raise ObjectStoreFullError(
                f"The object of {serialized.size:,} bytes could not be written to {self._objects.parent}: "
                f"{error.strerror}. Other programs may have filled it; free some of it, or delete references "
                "that you do not need any more."
            ) from error
        return STORED, (name, serialized.size)

    def load(self, value: Value) -> Any:  # noqa: ANN401
        """The Python value of a stored value; for an error, raise it."""
        kind, payload = value
        if kind == INLINE:
            return deserialize(payload)
        if kind == STORED:
            try:
                return deserialize(map_segment(self._objects / payload[0]))
            except FileNotFoundError as error:
                raise ObjectLostError(f"The object {payload[0]} has been freed.") from error
        assert kind == ERROR
        raise _load_error(payload)

    def get(self, refs: list[ObjectRef], timeout: float | None) -> list[Any]:
        """The values of all references, in order; see `api.get`."""
        keys = [ref.binary() for ref in refs]
        missing = {key for key in keys if key not in self._values}
        if missing:
            self._raise_first_error(keys)
            waiting = Waiting("get", missing, len(keys), len(keys))
            self._await(waiting, timeout)
            if missing:
                self._raise_first_error(keys)  # one error is enough: the rest need not be waited for
                raise GetTimeoutError(
                    f"get() gave up after {timeout} s: {len(missing)} of {len(keys)} value(s) are not "
                    "there yet. The tasks go on; ask again, with a longer timeout, or use wait() to take "
                    "what is ready."
                )
        else:
            self._record_call("get", time.time(), len(keys), len(keys), len(keys), timeout)
        return [self.load(self._values[key]) for key in keys]

    def _raise_first_error(self, keys: list[bytes]) -> None:
        for key in keys:
            value = self._values.get(key)
            if value is not None and value[0] == ERROR:
                self.load(value)

    def wait(
        self, refs: list[ObjectRef], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """Split references into ready and not ready; see `api.wait`."""
        keys = [ref.binary() for ref in refs]
        missing = {key for key in keys if key not in self._values}
        self._await(Waiting("wait", missing, len(keys), num_returns), timeout)
        ready: list[ObjectRef] = []
        not_ready: list[ObjectRef] = []
        for key, ref in zip(keys, refs, strict=True):
            is_ready = key not in missing and len(ready) < num_returns
            (ready if is_ready else not_ready).append(ref)
        return ready, not_ready

    def _await(self, waiting: Waiting, timeout: float | None) -> None:
        """Wait until enough values are here, or the time is over."""
        began = time.time()
        deadline = None if timeout is None else time.monotonic() + timeout
        missing, values = waiting.missing, self._values
        unknown = tuple(key for key in missing if key not in self._expected and key not in values)
        self._waiting.append(waiting)  # from here on, another thread that reads may shrink `missing`
        try:
            for key in list(missing):
                if key in values:  # came in the meantime
                    missing.discard(key)
                    waiting.failed = waiting.failed or values[key][0] == ERROR
            if unknown:
                self._expected.update(unknown)
                self.send(Subscribe(unknown))
            if not waiting.done():
                with self._lent_cpu(waiting.kind):
                    self._connection.wait_until(waiting.done, deadline)
        finally:
            self._waiting.remove(waiting)
            arrived = min(waiting.count - len(missing), waiting.num_returns)
            self._record_call(waiting.kind, began, waiting.count, waiting.num_returns, arrived, timeout)

    def _record_call(self, kind: str, began: float, *details: Any) -> None:  # noqa: ANN401 - columns of a row
        """Remember a call of `get` or `wait` for the event store."""
        self._calls.append((kind, began, time.time(), *details))
        if len(self._calls) > _MOST_CALLS_KEPT:
            self.send()
        self._connection.nudge()

    @contextlib.contextmanager
    def _lent_cpu(self, kind: str) -> Any:  # noqa: ANN401
        """While a task waits, others may have its CPU: so tasks that wait for tasks never deadlock."""
        if self.task is None:
            yield
            return
        self.before_blocking()
        self.send(Blocked(kind))
        try:
            yield
        finally:
            self.send(Unblocked())

    # --- questions and events -----------------------------------------------------------------------

    def query(self, what: str) -> Any:  # noqa: ANN401
        """Ask the scheduler about the node."""
        return self.request(lambda number: Query(number, what))

    def add_rows(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Add rows to the event store."""
        self.send(AddRows(table, tuple(rows)))

    def flush_events(self) -> None:
        """Return when everything that has happened so far is in the event store."""
        self.query("flush")


def _load_error(payload: bytes) -> BaseException:
    """The exception to raise; made here because a variable for it in the frame that raises it is a cycle."""
    error: BaseException = pickle.loads(payload)
    return error.as_instanceof_cause() if isinstance(error, RayTaskError) else error
