"""What `ps` and `top` show of a worker: "ray::" and the task that it runs, or ran last, as Ray's workers do.

Linux shows the memory in which a process was given its arguments; whoever writes there changes what is shown.
A worker was forked and has its parent's, which nobody reads any more.  On other systems nothing is shown.
"""

import ctypes

_PREFIX = "ray::"
_ARGUMENTS_BEGIN, _ARGUMENTS_END = 47, 48  # which fields of /proc/self/stat, counted from 0
_AFTER_NAME = 2  # the second field is the program's name in brackets, in which there may be spaces


class ProcessTitle:
    """The title of this process; to be made after the fork."""

    def __init__(self) -> None:
        self._shown = ""
        self._memory: ctypes.Array[ctypes.c_char] | None = None
        try:
            with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            begin, end = (int(fields[n - _AFTER_NAME]) for n in (_ARGUMENTS_BEGIN, _ARGUMENTS_END))
        except (OSError, ValueError, IndexError):
            return
        if 0 < begin < end:
            self._memory = (ctypes.c_char * (end - begin)).from_address(begin)
            ctypes.memset(begin, 0, end - begin)

    def show(self, name: str) -> None:
        """Let others see that this runs."""
        if name != self._shown and self._memory is not None:
            length, self._shown = len(_PREFIX + self._shown), name
            title = f"{_PREFIX}{name}".encode()[: len(self._memory) - 1]
            self._memory.value = title.ljust(length, b"\0")  # nothing of a longer one stays
