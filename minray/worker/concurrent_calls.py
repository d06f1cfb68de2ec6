"""The calls of an actor that may have several under way at once, from their arrival to their end.

::

    RunTask -> group (threads or an event loop) -> CallBegan -> Execution -> TaskDone

Meanwhile the worker's main thread reads from the connection, for all of them.  Which of its calls an actor's
thread or coroutine is at, `here.running` remembers, so that what it prints and submits is its own.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import NoReturn

from ..core_worker.connection import Connection
from ..core_worker.outbox import Outbox
from ..session import here
from ..session.descendants import exit_with_descendants
from ..wire.messages import BecomeActor, CallBegan, CancelCall, RunTask, TaskDone
from . import failures
from .call_groups import AsyncGroup, CallGroup, ThreadGroup
from .execution import Execution
from .failures import Outcome

# The group that every actor has, as in Ray.
SYSTEM_GROUP = "_ray_system"


@dataclass(eq=False)
class ConcurrentCalls:
    """Runs an actor's calls in groups.

    Args:
        outbox: sends what becomes of the calls.
        execution: runs one call.
        is_async: whether they run in event loops; else in threads.
        finish_output: called when a call ends: its last line may not have ended.
        before_exit: called when a call ends the process.
        is_exiting: whether a call has said that the process is about to end.
        connection: brings word of calls that are to be cancelled.
        order: names the groups, and says how many calls each may have under way.
    """

    _outbox: Outbox
    _execution: Execution
    _is_async: bool
    _finish_output: Callable[[], None]
    _before_exit: Callable[[SystemExit], None]
    _is_exiting: Callable[[], bool]
    connection: InitVar[Connection]
    order: InitVar[BecomeActor]

    def __post_init__(self, connection: Connection, order: BecomeActor) -> None:
        limits = {"": order.max_concurrency, SYSTEM_GROUP: 1, **dict(order.groups)}
        self._groups = {name: self._group(name, limit) for name, limit in limits.items()}
        connection.handle(CancelCall, self._on_cancel_call)

    def _group(self, name: str, limit: int) -> CallGroup:
        if self._is_async:
            return AsyncGroup(name, limit, self._run_async, self._refuse)
        return ThreadGroup(name, limit, self._run)

    def add(self, call: RunTask) -> None:
        """Run a call as soon as its turn has come."""
        group = self._groups.get(call.group)
        if group is not None:
            group.add(call)
            return
        names = ", ".join(sorted(set(self._groups) - {"", SYSTEM_GROUP})) or "none"
        error = ValueError(
            f"The actor has no concurrency group {call.group!r}; it has: {names}. Name the groups in "
            "@ray.remote(concurrency_groups={...})."
        )
        self._end_unbegun(call, failures.raised(call, error))

    def _on_cancel_call(self, message: CancelCall) -> None:
        """Cancel a call, if it waits, or awaits something."""
        here.cancelled.add(message.task_id)
        for group in self._groups.values():
            call = group.cancel(message.task_id)
            if call is not None:
                self._refuse(call)

    def _refuse(self, call: RunTask) -> None:
        self._end_unbegun(call, failures.cancelled(call))
        here.cancelled.discard(call.task_id)

    def _end_unbegun(self, call: RunTask, outcome: Outcome) -> None:
        now = time.time()
        results, error, retry = outcome
        self._outbox.send(TaskDone(call.task_id, results, now, now, error, retry))

    def _begin(self, call: RunTask) -> float:
        started = time.time()
        self._outbox.postpone_briefly(CallBegan(call.task_id, started))
        return started

    def _run(self, call: RunTask) -> None:
        """Run a call in this thread."""
        with here.running(call):
            started = self._begin(call)
            try:
                value, (results, error, retry) = self._execution.run(call)
            except SystemExit as leaving:
                self._exit(leaving)
            self._leave_if_exiting()
            self._finish_output()
            ended = time.time()
            self._outbox.post(TaskDone(call.task_id, results, started, ended, error, retry), ended)
            del value  # not earlier: see `worker`

    async def _run_async(self, call: RunTask) -> None:
        """Run a call in this event loop."""
        with here.running(call):
            started = self._begin(call)
            try:
                value, (results, error, retry) = await self._execution.run_async(call)
            except SystemExit as leaving:
                self._exit(leaving)
            self._leave_if_exiting()
            self._finish_output()
            # What ends in the same turn of the loop is sent together, unless something holds the loop up.
            done = TaskDone(call.task_id, results, started, time.time(), error, retry)
            self._outbox.postpone_briefly(done)
            del value
        asyncio.get_running_loop().call_soon(self._outbox.flush)

    def _leave_if_exiting(self) -> None:
        if self._is_exiting():  # although the method caught what `exit_actor` raised
            self._exit(SystemExit(0))

    def _exit(self, leaving: SystemExit) -> NoReturn:
        """A call ends the process, which other threads must not survive."""
        self._finish_output()
        self._before_exit(leaving)
        self._outbox.flush()
        code = leaving.code
        exit_with_descendants(code if isinstance(code, int) else int(code is not None))
