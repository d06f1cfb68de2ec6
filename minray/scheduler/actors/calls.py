"""The calls of actors, from the scheduler's side: they wait in line, go to a worker, come to an end.

::

    SubmitTask with an actor -> its caller's line -> RunTask, many ahead of the first's end -> TaskDone

Calls of one caller go in the order in which it made them; those of different callers, as they come.
"""

import pickle
from collections import deque
from typing import TYPE_CHECKING

from ...exceptions import ActorDiedError, ActorUnavailableError, TaskCancelledError
from ...gcs.schema import ActorState, TaskState
from ...wire.config import RESTART_SECONDS
from ...wire.ids import TaskID
from ...wire.messages import ERROR, CallBegan, CancelCall, TaskDone, result_count
from ..tables.records import Client, Task
from ..tables.worker_pool import Worker
from .table import Actor

if TYPE_CHECKING:
    from ..local_scheduler import LocalScheduler
    from .actors import NodeActors

UNKNOWN = (
    "The session does not know the actor. It might be dead or it's from a different cluster: handles are of "
    "no use when their session has ended. Make the actor again."
)


class ActorCalls:
    """What `NodeActors` hands all that concerns calls to.

    Args:
        node: the scheduler.
        actors: knows of the actors themselves.
    """

    def __init__(self, node: "LocalScheduler", actors: "NodeActors") -> None:
        self._node = node
        self._actors = actors
        self._log = node.log
        self._impatient: deque[tuple[float, Task]] = deque()  # to fail, and when, if the actor still restarts

    def submit(self, call: Task) -> None:
        """Take a new call in; if it has arguments, they may be missing still."""
        actor: Actor | None = call.actor
        if actor is None:
            self.fail(call, pickle.dumps(ActorDiedError(UNKNOWN, call.spec.actor.hex())))
        elif actor.state == ActorState.DEAD:
            self.fail(call, actor.death)
        elif actor.state == ActorState.RESTARTING and not call.spec.max_retries:
            # Most restarts take a moment only; to fail at once would help nobody.
            self._wait_in_line(actor, call)
            self._impatient.append((self._node.now + RESTART_SECONDS, call))
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
        actor: Actor | None = call.actor
        if call.worker is not None:  # it went along with another call that waited for the same argument
            return
        if actor is None or not call.in_line:
            self.submit(call)
        else:
            self._log.task(call, TaskState.PENDING_NODE_ASSIGNMENT)
            self.send_ready(actor)

    def stop(self, call: Task) -> None:
        """Cancel a call; one that runs is only told so, and fails when it ends."""
        actor: Actor | None = call.actor
        if call.worker is None or actor is None:
            self._node.fail(call, TaskCancelledError(TaskID(call.spec.task_id)))
            self.leave_line(call)
            return
        call.worker.channel.channel.send(CancelCall(call.spec.task_id))
        if actor.one_at_a_time and call is not call.worker.task:
            # Its turn has not come, and its worker may not listen before it does.
            del actor.running[call.spec.task_id]
            self._node.fail(call, TaskCancelledError(TaskID(call.spec.task_id)))

    def on_call_began(self, client: Client, message: CallBegan) -> None:
        """One of the calls that are with the worker runs now."""
        if client.worker is not None and client.worker.actor is not None:
            call = client.worker.actor.running.get(message.task_id)
            if call is not None:
                self._log.task_runs(call, message.started)

    def leave_line(self, call: Task) -> None:
        """A call has come to its end before it went to the worker."""
        actor: Actor = call.actor
        if actor.lines.discard(call):
            self.send_ready(actor)
            self._actors.end_if_unneeded(actor)

    def send_ready(self, actor: Actor) -> None:
        """Let calls go whose turn has come, if the actor is there."""
        if actor.state == ActorState.ALIVE:
            for call in actor.lines.take_ready():
                self._send(actor, call)

    def _send(self, actor: Actor, call: Task) -> None:
        """Give a call to the actor's worker, which may be busy with others."""
        worker, spec = actor.worker, call.spec
        assert worker is not None, "an actor that is alive has a worker"
        call.worker, call.dispatched = worker, self._node.now
        if worker.task is None:
            worker.task = call
            self._log.task(call, TaskState.SUBMITTED_TO_WORKER)
        else:
            self._log.task(call, TaskState.PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY)
        actor.running[spec.task_id] = call
        self._node.leases.order(call, worker)

    def on_done(self, client: Client, worker: Worker, message: TaskDone) -> None:
        """A call has come to its end; what it raised may be a reason to try again."""
        actor: Actor = worker.actor
        call = actor.running.pop(message.task_id, None)
        if call is None:  # the actor was killed, or the call cancelled, and it has failed with that
            self._node.objects.keep_results(client, message._replace(results=()))
            return
        self._log.task_ran(call, message.started)
        if worker.task is call:
            self._next_runs(actor, worker)
        if call.cancelled:
            self._node.objects.keep_results(client, message._replace(results=()))
            self._node.fail(call, TaskCancelledError(TaskID(message.task_id)))
            self._actors.end_if_unneeded(actor)
            return
        self._node.objects.keep_results(client, message)
        if message.error is not None:
            self._log.error(call, *message.error)
            if message.retry and call.retries_left and not call.cancelled:
                self._node.retries.at_once(call)
                self.send_ready(actor)
                return
        state, results = TaskState.FINISHED, message.results
        if message.error is not None:
            state, results = TaskState.FAILED, self._node.streams.raised(call, results)
            self._node.objects.unseen.raised(call, [result[0] for result in results], message.error[2])
        self._node.finish(call, state, results, message.ended)
        self._actors.end_if_unneeded(actor)

    # --- ends ---------------------------------------------------------------------------------------

    def _next_runs(self, actor: Actor, worker: Worker) -> None:
        """The oldest call that is left is the one that the worker is at, as far as can be known."""
        worker.task = next(iter(actor.running.values()), None)
        if worker.task is not None:
            worker.task.dispatched = self._node.now

    def put_back(self, call: Task) -> None:
        """A call is to be run again, before those that wait."""
        call.actor.lines.push_front([call])
        self._log.task(call, TaskState.PENDING_NODE_ASSIGNMENT)

    def fail(self, call: Task, payload: bytes) -> None:
        """Make the error that an actor died of a call's result."""
        self._log.error(call, "ActorDiedError", f"The actor {call.spec.actor.hex()} is dead.")
        self._node.finish(
            call, TaskState.FAILED, ((ERROR, payload, ()),) * result_count(call.spec.num_returns)
        )

    def fail_unavailable(self, call: Task, why: str) -> None:
        """A call cannot be run now, and may not be tried again; the actor itself lives on."""
        self._node.fail(call, ActorUnavailableError(why, call.spec.actor))

    def tick(self) -> None:
        """Fail calls whose actor has been restarting for too long; those that may be retried wait on."""
        while self._impatient and self._impatient[0][0] <= self._node.now:
            _, call = self._impatient.popleft()
            actor: Actor = call.actor
            if actor.state == ActorState.RESTARTING and actor.lines.discard(call):
                self.fail_unavailable(call, "The actor is restarting")
