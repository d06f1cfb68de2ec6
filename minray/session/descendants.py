"""The processes that a worker has started end with it, however it ends.

A worker that ends in good order ends them itself, and whoever kills a worker kills them, too.  When it
crashes nobody is left to do that, so on Linux the zygote inherits them::

    zygote -- worker (crashed)                     zygote -- worker
                 '-- program        --becomes-->      '----- program: an orphan, and ended

(Ray does so if RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper is set, and else leaves them.)
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Container
from pathlib import Path
from typing import NoReturn

_SET_CHILD_SUBREAPER = 36  # its number among the options of Linux's prctl


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs; none where the system does not tell, as on macOS."""
    return [found for child in _children(pid) for found in (child, *descendants(child))]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it ends just now
            found += map(int, path.read_text().split())
    return found


def adopt_orphans() -> None:
    """From now on, what descends from this process and loses its parent becomes its child; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(own: Container[int]) -> None:
    """End the children that this process has inherited, and theirs.

    Args:
        own: the children that it has made.
    """
    for child in _children(os.getpid()):
        if child not in own:
            _kill([child, *descendants(child)])


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
