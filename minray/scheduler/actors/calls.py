"""The calls of actors, from the scheduler's side: they wait in line, go to a worker, come to an end.

::

    SubmitTask with an actor -> its caller's line -> RunTask, many ahead of the first's end -> TaskDone

Calls of one caller go in the order in which it made them; those of different callers, as they come.
"""

import pickle
from collections import deque
from collections.abc import Callable

from ...exceptions import ActorDiedError, ActorUnavailableError, RayError, TaskCancelledError
from ...gcs.schema import ActorState, TaskState
from ...wire.config import RESTART_SECONDS
from ...wire.ids import TaskID, result_count
from ...wire.messages import ERROR, CallBegan, CancelCall, SubmitTask, TaskDone
from ..objects.objects import Objects
from ..tables.event_log import EventLog
from ..tables.records import Actor, Client, Task, Worker
from ..tasks.leases import Leases
from ..tasks.retries import Retries
from ..tasks.tasks import Tasks
from .table import ActorTable

UNKNOWN = (
    "The session does not know the actor. It might be dead or it's from a different cluster: handles are of "
    "no use when their session has ended. Make the actor again."
)


class ActorCalls:
    """The calls of all actors; also their `Route`.

    Args:
        log: where events go.
        objects: where arguments and results are.
        tasks: takes calls in, and is told of their ends.
        leases: gives them to workers.
        retries: has them run again.
    """

    def __init__(
        self, log: EventLog, objects: Objects, tasks: Tasks, leases: Leases, retries: Retries
    ) -> None:
        self.table = ActorTable()
        self._log, self._objects, self._tasks, self._leases = log, objects, tasks, leases
        self._retries = retries
        self._constructor_done: Callable[[Actor, Worker, TaskDone], None]
        self._end_unneeded: Callable[[Actor], None]
        self._impatient: deque[tuple[float, Task]] = deque()  # to fail, and when, if the actor still restarts

    def connect(
        self,
        constructor_done: Callable[[Actor, Worker, TaskDone], None],
        end_unneeded: Callable[[Actor], None],
    ) -> None:
        """Name those who are told when a constructor has run, and when an actor is not needed any more."""
        self._constructor_done, self._end_unneeded = constructor_done, end_unneeded

    def _let_go(self, actor: Actor) -> None:
        """The actor has fewer calls: that may have been the last."""
        if actor.unneeded:
            self._end_unneeded(actor)

    def on_submit(self, client: Client, spec: SubmitTask) -> None:
        """A process calls an actor."""
        actor, call = self.table.by_id.get(spec.actor), self._tasks.new_task(client, spec)
        self._tasks.set_route(call, self, actor)
        self._tasks.submit(call, f"{actor.spec.class_name}.{spec.method}" if actor else spec.name)

    # --- a call's way: see `Route` ------------------------------------------------------------------

    def submit(self, call: Task) -> None:
        """Take a new call in; if it has arguments, they may be missing still."""
        actor = call.actor
        if actor is None:
            self.fail(call, pickle.dumps(ActorDiedError(UNKNOWN, call.spec.actor.hex())))
        elif actor.state == ActorState.DEAD:
            self.fail(call, actor.death)
        elif actor.state == ActorState.RESTARTING and not call.spec.max_retries:
            # Most restarts take a moment only; to fail at once would help nobody.
            self._wait_in_line(actor, call)
            self._impatient.append((self._log.now + RESTART_SECONDS, call))
        elif actor.state == ActorState.ALIVE and actor.lines.is_next(call):
            self._send(actor, call)
        else:
            self._wait_in_line(actor, call)

    def _wait_in_line(self, actor: Actor, call: Task) -> None:
        actor.lines.push(call)
        if not call.missing:
            self._log.task(call, TaskState.PENDING_NODE_ASSIGNMENT)
            self.send_ready(actor)

    def arguments_ready(self, call: Task) -> None:
        """The call's arguments exist now, or existed from the start."""
        actor = call.actor
        if call.worker is not None:  # it went along with another call that waited for the same argument
            return
        if actor is None or not call.in_line:
            self.submit(call)
        else:
            self._log.task(call, TaskState.PENDING_NODE_ASSIGNMENT)
            self.send_ready(actor)

    def argument_failed(self, call: Task, argument: bytes, payload: bytes) -> None:
        """One of the call's arguments is an error: it fails as any task does, and others move up."""
        self._tasks.argument_failed(call, argument, payload)
        self.leave_line(call)

    def enqueue(self, call: Task) -> bool:
        """A call is to be run again, before those that wait; it waits for its actor and for no node."""
        _actor_of(call).lines.push_front([call])
        self._log.task(call, TaskState.PENDING_NODE_ASSIGNMENT)
        return False

    def start(self, call: Task, worker: Worker) -> None:
        """Calls go to the worker of their actor, and never to one of their own."""
        raise AssertionError("a call stands in no queue")

    def failed(self, call: Task, error: RayError) -> None:
        """The actor lives on."""

    def stop(self, call: Task) -> bool:
        """Cancel a call; one that runs is only told so, and fails when it ends."""
        actor = call.actor
        if call.worker is None or actor is None:
            self._tasks.fail(call, TaskCancelledError(TaskID(call.spec.task_id)))
            self.leave_line(call)
            return True
        call.worker.send(CancelCall(call.spec.task_id))
        if actor.one_at_a_time and call is not call.worker.task:
            # Its turn has not come, and its worker may not listen before it does.
            del actor.running[call.spec.task_id]
            self._tasks.fail(call, TaskCancelledError(TaskID(call.spec.task_id)))
        return True

    def on_call_began(self, client: Client, message: CallBegan) -> None:
        """One of the calls that are with the worker runs now."""
        call = client.actor.running.get(message.task_id) if client.actor is not None else None
        if call is not None:
            self._log.task_runs(call, message.started)

    def leave_line(self, call: Task) -> None:
        """A call has come to its end before it went to the worker."""
        actor = call.actor
        if actor is not None and actor.lines.discard(call):
            self.send_ready(actor)
            self._let_go(actor)

    def send_ready(self, actor: Actor) -> None:
        """Let calls go whose turn has come, if the actor is there."""
        if actor.state == ActorState.ALIVE:
            for call in actor.lines.take_ready():
                self._send(actor, call)

    def _send(self, actor: Actor, call: Task) -> None:
        """Give a call to the actor's worker, which may be busy with others."""
        worker = actor.worker
        assert worker is not None, "an actor that is alive has a worker"
        actor.running[call.spec.task_id] = call
        self._leases.order(call, worker)
        if worker.task is call:
            self._log.task(call, TaskState.SUBMITTED_TO_WORKER)
        else:
            self._log.task(call, TaskState.PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY)

    def done(self, client: Client, worker: Worker, message: TaskDone) -> None:
        """A call, or the constructor, has come to its end; what it raised may be a reason to try again."""
        actor = worker.actor
        assert actor is not None, "calls run in the workers of actors"
        if message.task_id == actor.creation.spec.task_id:
            self._constructor_done(actor, worker, message)
            return
        call = actor.running.pop(message.task_id, None)
        if call is None:  # the actor was killed, or the call cancelled, and it has failed with that
            self._objects.keep_results(client, message._replace(results=()))
            return
        self._log.task_ran(call, message.started)
        if worker.task is call:  # the oldest that is left is the one that it is at, as far as can be known
            self._leases.turn_to(worker, next(iter(actor.running.values()), None))
        if call.cancelled:
            self._objects.keep_results(client, message._replace(results=()))
            self._tasks.fail(call, TaskCancelledError(TaskID(message.task_id)))
            self._let_go(actor)
            return
        self._objects.keep_results(client, message)
        if message.error is not None:
            self._log.error(call, *message.error)
            if message.retry and call.retries_left and not call.cancelled:
                self._retries.at_once(call)
                self.send_ready(actor)
                return
        self._tasks.ended(call, message)
        self._let_go(actor)

    # --- ends ---------------------------------------------------------------------------------------

    def fail(self, call: Task, payload: bytes) -> None:
        """Make the error that an actor died of a call's result."""
        self._log.error(call, "ActorDiedError", f"The actor {call.spec.actor.hex()} is dead.")
        self._tasks.finish(
            call, TaskState.FAILED, ((ERROR, payload, ()),) * result_count(call.spec.num_returns)
        )

    def fail_unavailable(self, call: Task, why: str) -> None:
        """A call cannot be run now, and may not be tried again; the actor itself lives on."""
        self._tasks.fail(call, ActorUnavailableError(why, call.spec.actor))

    def tick(self) -> None:
        """Fail calls whose actor has been restarting for too long; those that may be retried wait on."""
        while self._impatient and self._impatient[0][0] <= self._log.now:
            _, call = self._impatient.popleft()
            actor = _actor_of(call)
            if actor.state == ActorState.RESTARTING and actor.lines.discard(call):
                self.fail_unavailable(call, "The actor is restarting")


def _actor_of(call: Task) -> Actor:
    """The actor of a call that was taken in."""
    assert call.actor is not None, "calls of unknown actors have failed at once"
    return call.actor
