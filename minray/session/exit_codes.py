"""Which children of a process have ended, and how, in words."""

import contextlib
import os
import signal


def ended_children() -> list[tuple[int, int]]:
    """Collect the children of this process that have ended: process ids and exit codes."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def describe_exit(exit_code: int) -> str:
    """An exit code, as `os.waitstatus_to_exitcode` gives it, in words.

    Example:
        >>> describe_exit(-9), describe_exit(1)
        ('killed by SIGKILL', 'ended with exit code 1')
    """
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:  # real-time signals have no names
        return f"killed by signal {-exit_code}"
