"""`RayTaskError`: how an exception of the user's gets from a worker to whoever asks for the result.

    worker:  ValueError("no") -> RayTaskError("f", traceback as text, cause=ValueError("no")) -> bytes
    driver:  bytes -> RayTaskError -> as_instanceof_cause() -> raised: a RayTaskError and a ValueError

`exceptions` shows these classes to users, with all the others.
"""

import logging
import operator
import os
import pickle
import re
import traceback
import types
from pathlib import Path
from typing import Any

from .config import PACKAGE

logger = logging.getLogger("minray")
# What stands on top of the runtime; its frames are shown in tracebacks.
_ON_TOP = ("util", "lessons", "microbenchmark", "experimental", "_private", "dashboard")


class RayError(Exception):
    """The root of all errors that the runtime itself raises."""


class UnserializableException(RayError):  # noqa: N818 - Ray's name
    """Stands for an exception that could not be loaded in the process that got it.

    Args:
        original_stack_trace: its text, from the process that raised it.
    """

    def __init__(self, original_stack_trace: str = "") -> None:
        self._original_stack_trace = original_stack_trace

    def __str__(self) -> str:
        return (
            "Failed to deserialize exception. Refer to https://docs.ray.io/en/latest/ray-core/objects/"
            "serialization.html#custom-serializers-for-exceptions for more information.\n"
            f"Original exception:\n{self._original_stack_trace}"
        )


class RayTaskError(RayError):
    """A task raised an exception; this carries it, and the traceback from the worker, to the caller.

    `get` raises an instance of a class that derives from both `RayTaskError` and the class of the
    original exception, so that ``except ValueError`` works across processes
    (https://docs.ray.io/en/latest/ray-core/fault_tolerance/tasks.html).

    Args:
        function_name: the task's name.
        traceback_str: the worker's traceback, as text.
        cause: the original exception; if it came from another task, the exception that started it all.
        proctitle: what the text begins with; by default ``ray::`` and the name.
        pid: process id of the worker; by default, this process's.
        ip: the worker's address.
        actor_repr: how the actor shows itself, if the task was an actor's.
        actor_id: of that actor, in hexadecimal.
    """

    def __init__(
        self,
        function_name: str,
        traceback_str: str,
        cause: BaseException,
        proctitle: str | None = None,
        pid: int | None = None,
        ip: str | None = None,
        actor_repr: str | None = None,
        actor_id: str | None = None,
    ) -> None:
        self.function_name, self.traceback_str = function_name, traceback_str
        self.cause: Any = cause.cause if isinstance(cause, RayTaskError) else cause
        self.proctitle = proctitle or f"ray::{function_name}"
        self.pid = pid or os.getpid()
        self.ip = ip or "127.0.0.1"
        self.actor_repr, self._actor_id = actor_repr, actor_id
        self.args = (function_name, traceback_str, self.cause, proctitle, pid, ip)

    def __str__(self) -> str:
        actor = f", actor_id={self._actor_id}, repr={self.actor_repr}" if self.actor_repr else ""
        header = f"{self.proctitle}() (pid={self.pid}, ip={self.ip}{actor})"
        lines = self.traceback_str.strip().split("\n")
        return "\n".join(header if line.startswith("Traceback (most") else line for line in lines)

    def as_instanceof_cause(self) -> "RayTaskError":
        """This error as an instance of the original exception's class as well.

        Returns:
            A `RayTaskError` that ``except TheOriginalClass`` catches, or this error itself where the
            original class does not allow to be derived from.
        """
        ends_programs = isinstance(self.cause, (SystemExit, KeyboardInterrupt, GeneratorExit))
        if issubclass(RayTaskError, type(self.cause)) or ends_programs:
            return self
        try:
            return self.make_dual_exception_instance()
        except Exception as error:  # a class that is final, or makes a point of its constructor
            logger.warning(
                "User exception type %s in RayTaskError can't be subclassed! This exception is raised as "
                "RayTaskError only. You can use `ray_task_error.cause` to access the user exception. "
                "Failure in subclassing: %s",
                type(self.cause),
                error,
            )
            return self

    def make_dual_exception_instance(self) -> "RayTaskError":
        """What `as_instanceof_cause` returns if it can.

        Raises:
            TypeError, ...: the class of the cause cannot be derived from.
        """
        error: RayTaskError = _class_of_both(type(self.cause))(*self._fields())
        return error

    def _fields(self) -> tuple[Any, ...]:
        names = ("function_name", "traceback_str", "cause", "proctitle", "pid", "ip", "actor_repr")
        return (*(getattr(self, name) for name in names), self._actor_id)

    def __reduce__(self) -> Any:  # noqa: ANN401 - pickle's own protocol
        import cloudpickle  # not needed, and 2 MB, in processes that never see a user's exception

        # The cause is a pickle inside the pickle: if it cannot be loaded, everything else still can.
        name, text, cause, *rest = self._fields()
        return _rebuild, (name, text, cloudpickle.dumps(cause), *rest, type(self) is not RayTaskError)


def _rebuild(name: str, text: str, cause: bytes, *rest: Any) -> RayError:  # noqa: ANN401 - fields
    *others, both = rest
    try:
        error = RayTaskError(name, text, pickle.loads(cause), *others)
    except Exception:
        error = RayTaskError(name, text, RayError("not loaded"), *others)
        return UnserializableException(f"ray.exceptions.RayTaskError: {error}")
    return error.as_instanceof_cause() if both else error


def _class_of_both(cause_class: type[BaseException]) -> Any:  # noqa: ANN401 - a class made at run time
    """A class that is a RayTaskError and a `cause_class`; attributes are looked up in the cause."""

    def new(cls: Any, _name: str, _text: str, cause: BaseException, *_rest: Any) -> Any:  # noqa: ANN401
        try:
            return cause_class.__new__(cls, *cause.args)
        except TypeError:  # made by Exception's own constructor, as MemoryError is when derived from
            return Exception.__new__(cls, *cause.args)

    def look_up(self: Any, name: str) -> Any:  # noqa: ANN401
        if name == "cause":  # not set yet: the lookup below would go round in circles
            raise AttributeError(name)
        return getattr(self.cause, name)

    namespace: dict[str, Any] = {
        name: property(operator.attrgetter(f"cause.{name}")) for name in _native_attributes(cause_class)
    }
    # As in Ray, `args` is the cause; what the constructors above, and those of odd classes, set is left.
    namespace["args"] = property(lambda self: (self.cause,), lambda self, value: None)
    namespace |= {"__new__": new, "__getattr__": look_up, "__module__": RayTaskError.__module__}
    return type(f"RayTaskError({cause_class.__name__})", (RayTaskError, cause_class), namespace)


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


def user_traceback(error: BaseException) -> str:
    """The traceback as text, without the frames of the runtime's own, also in the errors behind the error.

    The runtime's errors are shown as `ray.exceptions...`: the names by which users import them.
    """
    try:
        report = traceback.TracebackException.from_exception(error)
    except Exception:  # an attribute of the user's class raises
        frames = "".join(traceback.format_tb(error.__traceback__))
        return f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}"
    reports = [report]
    seen = set()
    for one in reports:  # grows while it is gone through
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list([frame for frame in one.stack if not _ours(frame)])
        reports += [other for other in (one.__cause__, one.__context__) if other is not None]
        reports += one.exceptions or []
    return re.sub(r"^minray\.exceptions\.", "ray.exceptions.", "".join(report.format()), flags=re.MULTILINE)


def _ours(frame: traceback.FrameSummary) -> bool:
    """Whether a frame is the runtime's; what stands on top of it is shown, as users' code is."""
    path = Path(frame.filename)
    return path.is_relative_to(PACKAGE) and path.relative_to(PACKAGE).parts[0] not in _ON_TOP
