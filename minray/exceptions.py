"""The errors that minray raises: Ray's names, Ray's class tree, Ray's constructors (`ray.exceptions`).

::

    RayError
     +-- RayTaskError            a task raised; also an instance of what it raised
     +-- WorkerCrashedError      the process under a task died
     +-- RayActorError           an actor is gone or cannot be reached
     +-- ObjectLostError         a value is gone
     +-- ...

Source: https://docs.ray.io/en/latest/ray-core/api/exceptions.html
"""

import builtins
import os
from collections.abc import Callable
from typing import Any

from .wire.ids import TaskID
from .wire.task_error import RayError as RayError
from .wire.task_error import RayTaskError as RayTaskError
from .wire.task_error import UnserializableException as UnserializableException

# Tracebacks shall show the name by which users know them.
RayError.__module__ = RayTaskError.__module__ = UnserializableException.__module__ = __name__


def _or_else(standard: str) -> Callable[[RayError], str]:
    """A `__str__` that says this if the exception was made without a text of its own."""
    return lambda error: " ".join(str(part) for part in error.args) or standard


# --- tasks ------------------------------------------------------------------------------------------


class TaskCancelledError(RayError):
    """The task was cancelled, by `cancel`, before it had a result.

    Args:
        task_id: of the task, if known.
        error_message: a sentence to add.
    """

    def __init__(self, task_id: TaskID | None = None, error_message: str | None = None) -> None:
        self.task_id = task_id
        self.error_message = error_message

    def __str__(self) -> str:
        which = f"Task: {self.task_id}" if self.task_id else "This task"
        return f"{which} was cancelled. {self.error_message or ''}".rstrip()


class WorkerCrashedError(RayError):
    """The worker process died while it ran the task, and all retries are used up."""

    __str__ = _or_else("The worker died unexpectedly while executing this task.")


class LocalRayletDiedError(RayError):
    """The node's local scheduler died."""

    __str__ = _or_else("The task's local scheduler died.")


class TaskUnschedulableError(RayError):
    """No node can ever run the task."""

    def __init__(self, error_message: str = "") -> None:
        self.error_message = error_message

    def __str__(self) -> str:
        return f"The task is not schedulable: {self.error_message}"


class TaskPlacementGroupRemoved(RayError):  # noqa: N818 - Ray's name
    """The task's placement group was removed."""

    __str__ = _or_else("The placement group corresponding to this task has been removed.")


class UserCodeException(RayError):  # noqa: N818 - Ray's name
    """Kept for `except` clauses written for Ray."""


# --- actors -----------------------------------------------------------------------------------------


class RayActorError(RayError):
    """An actor cannot answer: it died, could not be created, or cannot be reached.

    Args:
        actor_id: in hexadecimal.
        error_msg: what happened.
        actor_init_failed: its constructor raised.
        preempted: its node was taken away.
    """

    BASE_ERROR_MSG = "The actor experienced an error before finishing this task."

    def __init__(
        self,
        actor_id: str | None = None,
        error_msg: str = BASE_ERROR_MSG,
        actor_init_failed: bool = False,
        preempted: bool = False,
    ) -> None:
        self.actor_id = actor_id
        self.error_msg = error_msg
        self.actor_init_failed = actor_init_failed
        self.preempted = preempted

    def __str__(self) -> str:
        return self.error_msg


class ActorDiedError(RayActorError):
    """The actor is dead and will not come back.

    Args:
        cause: what its constructor raised; else a text that says how it died; None: not known.
        actor_id: in hexadecimal; taken from the cause if that is an exception.
    """

    BASE_ERROR_MSG = "The actor died unexpectedly before finishing this task."

    def __init__(self, cause: RayTaskError | str | None = None, actor_id: str | None = None) -> None:
        if isinstance(cause, RayTaskError):
            text = f"The actor died because of an error raised in its creation task, {cause}"
            super().__init__(cause._actor_id or actor_id, text, actor_init_failed=True)
        else:
            text = f"{self.BASE_ERROR_MSG}\n{cause}" if cause else self.BASE_ERROR_MSG
            super().__init__(actor_id, text)

    @staticmethod
    def from_task_error(task_error: RayTaskError) -> "ActorDiedError":
        """The error for all calls of an actor whose constructor raised."""
        return ActorDiedError(task_error)


class ActorUnavailableError(RayActorError):
    """The actor cannot be reached just now; it may come back."""

    def __init__(self, error_message: str = "", actor_id: bytes | None = None) -> None:
        name = actor_id.hex() if actor_id is not None else None
        super().__init__(
            name,
            f"The actor {name} is unavailable: {error_message}. The task may or may not have been executed "
            "on the actor.",
        )


class ActorUnschedulableError(RayError):
    """No node can ever host the actor."""

    def __init__(self, error_message: str = "") -> None:
        self.error_message = error_message

    def __str__(self) -> str:
        return f"The actor is not schedulable: {self.error_message}"


class ActorPlacementGroupRemoved(RayError):  # noqa: N818 - Ray's name
    """The actor's placement group was removed."""

    __str__ = _or_else("The placement group corresponding to this Actor has been removed.")


class ActorAlreadyExistsError(ValueError, RayError):
    """There is a living actor of that name already."""


class ActorHandleNotFoundError(ValueError, RayError):
    """The handle is of an actor that this session does not know, such as one of an earlier session."""


class AsyncioActorExit(RayError):  # noqa: N818 - Ray's name
    """Ends an actor from within one of its `async` methods."""


class PendingCallsLimitExceeded(RayError):  # noqa: N818 - Ray's name
    """More calls wait for the actor than its `max_pending_calls` allows."""


# --- objects ----------------------------------------------------------------------------------------


class ObjectLostError(RayError):
    """The object's value is gone from all nodes.

    Args:
        object_ref_hex: the object's id.
        owner_address: of the process that made the reference; not used.
        call_site: where the reference was made, if known.
        detail: what happened to this very object, if more is known than the class says.
    """

    _what_happened = "All copies of it have been lost."

    def __init__(
        self,
        object_ref_hex: str = "",
        owner_address: bytes | None = None,
        call_site: str = "",
        detail: str = "",
    ) -> None:
        self.object_ref_hex = object_ref_hex
        self.owner_address = owner_address
        self.call_site = call_site
        self.detail = detail

    def __str__(self) -> str:
        where = f" The ObjectRef was created at: {self.call_site}" if self.call_site else ""
        return f"Failed to retrieve object {self.object_ref_hex}.{where} {self.detail or self._what_happened}"


class ObjectFetchTimedOutError(ObjectLostError):
    """A node that holds the object did not deliver it in time."""

    _what_happened = "Fetching it took too long, because no node was found that has it."


class ReferenceCountingAssertionError(ObjectLostError, AssertionError):
    """The object was freed although somebody still holds a reference."""

    _what_happened = "It was deleted when its last reference known to the runtime was dropped."


class ObjectFreedError(ObjectLostError):
    """The object was freed by hand."""

    _what_happened = "It was freed by hand, by `free`. Free objects only when nobody needs them any more."


class OwnerDiedError(ObjectLostError):
    """The process that created the reference died, and the value went with it."""

    _what_happened = (
        "The object's owner has exited: the process that made the reference, by `.remote(...)` or `put`, "
        "and the value went with it. Make the object in a process that lives as long as it is needed."
    )


class ObjectReconstructionFailedError(ObjectLostError):
    """The object was lost and cannot be made again.

    Args:
        object_ref_hex: the object's id.
        reason: a number or name for the reason.
        reason_message: the reason as a sentence.
        owner_address: see `ObjectLostError`.
        call_site: see `ObjectLostError`.
    """

    _what_happened = "It cannot be made again."

    def __init__(
        self,
        object_ref_hex: str = "",
        reason: Any = None,  # noqa: ANN401 - Ray's enumeration, or nothing
        reason_message: str | None = None,
        owner_address: bytes | None = None,
        call_site: str = "",
    ) -> None:
        super().__init__(object_ref_hex, owner_address, call_site, reason_message or "")
        self.reason = reason
        self.reason_message = reason_message


class ObjectReconstructionFailedMaxAttemptsExceededError(ObjectReconstructionFailedError):
    """The object was lost, and its task may not be run once more."""


class ObjectReconstructionFailedLineageEvictedError(ObjectReconstructionFailedError):
    """The object was lost, and the record of how it was made is gone too."""


class ObjectStoreFullError(RayError):
    """The object store has no room for the object."""


class OutOfDiskError(ObjectStoreFullError):
    """The disk is full, so objects can be neither made nor spilled."""


class GetTimeoutError(RayError, builtins.TimeoutError):
    """`get` gave up after its timeout; the tasks go on and can be asked for again."""


class PlasmaObjectNotAvailable(RayError):  # noqa: N818 - Ray's name
    """Kept for `except` clauses written for Ray."""


class ObjectRefStreamEndOfStreamError(RayError):
    """A generator task has no more values."""


class OufOfBandObjectRefSerializationException(RayError):  # noqa: N818 - Ray's name
    """A reference was pickled outside of tasks and objects, where that is forbidden."""


# --- the runtime itself -----------------------------------------------------------------------------


class RaySystemError(RayError):
    """The runtime itself is in trouble: not started, shut down, or a part of it died."""

    def __init__(self, client_exc: object = "", traceback_str: str | None = None) -> None:
        self.client_exc = client_exc
        self.traceback_str = traceback_str

    def __str__(self) -> str:
        trace = f"\ntraceback: {self.traceback_str}" if self.traceback_str else ""
        return f"System error: {self.client_exc}{trace}"


class OutOfMemoryError(RayError):
    """A worker was ended because the machine ran out of memory."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NodeDiedError(RayError):
    """The node that the work depended on died."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class AuthenticationError(RayError):
    """Kept for `except` clauses written for Ray; nobody logs in to minray."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        mode = os.environ.get("RAY_AUTH_MODE", "disabled")
        note = "" if mode == "token" else f" RAY_AUTH_MODE is currently {mode!r}."
        return f"{self.message}{note} See https://docs.ray.io/en/latest/ray-security/token-auth.html"


class RpcError(RayError):
    """Kept for `except` clauses written for Ray."""

    def __init__(self, message: str = "", rpc_code: int | None = None) -> None:
        super().__init__(message, rpc_code)
        self.message = message
        self.rpc_code = rpc_code

    def __str__(self) -> str:
        return self.message


class RuntimeEnvSetupError(RayError):
    """The task's `runtime_env` could not be set up."""

    def __init__(self, error_message: str | None = None) -> None:
        self.error_message = error_message

    def __str__(self) -> str:
        return "\n".join(["Failed to set up runtime environment.", *filter(None, [self.error_message])])


class CrossLanguageError(RayError):
    """Kept for `except` clauses written for Ray; minray runs Python only."""


class StreamingGeneratorReplayInconsistentError(RaySystemError):
    """A generator task that ran again gave other values than before."""


class RayChannelError(RaySystemError):
    """Kept for `except` clauses written for Ray."""


class RayChannelTimeoutError(RayChannelError, TimeoutError):
    """Kept for `except` clauses written for Ray."""


class RayCgraphCapacityExceeded(RaySystemError):  # noqa: N818 - Ray's name
    """Kept for `except` clauses written for Ray."""


class RayDirectTransportError(RaySystemError):
    """Kept for `except` clauses written for Ray."""
