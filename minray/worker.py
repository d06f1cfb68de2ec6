"""A worker: a process that runs tasks, one after the other, until it is told to stop.

::

    RunTask -> load function and arguments -> run -> serialize results -> TaskDone
                                               |
                       print() -> Print        '- may submit tasks, `get`, `put`: it is a core worker too
"""

import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import cloudpickle

from . import process_state
from .config import GIVE_BACK_SECONDS, INLINE_BYTES, REPORT_SECONDS
from .core_worker import CoreWorker
from .exceptions import RayError, RaySystemError, RayTaskError, TaskCancelledError, UnserializableException
from .ids import object_id
from .messages import ERROR, INLINE, Exit, GiveBack, InterruptMissed, Print, RunTask, TaskDone
from .serialization import deserialize, deserialize_function, serialize
from .sessions import shared_memory_dir


class _LazyFunction:
    """A function's code that has arrived but was not needed yet."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob

    def load(self, name: str) -> Callable[..., Any]:
        try:
            function = deserialize_function(self._blob)
        except Exception as error:
            raise _with_advice(error, f"the function {name!r}") from error
        return function


class TaskStream:
    """Stands for sys.stdout or sys.stderr while tasks run: whole lines go to the driver."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, core: CoreWorker, name: str, fd: int) -> None:
        self._core = core
        self._name = name
        self._fd = fd
        self._line = ""

    def write(self, text: str) -> int:
        """Collect text; send it when a line is complete."""
        self._line += text
        if "\n" in text:
            lines, _, self._line = self._line.rpartition("\n")
            self._send(lines)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several pieces of text."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: a line is shown when it is complete, at the latest when its task ends."""

    def finish(self) -> None:
        """Send a last line that was not ended."""
        if self._line:
            line, self._line = self._line, ""
            self._send(line)

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fd

    def _send(self, text: str) -> None:
        name = self._core.task.name if self._core.task else "worker"
        # What is no valid Unicode, the driver could not show.
        text = text.encode(self.encoding, self.errors).decode(self.encoding)
        with contextlib.suppress(RaySystemError):
            self._core.send(Print(self._name, name, text))


def forward_output(core: CoreWorker, name: str, fd: int) -> None:
    """Show what is written to a file descriptor past Python: by programs that a task starts, by C code."""
    read, write = os.pipe()
    os.dup2(write, fd)
    os.close(write)

    def forward() -> None:
        with os.fdopen(read, "rb", 0) as pipe:
            while data := pipe.read(65536):
                text = data.decode(errors="replace").removesuffix("\n")
                with contextlib.suppress(RaySystemError):
                    core.send(Print(name, core.task.name if core.task else "worker", text))

    threading.Thread(target=forward, name=f"minray-{name}", daemon=True).start()


class LeaseWatch:
    """Gives the tasks of a lease back that wait behind one that takes longer than expected.

    Args:
        core: this process's connection; its inbox holds the tasks that are not begun.
    """

    def __init__(self, core: CoreWorker) -> None:
        self.began = 0.0  # when the task that runs now began; 0 between tasks
        self._core = core
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch until the inbox is empty."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="minray-lease", daemon=True)
            self._thread.start()
        if not self._awake.is_set():
            self._awake.set()

    def _watch(self) -> None:
        while True:
            self._awake.wait()
            while self._core.inbox:
                began = self.began
                time.sleep(GIVE_BACK_SECONDS)
                if began and began == self.began:
                    with contextlib.suppress(RaySystemError):
                        self.give_back()
            self._awake.clear()

    def give_back(self) -> None:
        """Return all tasks that have not begun."""
        inbox, given = self._core.inbox, []
        with contextlib.suppress(IndexError):  # until it is empty; the main thread may be taking from it too
            while isinstance(inbox[-1], RunTask):
                given.append(inbox.pop().task_id)
        if given:
            self._core.send(GiveBack(tuple(reversed(given))))


class Worker:
    """Runs tasks for one local scheduler.

    Args:
        core: this process's connection to the session.
    """

    def __init__(self, core: CoreWorker) -> None:
        self._core = core
        self._functions: dict[bytes, Callable[..., Any] | _LazyFunction] = {}
        self._in_user_code = False
        self._interrupt_missed = False
        self._reported = 0.0  # when the scheduler was last told what is done
        self._watch = LeaseWatch(core)
        core.before_blocking = self._watch.give_back
        self._streams = [TaskStream(core, "stdout", 1), TaskStream(core, "stderr", 2)]
        sys.stdout, sys.stderr = self._streams
        for stream, fd in (("stdout", 1), ("stderr", 2)):
            forward_output(core, stream, fd)
        signal.signal(signal.SIGINT, self._on_cancel)

    def run(self) -> None:
        """Run tasks until the scheduler says `Exit` or is gone."""
        inbox = self._core.inbox
        while True:
            if len(inbox) > 1:
                self._watch.start()
            while (message := self._next_message()) is not None:
                if isinstance(message, Exit):
                    return
                if not inbox:  # the last of its lease may take long, and nobody watches over it
                    self._core.flush()
                self._run_task(message)
            self._core.flush()  # nothing postponed may stay here while this worker sleeps
            if not self._core.serve():
                return

    def _next_message(self) -> RunTask | Exit | None:
        try:
            message: RunTask | Exit = self._core.inbox.popleft()
        except IndexError:  # empty, or `LeaseWatch` was quicker
            return None
        return message

    def _on_cancel(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGINT means: cancel the task that runs now.

        The scheduler sends it before it could send another task, so if this one has just ended, the signal
        finds no user code running.  It may also find that the task it is meant for has not been read yet; the
        next task that begins asks the scheduler about it.
        """
        if self._in_user_code:
            raise KeyboardInterrupt
        self._interrupt_missed = True

    def _run_task(self, task: RunTask) -> None:
        self._core.task = task
        started = self._watch.began = time.time()
        try:
            # The value lives until the message is sent: its references must not be dropped before the message
            # has told the scheduler that the result contains them.
            value, (results, error, retry) = self._execute(task)
        finally:
            for stream in self._streams:
                stream.finish()
        ended = time.time()
        self._watch.began = 0.0
        done = TaskDone(task.task_id, results, started, ended, error, retry)
        if self._core.inbox and ended - self._reported < REPORT_SECONDS:
            self._core.postpone(done)
        else:
            self._core.send(done)
            self._reported = ended
        del value
        self._core.task = None

    def _execute(self, task: RunTask) -> tuple[Any, Any]:
        """Run the task's function; whatever it raises becomes its result.

        Returns:
            What the function returned, and (results, error, retry) of `TaskDone`.
        """
        try:
            try:
                self._in_user_code = True  # loading arguments may take as long as using them
                if self._interrupt_missed:
                    self._interrupt_missed = False
                    self._core.send(InterruptMissed())
                function, args, kwargs = self._load(task)
                value = function(*args, **kwargs)
                del args, kwargs
            finally:
                self._in_user_code = False
            return value, (self._results(task, value), None, False)
        except KeyboardInterrupt as interrupt:
            _clear_frames(interrupt)
            cancelled = TaskCancelledError(task.task_id.hex())
            return None, self._failure(task, cancelled, "TaskCancelledError", "")
        except BaseException as raised:
            text = _user_traceback(raised)
            _clear_frames(raised)
            # No variable for the new error: its cause's traceback has this frame, which would be a cycle.
            name = type(raised).__name__
            return None, self._failure(task, RayTaskError(task.name, text, raised, os.getpid()), name, text)

    def _load(self, task: RunTask) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
        """The task's function and arguments."""
        if task.function_blob is not None:
            self._functions[task.function_id] = _LazyFunction(task.function_blob)
        function = self._functions[task.function_id]
        if isinstance(function, _LazyFunction):
            function = self._functions[task.function_id] = function.load(task.name)
        try:
            values, keywords = deserialize(task.args)
        except Exception as error:
            raise _with_advice(error, f"an argument of {task.name!r}") from error
        for place, kind, payload in task.values:
            values[place] = self._core.load((kind, payload))
        positional = len(values) - len(keywords)
        return function, values[:positional], dict(zip(keywords, values[positional:], strict=True))

    def _results(self, task: RunTask, value: Any) -> Any:  # noqa: ANN401
        """Serialize what the function returned."""
        if task.num_returns == 0:
            return ()
        values = [value]
        if task.num_returns > 1:
            values = list(value) if hasattr(value, "__iter__") else [value]
            if len(values) != task.num_returns:
                raise ValueError(
                    f"The task {task.name!r} should return {task.num_returns} values (num_returns), but it "
                    f"returned {len(values) if hasattr(value, '__iter__') else type(value).__name__}."
                )
        return tuple(self._result(task, index, part) for index, part in enumerate(values))

    def _result(self, task: RunTask, index: int, value: Any) -> tuple[int, Any, tuple[bytes, ...]]:  # noqa: ANN401
        try:
            serialized = serialize(value)
        except Exception as error:
            raise TypeError(
                f"The task {task.name!r} returned a {type(value).__name__}, which cannot be sent to "
                f"another process ({type(error).__name__}: {error}). Return plain data instead, and make "
                "such things where they are used."
            ) from error
        if serialized.size > INLINE_BYTES:
            kind, payload = self._core.store(object_id(task.task_id, index), serialized)
            return kind, payload, serialized.contained
        return INLINE, serialized.to_bytes(), serialized.contained

    def _failure(self, task: RunTask, error: BaseException, name: str, text: str) -> Any:  # noqa: ANN401
        cause = error.cause if isinstance(error, RayTaskError) else error
        message = (name, _short(cause), text)
        results = ((ERROR, _pickle_error(error), ()),) * task.num_returns
        return results, message, _should_retry(task, cause)


def _with_advice(error: Exception, what: str) -> Exception:
    """The same kind of error, with the likely cause and the remedy."""
    advice = (
        f"{error}\nThe worker could not unpickle {what}. Likely cause: a class or module that the driver "
        "has is not there in the worker, such as a module in a folder that only the driver's sys.path "
        "knows, or a name that was redefined. Put the module where both find it, or define the class in "
        "the notebook or script itself."
    )
    try:
        return type(error)(advice)
    except Exception:
        return RuntimeError(advice)


def _should_retry(task: RunTask, cause: BaseException) -> bool:
    if not task.retry_exceptions or isinstance(cause, TaskCancelledError):
        return False
    return task.retry_exceptions == b"*" or isinstance(cause, pickle.loads(task.retry_exceptions))


def _pickle_error(error: BaseException) -> bytes:
    """An exception as bytes that surely can be loaded again."""
    try:
        data: bytes = cloudpickle.dumps(error)
        pickle.loads(data)
    except Exception:
        cause = error.cause if isinstance(error, RayTaskError) else error
        stand_in = UnserializableException(
            f"{type(cause).__name__}: {_short(cause)} (it could not be pickled)"
        )
        if isinstance(error, RayTaskError):
            return pickle.dumps(RayTaskError(error.function_name, error.traceback_str, stand_in, error.pid))
        return pickle.dumps(RayError(str(error)))
    return data


def _short(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its __str__ raised)"
    return text if len(text) <= 2000 else text[:2000] + "..."


def _clear_frames(error: BaseException) -> None:
    """Let go of what the frames of a failed task hold: references among it would keep their objects alive."""
    chain: BaseException | None = error
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__


def _user_traceback(error: BaseException) -> str:
    """The traceback as text, without the frames of this file."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def main(config: dict[str, Any], number: int) -> None:
    """Be a worker; called by the zygote in a newly forked process."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(config["scheduler_socket"])
    sys.path[:] = config["sys_path"]
    core = CoreWorker(sock, "WORKER", os.getpid(), number, shared_memory_dir(config["session_name"]))
    process_state.core = core
    process_state.session_dir = Path(config["session_dir"])
    os.register_at_fork(after_in_child=_print_past_the_core)
    Worker(core).run()


def _print_past_the_core() -> None:
    """A process that a task forks must not speak on the worker's connection: it prints into the pipes."""
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
