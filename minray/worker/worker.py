"""A worker: a process that runs tasks, one after the other, until it is told to stop.

::

    inbox: RunTask -> Execution.run -> TaskDone
                           |
       print() -> Print    '- may submit tasks, `get`, `put`: it is a core worker too
"""

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from .. import runtime_env
from ..core_worker import current
from ..core_worker.core_worker import CoreWorker
from ..session import here
from ..session.folders import store_folders
from ..wire.config import REPORT_SECONDS
from ..wire.messages import BecomeActor, CancelCall, Exit, RunTask, TaskDone
from .actor_host import ActorRunner
from .execution import Execution
from .lease_watch import LeaseWatch
from .output import ProcessTitle, RawOutput, TaskStream, forward_all, in_background

_FIRST_TO_END = "1000"  # the highest of Linux's marks


class WorkerProcess:
    """Runs tasks for one local scheduler.

    Args:
        core: this process's part in the session.
    """

    def __init__(self, core: CoreWorker) -> None:
        self._connection, self._outbox, self._inbox = core.connection, core.outbox, core.inbox
        send = core.outbox.send
        self.execution = Execution(
            core.getting, core.outbox, core.connection, core.lending, core.object_store
        )
        self._actor: ActorRunner | None = None  # once this worker is an actor's
        self._began = 0.0  # when the task that runs now began; 0 between tasks
        self._reported = 0.0  # when the scheduler was last told what is done
        self._watch = LeaseWatch(core.inbox, send, lambda: self._began)
        self._title = ProcessTitle()
        self._title.show("IDLE")
        core.lending.call_before(self._watch.give_back)
        self._streams = [TaskStream(send, "stdout", 1), TaskStream(send, "stderr", 2)]
        sys.stdout, sys.stderr = self._streams
        self._raw_output = [RawOutput(send, "stdout", 1), RawOutput(send, "stderr", 2)]
        in_background(lambda: forward_all(self._raw_output))
        core.connection.handle_interrupts(self._on_cancel)
        core.connection.handle(CancelCall, lambda message: here.cancelled.add(message.task_id))

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
        self._actor = ActorRunner(
            self._outbox, self._connection, order, self.execution, self._run_task, self._finish_output
        )
        here.become(self._actor)
        self._watch.end()
        self._title.show(order.class_name)

    def _serve(self) -> None:
        inbox = self._inbox
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
                    self._outbox.flush()
                if self._actor is None:
                    self._run_task(message)
                else:
                    self._actor.arrived(message)
            self._outbox.flush()  # nothing postponed may stay here while this worker sleeps
            if not self._connection.serve(inbox):
                return

    def _next_message(self) -> RunTask | BecomeActor | Exit | None:
        try:
            message: RunTask | BecomeActor | Exit = self._inbox.popleft()
        except IndexError:  # empty, or `LeaseWatch` was quicker
            return None
        return message

    def _on_cancel(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGINT means: cancel the task that runs now.

        The scheduler sends it before it could send another task, so if this one has just ended, the signal
        finds no user code running.  It may also find that the task it is meant for has not been read yet; the
        next task that begins asks the scheduler about it.
        """
        task = here.task()
        if task is not None:
            here.cancelled.add(task.task_id)
        self.execution.interrupt()

    def _finish_output(self) -> None:
        for stream in self._streams:
            stream.finish()

    def _run_task(self, task: RunTask) -> None:
        here.begin(task)
        self._title.show(task.name)
        started = self._began = time.time()
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
        self._began = 0.0
        done = TaskDone(task.task_id, results, started, ended, error, retry)
        if self._inbox and ended - self._reported < REPORT_SECONDS:
            # A lease's next task is short, or `LeaseWatch` comes; an actor's next call may be long.
            (self._outbox.postpone if self._actor is None else self._outbox.postpone_briefly)(done)
        else:
            self._outbox.send(done)
            self._reported = ended
        del value
        here.begin(None)


def main(config: dict[str, Any], number: int, environment: str) -> None:
    """Be a worker; called by the zygote in a newly forked process."""
    # As soon as the scheduler knows this worker, it may send a task, and a signal to cancel it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(config["scheduler_socket"])
    sys.path[:] = config["sys_path"]
    folders = store_folders(config["session_name"], config["node_name"])
    core = CoreWorker(sock, "WORKER", os.getpid(), number, folders)
    current.use(core)
    here.enter(Path(config["session_dir"]))
    os.register_at_fork(after_in_child=_print_past_the_core)
    here.set_environment(environment)
    _offer_to_the_system()
    worker = WorkerProcess(core)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if environment:
        worker.execution.refuse_all(runtime_env.apply(environment))
    worker.run()


def _offer_to_the_system() -> None:
    """A system that runs out of memory is to end workers first, and not the user's notebook."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_FIRST_TO_END)


def _print_past_the_core() -> None:
    """A process that a task forks must not speak on the worker's connection: it prints into the pipes."""
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
