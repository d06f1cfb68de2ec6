"""What this process knows of itself: the session that it belongs to, and the task and actor that it runs.

Others read these variables; they are written by the functions here alone.  A driver calls `enter`, `describe`
and `leave`; a worker calls `enter`, and for each of its tasks `take_on` and `runs`.

GPUs are logical: a task that was given GPU 1 finds "1" in the variable CUDA_VISIBLE_DEVICES, and CUDA shows
it that device alone.  If the session was started with that variable set, ids count among the devices there.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..wire.demand import UNIT, plain_demand

if TYPE_CHECKING:  # `import minray` is quicker without them
    from ..wire.messages import BecomeActor, RunTask
    from ..wire.placement import Placement


class HostedActor(Protocol):
    """The actor that a worker is, as far as others ask it; see `worker/actor_host`."""

    order: "BecomeActor"  # what the scheduler says of it
    is_async: bool
    shown_as: str  # its `repr`, if its class has one of its own

    def warn_of_blocking(self, name: str, remedy: str) -> None:
        """The calling code is about to wait."""

    def announce_exit(self, what: str) -> None:
        """The process is about to end on purpose."""

    def function(self, call: "RunTask") -> Callable[..., Any]:
        """What a call is to run."""

    def constructor(self, cls: Callable[..., Any]) -> Callable[..., None]:
        """What its first call is to run."""

    def described(self) -> str:
        """Its `repr`, for error messages."""


class ActorExit(SystemExit):
    """Raised by `exit_actor` in the actor; the worker ends when it arrives there."""


# --- the session ------------------------------------------------------------------------------------

session_dir: Path | None = None  # still known when the session has ended
is_driver = False  # whether `init` has connected this process
info: dict[str, Any] = {}  # what `init` returned
namespace = ""
environment = ""  # the runtime environment of this process, which the tasks that it submits inherit


def enter(directory: Path, named: str = "", *, as_driver: bool = False) -> None:
    """This process belongs to a session now; the name is where its actors' names live."""
    global session_dir, namespace, is_driver
    session_dir, namespace, is_driver = directory, named, as_driver


def set_environment(text: str) -> None:
    """This process, or what it submits, has this runtime environment."""
    global environment
    environment = text


def describe(**found: Any) -> None:  # noqa: ANN401
    """What `init` returns."""
    global info
    info = found


def leave() -> None:
    """The session is over for this driver."""
    global is_driver
    is_driver = False


# --- the task ---------------------------------------------------------------------------------------

assignment: "RunTask | None" = None  # the task whose resources this worker holds
function: Any = None  # what that task calls
cancelled: set[bytes] = set()  # tasks that run here, or wait to, and were cancelled
actor: HostedActor | None = None  # if this process is an actor
_task: "RunTask | None" = None  # what this worker's main thread runs
# The call that a thread or coroutine of an actor runs, if several may be under way at once.
_call: "ContextVar[RunTask | None]" = ContextVar("call", default=None)


def task() -> "RunTask | None":
    """The task that the calling code is part of; None in a driver."""
    return _call.get() or _task


def call() -> "RunTask | None":
    """Which of several calls that are under way the calling code is part of, if there may be several."""
    return _call.get()


def begin(task: "RunTask | None") -> None:
    """The main thread runs this task from now on; or, None, the one that it ran has ended."""
    global _task
    if _task is not None:
        cancelled.discard(_task.task_id)
    _task = task


@contextlib.contextmanager
def running(call: "RunTask") -> Iterator[None]:
    """In this thread or coroutine, `task` is this one of several calls that are under way."""
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)
        cancelled.discard(call.task_id)


def become(hosted: HostedActor) -> None:
    """This worker is an actor from now on."""
    global actor, namespace
    actor, namespace = hosted, hosted.order.namespace


def runs(called: Any) -> None:  # noqa: ANN401
    """This is what the task calls."""
    global function
    function = called


# --- what the task was given ------------------------------------------------------------------------

_THREADS = "OMP_NUM_THREADS"
_threads_are_limited = _THREADS not in os.environ  # else the user has decided
_VISIBLE = "CUDA_VISIBLE_DEVICES"
# Whether tasks without GPUs see none, as in Ray; else they see what the driver sees.
_HIDE_GPUS = os.environ.get("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO") == "1"
_devices = [device for device in os.environ.get(_VISIBLE, "").split(",") if device]


def take_on(task: "RunTask") -> None:
    """This process runs the task now, or the actor that it is the constructor of."""
    global assignment
    previous, assignment = assignment, task
    if _threads_are_limited and (previous is None or previous.resources != task.resources):
        # Numerical libraries start as many threads as the task was given CPUs, not as the machine has.
        os.environ[_THREADS] = str(int(resources().get("CPU", 0)) or 1)
    if task.gpus:
        os.environ[_VISIBLE] = ",".join(gpu_names())
    elif _HIDE_GPUS:
        os.environ[_VISIBLE] = ""


def placement() -> "Placement":
    """Where the task or actor of this process was to run: see `wire/placement`."""
    return assignment.placement if assignment is not None else ()


def resources() -> dict[str, float]:
    """What the task holds, in units."""
    held = plain_demand(assignment.resources) if assignment is not None else ()
    return {name: amount / UNIT for name, amount in held}


def gpu_names() -> list[str]:
    """The GPUs that the task uses, as CUDA names them."""
    gpus = assignment.gpus if assignment is not None else ()
    return [_devices[gpu] if gpu < len(_devices) else str(gpu) for gpu in gpus]
