"""What this process is connected to: set by `init` in a driver, by `worker.main` in a worker."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core_worker import CoreWorker

core: "CoreWorker | None" = None
session_dir: Path | None = None
supervisor: Any = None  # the driver's subprocess.Popen
info: dict[str, Any] = {}  # what `init` returned
namespace = ""
start_session: Callable[[], object] | None = None  # `api.init`: what lies below `api` cannot import it


def connected_core() -> "CoreWorker":
    """This process's core worker; starts a session if there is none, as Ray does."""
    if core is None and start_session is not None:
        start_session()
    assert core is not None
    return core
