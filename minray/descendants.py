"""The processes that a worker has started: as in Ray, they end with it if it ends in good order or is killed.

Those of a worker that crashes end with the session.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import NoReturn


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs; none where the system does not tell, as on macOS."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it ends just now
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found


def send_signal(pid: int, number: int) -> None:
    """Send a process a signal; SIGKILL goes to all that it has started, too."""
    started = descendants(pid) if number == signal.SIGKILL else []  # afterwards they are nobody's
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    _kill(started)


def exit_with_descendants(code: int) -> NoReturn:
    """End this process at once, and all that it has started."""
    _kill(descendants(os.getpid()))
    os._exit(code)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
