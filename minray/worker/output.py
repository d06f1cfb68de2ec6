"""What others see of a worker: the lines that its tasks print, and the title of its process.

Lines go to the driver: those that Python prints by a `TaskStream`, all others by a `RawOutput`::

    print()              -> TaskStream -> Print -----> local scheduler -> driver
    a program, or C code -> pipe -> RawOutput -^

`ps` and `top` show "ray::" and the task that the worker runs, or ran last, as with Ray's workers.  Linux
shows the memory in which a process was given its arguments; whoever writes there changes what is shown.  A
worker was forked and has its parent's, which nobody reads any more.  On other systems nothing is shown.
"""

import _thread
import contextlib
import ctypes
import os
import select
import threading
from collections.abc import Callable

from ..exceptions import RaySystemError
from ..session import here
from ..wire.messages import Message, Print

_PREFIX = "ray::"
_ARGUMENTS_BEGIN, _ARGUMENTS_END = 47, 48  # which fields of /proc/self/stat, counted from 0
_AFTER_NAME = 2  # the second field is the program's name in brackets, in which there may be spaces


class TaskStream:
    """Stands for sys.stdout or sys.stderr while tasks run: whole lines go to the driver."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, send: Callable[[Message], None], name: str, fd: int) -> None:
        self._send, self._name, self._fd = send, name, fd
        self._begun: dict[int, str] = {}  # lines that have not ended, by the number of the task that prints

    def _key(self) -> int:
        task = here.task()
        return task.task if task else 0

    def write(self, text: str) -> int:
        """Collect text; send it when a line is complete."""
        key = self._key()
        text_so_far = self._begun.pop(key, "") + text
        lines, newline, rest = text_so_far.rpartition("\n")
        if rest:
            self._begun[key] = rest
        if newline:
            self._show(lines)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several pieces of text."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: a line is shown when it is complete, at the latest when its task ends."""

    def finish(self) -> None:
        """Send a last line that was not ended."""
        if not self._begun:
            return
        line = self._begun.pop(self._key(), "")
        if line:
            self._show(line)

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fd

    def _show(self, text: str) -> None:
        name = _speaker()
        # What is no valid Unicode, the driver could not show.
        text = text.encode(self.encoding, self.errors).decode(self.encoding)
        with contextlib.suppress(RaySystemError):
            self._send(Print(self._name, name, text))


def _speaker() -> str:
    """What stands before lines that are printed here: the actor, or the name of the task."""
    if here.actor is not None:
        return here.actor.shown_as
    task = here.task()
    return task.name if task else "worker"


def in_background(work: Callable[[], None]) -> None:
    """Have the runtime's own work done in a thread that user code does not see.

    As in Ray, a task finds itself in the only thread that `threading` knows; some libraries refuse to fork,
    or warn, if there are others.
    """
    _thread.start_new_thread(work, ())


class RawOutput:
    """Shows what is written to a file descriptor past Python: by programs that a task starts, by C code.

    `forward_all` forwards it as it comes; `forward` makes sure that it comes before the end of its task does.
    """

    def __init__(self, send: Callable[[Message], None], name: str, fd: int) -> None:
        self._send, self._name = send, name
        self._lock = threading.Lock()  # whoever reads sends, too, before anybody else reads
        self.pipe, write = os.pipe()
        os.dup2(write, fd)
        os.close(write)
        self._something_there = select.poll()
        self._something_there.register(self.pipe, select.POLLIN)

    def forward(self) -> None:
        """Send what has been written so far."""
        with self._lock:
            while self._something_there.poll(0):
                text = os.read(self.pipe, 65536).decode(errors="replace").removesuffix("\n")
                with contextlib.suppress(RaySystemError):
                    self._send(Print(self._name, _speaker(), text))


def forward_all(outputs: list[RawOutput]) -> None:
    """Forward what is written to any of these, as it comes, for ever."""
    something_comes = select.poll()
    for output in outputs:
        something_comes.register(output.pipe, select.POLLIN)
    by_pipe = {output.pipe: output for output in outputs}
    while ready := something_comes.poll():
        for pipe, _ in ready:
            by_pipe[pipe].forward()


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
