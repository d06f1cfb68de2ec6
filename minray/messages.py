"""The protocol on one page: every message between the processes of a session.

Messages are small frozen records of plain data.  On the wire a frame is a length and a list of
``(tag, *fields)`` tuples in `marshal` form: marshal knows numbers, text, bytes and tuples of them and
nothing else, so unlike pickle it cannot be made to run code, and it is just as quick.  What users
compute travels inside as opaque bytes; only drivers and workers look into those.

A *value* is ``(kind, payload)``::

    INLINE  payload = serialized bytes
    STORED  payload = (segment name, size in bytes): it lies in the object store
    ERROR   payload = a serialized exception that `get` raises
"""

import marshal
from typing import Any, NamedTuple

INLINE, STORED, ERROR = 0, 1, 2
Value = tuple[int, Any]


# --- driver or worker -> local scheduler ------------------------------------------------------------


class Hello(NamedTuple):
    """The first message of a connection."""

    kind: str  # "DRIVER" or "WORKER"
    pid: int
    worker: int  # the number that the scheduler gave the worker; 0 for a driver


class ExportFunction(NamedTuple):
    """Here is the code of a function; tasks name it by its id."""

    function_id: bytes
    name: str
    blob: bytes


class SubmitTask(NamedTuple):
    """The task spec: run this function on these arguments."""

    task_id: bytes
    function_id: bytes
    name: str
    args: bytes  # serialized (positional, keyword) arguments; references stand as None
    refs: tuple[tuple[int, bytes], ...]  # (place among the arguments, object id)
    contained: tuple[bytes, ...]  # references inside the arguments, which stay references
    num_returns: int
    resources: tuple[tuple[str, int], ...]  # in 1/10,000 of a unit
    max_retries: int  # -1: without end
    retry_exceptions: bytes  # b"" none, b"*" all, else serialized classes
    submitted: float = 0.0  # when `.remote` was called, in seconds since 1970


class PutObject(NamedTuple):
    """A small object, value included."""

    object_id: bytes
    blob: bytes
    contained: tuple[bytes, ...]


class CreateSegment(NamedTuple):
    """Asks for room in the object store; the `Reply` holds the segment's name or an error text."""

    request: int
    object_id: bytes
    size: int


class SealSegment(NamedTuple):
    """The object is written and will never change (for `put`; a task's results seal in `TaskDone`)."""

    object_id: bytes
    contained: tuple[bytes, ...]


class AbortSegment(NamedTuple):
    """Writing failed; the room is free again."""

    object_id: bytes


class Subscribe(NamedTuple):
    """Send me these values as soon as they exist."""

    object_ids: tuple[bytes, ...]


class HoldReferences(NamedTuple):
    """This process has references to these objects now."""

    object_ids: tuple[bytes, ...]


class DropReferences(NamedTuple):
    """This process has no references to these objects any more."""

    object_ids: tuple[bytes, ...]


class TaskDone(NamedTuple):
    """The worker's answer to `RunTask`."""

    task_id: bytes
    results: tuple[tuple[int, Any, tuple[bytes, ...]], ...]  # (kind, payload, contained references)
    started: float
    ended: float
    error: tuple[str, str, str] | None  # class name, message, traceback
    retry: bool  # the exception is one that the task's `retry_exceptions` names


class GiveBack(NamedTuple):
    """The worker has not begun these tasks and will not: let somebody else run them."""

    task_ids: tuple[bytes, ...]


class InterruptMissed(NamedTuple):
    """A signal to cancel came before the worker had read its task: if it is still meant, send it again."""


class Blocked(NamedTuple):
    """The worker's task waits inside `get` or `wait` (the kind): its CPU may be lent out."""

    kind: str


class Unblocked(NamedTuple):
    """The worker's task goes on."""


class Print(NamedTuple):
    """A task printed these lines."""

    stream: str
    name: str
    text: str


class CancelTask(NamedTuple):
    """Cancel the task that makes this object."""

    object_id: bytes
    force: bool
    recursive: bool


class AddRows(NamedTuple):
    """Rows for the event store that only the sender knows of."""

    table: str
    rows: tuple[tuple[Any, ...], ...]


class Query(NamedTuple):
    """A question about the node ("nodes", "available_resources", "flush", ...); see `Reply`."""

    request: int
    what: str


# --- local scheduler -> driver or worker ------------------------------------------------------------


class Welcome(NamedTuple):
    """The answer to `Hello`."""

    worker: int
    node_id: bytes


class RunTask(NamedTuple):
    """Run a task; the worker answers with `TaskDone`."""

    task_id: bytes
    function_id: bytes
    function_blob: bytes | None  # only if this worker has not seen the function yet
    name: str
    args: bytes
    values: tuple[tuple[int, int, Any], ...]  # (place among the arguments, kind, payload)
    num_returns: int
    retry_exceptions: bytes
    task: int  # the task's number in the event store


class ObjectsReady(NamedTuple):
    """Values that this process waits for, or owns."""

    objects: tuple[tuple[bytes, int, Any], ...]  # (object id, kind, payload)


class Reply(NamedTuple):
    """The answer to a request: `error` is empty if all went well."""

    request: int
    value: Any
    error: str


class PrintToDriver(NamedTuple):
    """What a task printed, on its way to the user."""

    name: str
    pid: int
    stream: str
    text: str


class Notice(NamedTuple):
    """Something that the user should know."""

    text: str


class Exit(NamedTuple):
    """The worker is not needed any more."""


# --- local scheduler <-> zygote ---------------------------------------------------------------------


class Fork(NamedTuple):
    """Make a new worker."""

    worker: int


class Forked(NamedTuple):
    """The new worker's process id."""

    worker: int
    pid: int


class Died(NamedTuple):
    """A worker's process ended; status as `os.waitstatus_to_exitcode` gives it."""

    worker: int
    exit_code: int


# --- local scheduler <-> GCS ------------------------------------------------------------------------


class StoreRows(NamedTuple):
    """Rows for the event store, by table; if `request` is not 0, say `Reply` when they are stored."""

    request: int
    rows: dict[str, list[tuple[Any, ...]]]


_CLASSES: tuple[Any, ...] = (
    *(Hello, ExportFunction, SubmitTask, PutObject, CreateSegment, SealSegment, AbortSegment, Subscribe),
    *(
        GiveBack,
        InterruptMissed,
        HoldReferences,
        DropReferences,
        TaskDone,
        Blocked,
        Unblocked,
        Print,
        CancelTask,
        AddRows,
        Query,
    ),
    *(Welcome, RunTask, ObjectsReady, Reply, PrintToDriver, Notice, Exit, Fork, Forked, Died, StoreRows),
)
_TAGS = {cls: tag for tag, cls in enumerate(_CLASSES)}

Message = Any  # an instance of one of the classes above


def encode(messages: list[Message]) -> bytes:
    """The wire form of some messages."""
    return marshal.dumps([(_TAGS[type(message)], *message) for message in messages])


def decode(payload: bytes | memoryview) -> list[Message]:
    """The messages that `encode` was given."""
    return [_CLASSES[fields[0]]._make(fields[1:]) for fields in marshal.loads(payload)]
