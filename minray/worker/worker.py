"""A worker: a process that runs tasks, one after the other, until it is told to stop.

::

    inbox: RunTask -> Execution.run -> TaskDone
                           |
       print() -> Print    '- may submit tasks, `get`, `put`: it is a core worker too
"""

import _thread
import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from .. import runtime_env
from ..core_worker.core_worker import CoreWorker
from ..exceptions import RaySystemError
from ..session import here
from ..session.folders import store_folders
from ..wire.config import GIVE_BACK_SECONDS, REPORT_SECONDS
from ..wire.messages import BecomeActor, Exit, GiveBack, Print, RunTask, TaskDone
from .actor_host import ActorRunner
from .execution import Execution
from .process_title import ProcessTitle

_FIRST_TO_END = "1000"  # the highest of Linux's marks


class TaskStream:
    """Stands for sys.stdout or sys.stderr while tasks run: whole lines go to the driver."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, core: CoreWorker, name: str, fd: int) -> None:
        self._core = core
        self._name = name
        self._fd = fd
        self._begun: dict[int, str] = {}  # lines that have not ended, by the number of the task that prints

    def _key(self) -> int:
        task = self._core.task
        return task.task if task else 0

    def write(self, text: str) -> int:
        """Collect text; send it when a line is complete."""
        key = self._key()
        text_so_far = self._begun.pop(key, "") + text
        lines, newline, rest = text_so_far.rpartition("\n")
        if rest:
            self._begun[key] = rest
        if newline:
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
        if not self._begun:
            return
        line = self._begun.pop(self._key(), "")
        if line:
            self._send(line)

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fd

    def _send(self, text: str) -> None:
        name = _speaker(self._core)
        # What is no valid Unicode, the driver could not show.
        text = text.encode(self.encoding, self.errors).decode(self.encoding)
        with contextlib.suppress(RaySystemError):
            self._core.send(Print(self._name, name, text))


def _speaker(core: CoreWorker) -> str:
    """What stands before lines that are printed here: the actor, or the name of the task."""
    if here.current_actor is not None:
        return here.current_actor.shown_as
    return core.task.name if core.task else "worker"


def _in_background(work: Callable[[], None]) -> None:
    """Have the runtime's own work done in a thread that user code does not see.

    As in Ray, a task finds itself in the only thread that `threading` knows; some libraries refuse to fork,
    or warn, if there are others.
    """
    _thread.start_new_thread(work, ())


class RawOutput:
    """Shows what is written to a file descriptor past Python: by programs that a task starts, by C code.

    `forward_all` forwards it as it comes; `forward` makes sure that it comes before the end of its task does.
    """

    def __init__(self, core: CoreWorker, name: str, fd: int) -> None:
        self._core = core
        self._name = name
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
                    self._core.send(Print(self._name, _speaker(self._core), text))


def forward_all(outputs: list[RawOutput]) -> None:
    """Forward what is written to any of these, as it comes, for ever."""
    something_comes = select.poll()
    for output in outputs:
        something_comes.register(output.pipe, select.POLLIN)
    by_pipe = {output.pipe: output for output in outputs}
    while ready := something_comes.poll():
        for pipe, _ in ready:
            by_pipe[pipe].forward()


class LeaseWatch:
    """Gives the tasks of a lease back that wait behind one that takes longer than expected.

    Args:
        core: this process's connection; its inbox holds the tasks that are not begun.
    """

    def __init__(self, core: CoreWorker) -> None:
        self.began = 0.0  # when the task that runs now began; 0 between tasks
        self._core = core
        self._awake = threading.Event()
        self._watching = False
        self._over = False

    def end(self) -> None:
        """Give nothing back from now on: what waits here are an actor's calls, for nobody else."""
        self._over = True

    def start(self) -> None:
        """Watch until the inbox is empty."""
        if not self._watching:
            self._watching = True
            _in_background(self._watch)
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
        if self._over:
            return
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
        self.execution = Execution(core)
        self._actor: ActorRunner | None = None  # once this worker is an actor's
        self._reported = 0.0  # when the scheduler was last told what is done
        self._watch = LeaseWatch(core)
        self._title = ProcessTitle()
        self._title.show("IDLE")
        core.before_blocking = self._watch.give_back
        self._streams = [TaskStream(core, "stdout", 1), TaskStream(core, "stderr", 2)]
        sys.stdout, sys.stderr = self._streams
        self._raw_output = [RawOutput(core, "stdout", 1), RawOutput(core, "stderr", 2)]
        _in_background(lambda: forward_all(self._raw_output))
        core.handle_interrupts(self._on_cancel)

    def run(self) -> None:
        """Run tasks until the scheduler says `Exit` or is gone, or a task ends the process."""
        try:
            self._serve()
        except SystemExit as leaving:
            if self._actor is not None:
                self._actor.on_system_exit(leaving)
            raise
        if self._actor is not None:
            self._actor.leave()

    def _become(self, order: BecomeActor) -> None:
        """Be an actor's from now on: nothing that arrives is given back."""
        self._actor = here.current_actor = ActorRunner(
            self._core, order, self.execution, self._run_task, self._finish_output
        )
        self.execution.actor = self._actor
        self._core.before_blocking = lambda: None
        self._watch.end()
        here.namespace = order.namespace
        self._title.show(order.class_name)

    def _serve(self) -> None:
        inbox = self._core.inbox
        while True:
            if len(inbox) > 1 and self._actor is None:
                self._watch.start()
            while (message := self._next_message()) is not None:
                if isinstance(message, Exit):
                    return
                if isinstance(message, BecomeActor):
                    self._become(message)
                    continue
                if not inbox:  # the last of its lease may take long, and nobody watches over it
                    self._core.flush()
                if self._actor is None:
                    self._run_task(message)
                else:
                    self._actor.arrived(message)
            self._core.flush()  # nothing postponed may stay here while this worker sleeps
            if not self._core.serve():
                return

    def _next_message(self) -> RunTask | BecomeActor | Exit | None:
        try:
            message: RunTask | BecomeActor | Exit = self._core.inbox.popleft()
        except IndexError:  # empty, or `LeaseWatch` was quicker
            return None
        return message

    def _on_cancel(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGINT means: cancel the task that runs now.

        The scheduler sends it before it could send another task, so if this one has just ended, the signal
        finds no user code running.  It may also find that the task it is meant for has not been read yet; the
        next task that begins asks the scheduler about it.
        """
        if self._core.task is not None:
            self._core.cancelled.add(self._core.task.task_id)
        if self.execution.in_user_code:
            raise KeyboardInterrupt
        self.execution.interrupt_missed = True

    def _finish_output(self) -> None:
        for stream in self._streams:
            stream.finish()

    def _run_task(self, task: RunTask) -> None:
        self._core.task = task
        self._title.show(task.name)
        started = self._watch.began = time.time()
        try:
            # The value lives until the message is sent: its references must not be dropped before the message
            # has told the scheduler that the result contains them.
            value, (results, error, retry) = self.execution.run(task)
        finally:
            self._finish_output()
        ended = time.time()
        if ended - started > REPORT_SECONDS:  # shorter ones hardly start programs, and must not wait for this
            for output in self._raw_output:
                output.forward()
        self._watch.began = 0.0
        done = TaskDone(task.task_id, results, started, ended, error, retry)
        if self._core.inbox and ended - self._reported < REPORT_SECONDS:
            # A lease's next task is short, or `LeaseWatch` comes; an actor's next call may be long.
            (self._core.postpone if self._actor is None else self._core.postpone_briefly)(done)
        else:
            self._core.send(done)
            self._reported = ended
        del value
        self._core.cancelled.discard(task.task_id)
        self._core.task = None


def main(config: dict[str, Any], number: int, environment: str) -> None:
    """Be a worker; called by the zygote in a newly forked process."""
    # As soon as the scheduler knows this worker, it may send a task, and a signal to cancel it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(config["scheduler_socket"])
    sys.path[:] = config["sys_path"]
    folders = store_folders(config["session_name"], config.get("node", ""))
    core = CoreWorker(sock, "WORKER", os.getpid(), number, folders)
    here.core = core
    here.session_dir = Path(config["session_dir"])
    os.register_at_fork(after_in_child=_print_past_the_core)
    here.environment = environment
    _offer_to_the_system()
    worker = Worker(core)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    worker.execution.setup_error = runtime_env.apply(environment) if environment else ""
    worker.run()


def _offer_to_the_system() -> None:
    """A system that runs out of memory is to end workers first, and not the user's notebook."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_FIRST_TO_END)


def _print_past_the_core() -> None:
    """A process that a task forks must not speak on the worker's connection: it prints into the pipes."""
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
