"""What this process is connected to: set by `init` in a driver, by `worker.main` in a worker."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import RaySystemError
from ..wire.ids import JobID

if TYPE_CHECKING:
    from ..core_worker.core_worker import CoreWorker
    from ..driver.further_node import MemberNode
    from ..driver.head_node import HeadNode
    from ..wire.messages import RunTask
    from ..worker.actor_host import ActorRunner

NOT_STARTED = "Ray has not been started yet, or has been shut down: there is no session. Call init() first."

core: "CoreWorker | None" = None
session_dir: Path | None = None
is_driver = False  # whether `init` has connected this process
head_node: "HeadNode | None" = None  # if this process has started it by `init`
further_nodes: "list[MemberNode]" = []  # likewise
info: dict[str, Any] = {}  # what `init` returned
namespace = ""
environment = ""  # the runtime environment of this process, which the tasks that it submits inherit
assignment: "RunTask | None" = None  # the task whose resources this worker holds
function: Any = None  # what that task calls
current_actor: "ActorRunner | None" = None  # if this process is an actor
start_session: Callable[[], object] | None = None  # `initialization.init`: what lies below cannot import it


def placement() -> tuple[Any, ...]:
    """Where the task or actor of this process was to run: see placement.py."""
    return assignment.placement if assignment is not None else ()


def job_id() -> JobID:
    """The job that this process works for: all that one driver does."""
    connected = connected_core()
    task = connected.task
    return JobID.from_int(task.job if task else connected.number)


def own_namespace() -> str:
    """Where the names of this program's actors live: what was given to `init`, or one of its own."""
    if namespace:
        return namespace
    of_the_driver: str = connected_core().query("namespace")  # this is a worker, and no actor
    return of_the_driver


def connected_core() -> "CoreWorker":
    """This process's core worker; starts a session if there is none, as Ray does.

    Raises:
        RaySystemError: there is none, and RAY_ENABLE_AUTO_CONNECT=0 forbids to start one.
    """
    if core is None and os.environ.get("RAY_ENABLE_AUTO_CONNECT") == "0":
        raise RaySystemError(NOT_STARTED)
    if core is None and start_session is not None:
        start_session()
    assert core is not None
    return core
