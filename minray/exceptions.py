"""The errors that minray raises: Ray's names and Ray's class tree (`ray.exceptions`).

::

    RayError
     +-- RayTaskError            a task raised; also an instance of what it raised
     +-- WorkerCrashedError      the process under a task died
     +-- RayActorError           an actor is gone or cannot be reached
     +-- ObjectLostError         a value is gone
     +-- ...
"""

import builtins
import operator
import types
from typing import Any


class RayError(Exception):
    """The root of all errors that the runtime itself raises."""


class CrossLanguageError(RayError):
    """Kept for `except` clauses written for Ray; minray runs Python only."""


class TaskCancelledError(RayError):
    """The task was cancelled, by `cancel`, before it had a result.

    Args:
        task_id: hexadecimal id of the task, if known.
        error_message: a sentence that replaces the standard one.
    """

    def __init__(self, task_id: str | None = None, error_message: str = "") -> None:
        super().__init__(task_id, error_message)
        self.task_id = task_id
        self.error_message = error_message

    def __str__(self) -> str:
        if self.error_message:
            return self.error_message
        which = f"Task {self.task_id}" if self.task_id else "This task"
        return f"{which} was cancelled, so it has no result."


class RayTaskError(RayError):
    """A task raised an exception; this carries it, and the traceback from the worker, to the caller.

    `get` raises an instance of a class that derives from both `RayTaskError` and the class of the
    original exception, so that ``except ValueError`` works across processes
    (https://docs.ray.io/en/latest/ray-core/fault_tolerance/tasks.html).

    Args:
        function_name: the task's name.
        traceback_str: the worker's traceback, as text.
        cause: the original exception.
        pid: process id of the worker.
    """

    def __init__(self, function_name: str, traceback_str: str, cause: BaseException, pid: int = 0) -> None:
        # The arguments rebuild the exception when it is pickled again.
        super().__init__(function_name, traceback_str, cause, pid)
        self.function_name = function_name
        self.traceback_str = traceback_str
        self.cause = cause
        self.pid = pid

    def __str__(self) -> str:
        return f"{self.function_name}() (pid={self.pid}) raised:\n{self.traceback_str}".rstrip()

    def as_instanceof_cause(self) -> "RayTaskError":
        """This error as an instance of the original exception's class as well.

        Returns:
            A `RayTaskError` that ``except TheOriginalClass`` catches, or this error itself where the
            original class does not allow to be derived from.
        """
        cause_class = type(self.cause)
        if isinstance(self.cause, RayTaskError):
            return self.cause.as_instanceof_cause()
        if issubclass(RayTaskError, cause_class):
            return self
        if not issubclass(cause_class, Exception):
            return self
        try:
            both = _class_of_both(cause_class)
            error: RayTaskError = both(self.function_name, self.traceback_str, self.cause, self.pid)
        except Exception:  # a class that is final, cannot be combined, or makes a point of its constructor
            return self
        return error


def _class_of_both(cause_class: type[BaseException]) -> Any:  # noqa: ANN401 - a class made at run time
    """A class that is a RayTaskError and a `cause_class`; attributes are looked up in the cause."""

    class BothError(RayTaskError, cause_class):  # type: ignore[misc, valid-type]
        def __new__(cls, _name: str, _traceback: str, cause: BaseException, _pid: int = 0) -> Any:  # noqa: ANN401
            try:
                return cause_class.__new__(cls, *cause.args)
            except TypeError:  # made by Exception's own constructor, as MemoryError is when derived from
                return Exception.__new__(cls, *cause.args)

        def __init__(
            self, function_name: str, traceback_str: str, cause: BaseException, pid: int = 0
        ) -> None:
            # Not by way of super(): the next __init__ is the original class's, with parameters of its own.
            self.function_name = function_name
            self.traceback_str = traceback_str
            self.cause = cause
            self.pid = pid
            self.args = cause.args

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            if name == "cause":  # not set yet: the lookup below would go round in circles
                raise AttributeError(name)
            return getattr(self.cause, name)

        def __reduce__(self) -> Any:  # noqa: ANN401
            return _rebuild_both, (self.function_name, self.traceback_str, self.cause, self.pid)

        def __str__(self) -> str:
            return RayTaskError.__str__(self)

    for name in _native_attributes(cause_class):
        setattr(BothError, name, property(operator.attrgetter(f"cause.{name}")))
    BothError.__name__ = BothError.__qualname__ = f"RayTaskError({cause_class.__name__})"
    return BothError


def _native_attributes(cause_class: type[BaseException]) -> set[str]:
    """The attributes that live outside an instance's `__dict__`, such as `OSError.filename`."""
    return {
        name
        for cls in cause_class.__mro__
        if cls not in BaseException.__mro__
        for name, found in vars(cls).items()
        if isinstance(found, (types.MemberDescriptorType, types.GetSetDescriptorType))
        and not name.startswith("__")
    }


def _rebuild_both(function_name: str, traceback_str: str, cause: BaseException, pid: int) -> RayTaskError:
    return RayTaskError(function_name, traceback_str, cause, pid).as_instanceof_cause()


class WorkerCrashedError(RayError):
    """The worker process died while it ran the task, and all retries are used up."""

    def __str__(self) -> str:
        return " ".join(str(part) for part in self.args) or "The worker died while it ran this task."


class LocalRayletDiedError(RayError):
    """The node's local scheduler died."""


class RaySystemError(RayError):
    """The runtime itself is in trouble: not started, shut down, or a part of it died."""


class RayActorError(RayError):
    """An actor cannot answer: it died, or it could not be created."""


class ActorDiedError(RayActorError):
    """The actor is dead and will not come back."""


class ActorUnavailableError(RayActorError):
    """The actor cannot be reached just now; it may come back."""


class ActorUnschedulableError(RayError):
    """No node can ever host the actor."""


class TaskUnschedulableError(RayError):
    """No node can ever run the task."""


class TaskPlacementGroupRemoved(RayError):  # noqa: N818 - Ray's name
    """The task's placement group was removed."""


class ActorPlacementGroupRemoved(RayError):  # noqa: N818 - Ray's name
    """The actor's placement group was removed."""


class RayChannelError(RayError):
    """Kept for `except` clauses written for Ray."""


class RayChannelTimeoutError(RayChannelError, TimeoutError):
    """Kept for `except` clauses written for Ray."""


class ObjectStoreFullError(RayError):
    """The object store has no room for the object."""


class OutOfDiskError(RayError):
    """The disk is full, so objects can be neither made nor spilled."""


class OutOfMemoryError(RayError):
    """A worker was ended because the machine ran out of memory."""


class NodeDiedError(RayError):
    """The node that the work depended on died."""


class ObjectLostError(RayError):
    """The object's value is gone from all nodes."""


class ObjectFetchTimedOutError(ObjectLostError):
    """A node that holds the object did not deliver it in time."""


class ReferenceCountingAssertionError(ObjectLostError, AssertionError):
    """The object was freed although somebody still holds a reference."""


class ObjectFreedError(ObjectLostError):
    """The object was freed by hand."""


class OwnerDiedError(ObjectLostError):
    """The process that created the reference died, and the value went with it."""


class ObjectReconstructionFailedError(ObjectLostError):
    """The object was lost and cannot be made again."""


class ObjectReconstructionFailedMaxAttemptsExceededError(ObjectReconstructionFailedError):
    """The object was lost, and its task may not be run once more."""


class ObjectReconstructionFailedLineageEvictedError(ObjectReconstructionFailedError):
    """The object was lost, and the record of how it was made is gone too."""


class GetTimeoutError(RayError, builtins.TimeoutError):
    """`get` gave up after its timeout; the tasks go on and can be asked for again."""


class PlasmaObjectNotAvailable(RayError):  # noqa: N818 - Ray's name
    """Kept for `except` clauses written for Ray."""


class AsyncioActorExit(RayError):  # noqa: N818 - Ray's name
    """Ends an actor from within one of its `async` methods."""


class RuntimeEnvSetupError(RayError):
    """The task's `runtime_env` could not be set up."""


class PendingCallsLimitExceeded(RayError):  # noqa: N818 - Ray's name
    """More calls wait for the actor than its `max_pending_calls` allows."""


class UnserializableException(RayError):  # noqa: N818 - Ray's name
    """Stands for an exception that could not be pickled; carries its text."""


class UserCodeException(RayError):  # noqa: N818 - Ray's name
    """Kept for `except` clauses written for Ray."""
