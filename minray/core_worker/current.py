"""This process's core worker, for all that is above it; and which job and namespace it works in."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..exceptions import RaySystemError
from ..session import here
from ..wire.ids import JobID

if TYPE_CHECKING:
    from .core_worker import CoreWorker

NOT_STARTED = "Ray has not been started yet, or has been shut down: there is no session. Call init() first."

core: "CoreWorker | None" = None  # set by `use`
_start_session: Callable[[], object] | None = None  # set by `start_with`


def use(connected: "CoreWorker | None") -> None:
    """This is the process's core worker from now on; None: it has left its session."""
    global core
    core = connected


def start_with(init: Callable[[], object]) -> None:
    """How a session is started that is needed and not there: what lies below cannot import `init`."""
    global _start_session
    _start_session = init


def connected_core() -> "CoreWorker":
    """This process's core worker; starts a session if there is none, as Ray does.

    Raises:
        RaySystemError: there is none, and RAY_ENABLE_AUTO_CONNECT=0 forbids to start one.
    """
    if core is None and os.environ.get("RAY_ENABLE_AUTO_CONNECT") == "0":
        raise RaySystemError(NOT_STARTED)
    if core is None and _start_session is not None:
        _start_session()
    assert core is not None
    return core


def started_core() -> "CoreWorker":
    """This process's core worker, if there is one.

    Raises:
        RaySystemError: there is none.
    """
    if core is None:
        raise RaySystemError(NOT_STARTED)
    return core


def job_id() -> JobID:
    """The job that this process works for: all that one driver does."""
    return connected_core().job_id()


def own_namespace() -> str:
    """Where the names of this program's actors live: what was given to `init`, or one of its own."""
    if here.namespace:
        return here.namespace
    of_the_driver: str = connected_core().query("namespace")  # this is a worker, and no actor
    return of_the_driver


def check_namespace(namespace: object) -> None:
    """Refuse what cannot be a namespace.

    Raises:
        TypeError, ValueError: it is no string, or empty.
    """
    if namespace is not None and not isinstance(namespace, str):
        raise TypeError("namespace must be None or a string.")
    if namespace == "":
        raise ValueError('"" is not a valid namespace. Pass None to not specify a namespace.')
