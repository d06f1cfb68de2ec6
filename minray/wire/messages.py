"""The protocol on one page: every message between the processes of a session.

Messages are small frozen records of plain data; how they become bytes is the matter of `rpc`.  What users
compute travels inside as opaque bytes; only drivers and workers look into those.

A *value* is ``(kind, payload)``::

    INLINE  payload = serialized bytes
    STORED  payload = (object id, segment name, size in bytes): it lies in the object store
    ERROR   payload = a serialized exception that `get` raises
    ACTOR   payload = None: the object stands for an actor, which lives as long as references to it do
"""

from typing import Any, NamedTuple

from .placement import Placement

INLINE, STORED, ERROR, ACTOR = 0, 1, 2, 3
Value = tuple[int, Any]
CONSTRUCTOR = "__init__"  # the method of an actor's first task

# What `num_returns` is for generators; such a task has one result, and items beside it.
DYNAMIC, STREAMING = -1, -2


# --- driver or worker -> local scheduler ------------------------------------------------------------


class Hello(NamedTuple):
    """The first message of a connection."""

    kind: str  # "DRIVER" or "WORKER"
    pid: int
    worker: int  # the number that the scheduler gave the worker; 0 for a driver
    namespace: str = ""  # a driver's: where the names of its actors live
    detached: bool = False  # a driver's: whether its program's actors are detached if they do not say


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
    environment: str = ""  # the runtime environment; see `runtime_env`
    max_calls: int = 0  # its worker leaves after so many calls of the function; 0: never
    placement: Placement = ()  # where it is to run: see `placement`
    backpressure: int = -1  # how many items a generator may be ahead of its owner; -1: any number
    actor: bytes = b""  # a call of this actor's method; empty for a task, and for a constructor
    method: str = ""
    group: str = ""  # the concurrency group that the caller chose
    parent: bytes = b""  # the call that submits it, if its process has several under way
    recorded: bool = True  # whether the event store is told of it


class CreateActor(NamedTuple):
    """Make an actor: run its constructor in a worker that then is the actor's alone."""

    request: int  # 0: no `Reply` is wanted; else it is (outcome, actor id, handle)
    actor_id: bytes
    task: tuple[Any, ...]  # the fields of the `SubmitTask` of the constructor
    handle: bytes  # what other processes make handles of; opaque here
    class_name: str
    name: str  # "" if it has none
    namespace: str
    get_if_exists: bool
    detached: bool | None  # None: as the driver's default says
    needs: tuple[tuple[str, int], ...]  # what its node must have; what it takes for life is in the task
    max_restarts: int  # -1: without end
    max_task_retries: int
    in_order: bool  # calls of one caller are run in the order that they were made in
    max_concurrency: int
    groups: tuple[tuple[str, int], ...]  # concurrency groups and how many calls of each may run at once


class GetActor(NamedTuple):
    """Asks for a named actor; the `Reply` is (actor id, handle), or None if there is no such actor."""

    request: int
    name: str
    namespace: str


class KillActor(NamedTuple):
    """End the actor's process at once."""

    actor_id: bytes
    no_restart: bool


class PutObject(NamedTuple):
    """A small object, value included."""

    object_id: bytes
    blob: bytes
    contained: tuple[bytes, ...]


class CreateSegment(NamedTuple):
    """Asks for room in the object store; the `Reply` holds (segment name, whether it exists already)."""

    request: int
    object_id: bytes
    size: int
    on_disk: bool = False  # there turned out to be no memory left in the system


class SealSegment(NamedTuple):
    """The object is written and will never change (for `put`; a task's results seal in `TaskDone`)."""

    object_id: bytes
    contained: tuple[bytes, ...]


class AbortSegment(NamedTuple):
    """Writing failed; the room is free again."""

    object_id: bytes


class Locate(NamedTuple):
    """Asks where a stored object is now; the `Reply` holds the payload of its value, None if it is lost."""

    request: int
    object_id: bytes
    missing: str  # a place where it was looked for in vain, or ""


class ErrorSeen(NamedTuple):
    """Somebody has asked for this object and got the error that it is."""

    object_id: bytes


class FreeObjects(NamedTuple):
    """Free these objects although there are references to them."""

    object_ids: tuple[bytes, ...]


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


class ItemYielded(NamedTuple):
    """A generator has yielded, and goes on."""

    task_id: bytes
    place: int  # among the items, counted from 0
    kind: int
    payload: Any
    contained: tuple[bytes, ...]


class ItemsTaken(NamedTuple):
    """So many items have been taken in all; from the owner, and on to the generator."""

    task_id: bytes
    taken: int


class CloseStream(NamedTuple):
    """The owner takes no more items of this task."""

    task_id: bytes
    taken: int  # how many it has taken


class CallBegan(NamedTuple):
    """A call of an actor that may have several under way runs now."""

    task_id: bytes
    started: float


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


class ActorExits(NamedTuple):
    """The actor's process ends on purpose, after this; it is not to be restarted."""

    reason: str


class ActorReady(NamedTuple):
    """The constructor has returned; sent before its `TaskDone`."""

    shown_as: str  # the actor's `repr`, if its class has one of its own


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
    request: int = 0  # unless 0, the `Reply` is whether it is refused: an actor is not cancelled by force


class CreatePlacementGroup(NamedTuple):
    """Make a placement group; the `Reply` holds what is wrong with it, if anything is."""

    request: int
    group_id: str
    name: str
    bundles: tuple[tuple[tuple[str, int], ...], ...]  # in 1/10,000 of a unit
    strategy: str
    detached: bool
    conditions: tuple[tuple[tuple[str, str, tuple[str, ...]], ...], ...] = ()  # on labels, by bundle
    target: str = ""  # the id of the node that is most welcome
    namespace: str = ""  # in which its name is its own


class RemovePlacementGroup(NamedTuple):
    """The placement group is not needed any more."""

    group_id: str


class AwaitPlacementGroup(NamedTuple):
    """Seal this object when the placement group has been created."""

    group_id: str
    object_id: bytes
    blob: bytes  # the object's value: the group itself, serialized


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
    job: int  # the number of the driver whose program it belongs to
    resources: tuple[tuple[str, int], ...]  # that it holds, in 1/10,000 of a unit
    gpus: tuple[int, ...]  # the ids of the GPUs among them
    placement: Placement = ()
    backpressure: int = -1
    skip: int = 0  # so many items of the generator have arrived already, at an earlier attempt
    method: str = ""  # of the actor that lives in the worker; empty for a task
    group: str = ""  # the concurrency group that the caller chose


class CancelCall(NamedTuple):
    """Cancel a call of the actor's, if it waits still or can be interrupted."""

    task_id: bytes


class BecomeActor(NamedTuple):
    """From now on the worker runs one actor's methods only; first of all its constructor (a `RunTask`)."""

    actor_id: bytes
    handle: bytes
    class_name: str
    name: str
    namespace: str
    restarts: int  # how often the actor has been restarted
    max_concurrency: int
    groups: tuple[tuple[str, int], ...]


class ObjectsReady(NamedTuple):
    """Values that this process waits for, or owns."""

    objects: tuple[tuple[bytes, int, Any], ...]  # (object id, kind, payload)


class ForgetSegments(NamedTuple):
    """These segments (by number) are gone: keep no mapping for writing into them."""

    numbers: tuple[str, ...]


class StreamItem(NamedTuple):
    """The next item of a generator task, for its owner."""

    task_id: bytes
    kind: int
    payload: Any


class StreamEnd(NamedTuple):
    """A generator task has ended; if it failed without raising, its result says how."""

    task_id: bytes
    failed: bool


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


class Unhandled(NamedTuple):
    """A task has failed whose results nobody has asked for, and nobody can any more."""

    name: str
    traceback: str


class CollectGarbage(NamedTuple):
    """Garbage may keep what others wait for; see `scheduler.announcements`."""


class Exit(NamedTuple):
    """The worker is not needed any more."""


# --- local scheduler <-> zygote ---------------------------------------------------------------------


class Fork(NamedTuple):
    """Make a new worker."""

    worker: int
    environment: str = ""  # see `runtime_env`


class Forked(NamedTuple):
    """The new worker's process id."""

    worker: int
    pid: int


class Died(NamedTuple):
    """A worker's process ended; status as `os.waitstatus_to_exitcode` gives it."""

    worker: int
    exit_code: int


# --- between nodes: a further node's scheduler process <-> the head's local scheduler -----------------


class JoinNode(NamedTuple):
    """The first message of a further node: it wants to be one of the session's."""

    info: str  # what `nodes()` shows of it, in JSON
    pids: tuple[int, ...]  # of its own processes, which end when it is declared dead
    folder: str  # where its objects are
    objects: str  # the path of the socket from which others pull them


class NodeAccepted(NamedTuple):
    """The answer: the node's number, and the socket from which the head's objects are pulled."""

    node: int
    objects: str


class Heartbeat(NamedTuple):
    """The node lives."""

    store_used: float  # the share of its object store's memory, from 0 to 1


class FromWorker(NamedTuple):
    """What a worker of the node says to the head's scheduler, as it said it."""

    worker: int
    messages: tuple[tuple[Any, ...], ...]  # see `pack`


class ToWorker(NamedTuple):
    """What the head's scheduler says to a worker of the node."""

    worker: int
    messages: tuple[tuple[Any, ...], ...]


class SignalWorker(NamedTuple):
    """Send a signal to one of the node's workers: to cancel a task, or to end the process."""

    pid: int
    signal: int


class Written(NamedTuple):
    """A worker has written an object into its node's store; what it says next seals it."""

    worker: int
    object_id: bytes
    name: str
    size: int


class WhereIs(NamedTuple):
    """Which nodes have this object? The answer is `Holders`."""

    object_id: bytes
    failed: tuple[str, ...]  # copies, by the names of their segments, that could not be had


class Holders(NamedTuple):
    """Where copies of an object are; nowhere if it is lost, or being made again."""

    object_id: bytes
    size: int
    holders: tuple[tuple[int, str, str], ...]  # (node, path of its socket, name of the segment)


class CopyMade(NamedTuple):
    """The node has a copy of the object now."""

    object_id: bytes
    name: str
    size: int


class FreeCopies(NamedTuple):
    """The node's copies of these names are not needed any more."""

    names: tuple[str, ...]


# --- local scheduler <-> GCS ------------------------------------------------------------------------


class StoreRows(NamedTuple):
    """Rows for the event store, by table; if `request` is not 0, say `Reply` when they are stored."""

    request: int
    rows: dict[str, list[tuple[Any, ...]]]


# Every message above; what stands for it on the wire is its place among them.
CLASSES: tuple[Any, ...] = tuple(found for found in list(globals().values()) if hasattr(found, "_fields"))
TAGS = {cls: tag for tag, cls in enumerate(CLASSES)}

Message = Any  # an instance of one of the classes above


def pack(message: Message) -> tuple[Any, ...]:
    """A message as plain data, to travel inside another."""
    return (TAGS[type(message)], *message)


def unpack(fields: tuple[Any, ...]) -> Message:
    """The message that `pack` was given."""
    return CLASSES[fields[0]]._make(fields[1:])
