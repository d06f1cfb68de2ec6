"""What this process is connected to: set by `init` in a driver, by `worker.main` in a worker."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core_worker import CoreWorker

core: "CoreWorker | None" = None
session_dir: Path | None = None
supervisor: Any = None  # the driver's subprocess.Popen
info: dict[str, Any] = {}  # what `init` returned
namespace = ""
