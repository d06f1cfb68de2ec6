"""The lives of actors, from the scheduler's side: how they are restarted, and end; `creation` makes them.

References to the actor's object keep it alive.  When the last one is gone and no call is left, it ends; so it
does when it is killed, when its process dies and it may not be restarted, and with the process that made it.
"""

import pickle
from collections import deque
from collections.abc import Callable

from ...exceptions import (
    ActorDiedError,
    TaskCancelledError,
)
from ...gcs.schema import ActorState
from ...wire import messages
from ...wire.config import LEAVE_SECONDS
from ...wire.ids import TaskID
from ..nodes.processes import Processes
from ..objects.objects import Objects
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.records import Actor, Client, Worker
from ..tasks.leases import Leases
from ..tasks.retries import Retries
from ..tasks.tasks import Tasks
from .calls import ActorCalls
from .log import ActorLog
from .table import ActorTable

OUT_OF_SCOPE = "The actor is dead because all references to the actor were removed."
OWNER_DIED = (
    "The actor is dead because its owner has died. The owner is the process that created it; an actor that "
    "is to outlive its owner needs options(lifetime='detached')."
)
KILLED = "The actor is dead because it was killed by `ray.kill`."


class Actors:
    """All actors, dead or alive.

    Args:
        log: where events go.
        nodes: those that live.
        objects: where the objects that stand for actors are.
        tasks: is told of calls and constructors that come to nothing.
        leases: is told of workers that have nothing to do any more.
        retries: has actors made again.
        processes: ends actors' processes.
        end_groups: ends the placement groups that an actor (its id) has made.
        calls: of the actors.
    """

    def __init__(
        self,
        log: EventLog,
        nodes: Nodes,
        objects: Objects,
        tasks: Tasks,
        leases: Leases,
        retries: Retries,
        processes: Processes,
        end_groups: Callable[[bytes], None],
        calls: ActorCalls,
    ) -> None:
        self.table: ActorTable = calls.table
        self._log = log
        self._actor_log = ActorLog(log)
        self._nodes, self._objects, self._tasks, self._leases = nodes, objects, tasks, leases
        self._retries, self._processes, self._end_groups = retries, processes, end_groups
        self._calls = calls
        self._leaving: deque[tuple[float, Worker]] = deque()  # since when they are to end

    def on_kill_actor(self, client: Client, message: messages.KillActor) -> None:
        """Somebody called `kill`."""
        actor = self.table.by_id.get(message.actor_id)
        if actor is not None and message.no_restart:
            self.table.free_name(actor)
        if actor is None or actor.state == ActorState.DEAD:
            return
        worker = actor.worker
        if message.no_restart or not actor.may_restart():
            self.end(actor, KILLED, force=True)
        elif worker is not None:
            self._processes.kill(worker)

    def on_actor_exits(self, client: Client, message: messages.ActorExits) -> None:
        """The actor's process ends on purpose."""
        actor = client.actor
        if actor is not None:
            actor.exit_reason = message.reason
            # The message `Exit` goes to where no call is under way that could end the process itself: a
            # coroutine of the user's own has called `exit_actor`.
            self.end(actor, _process_died("INTENDED_USER_EXIT", message.reason))

    def on_unreferenced(self, object_id: bytes) -> None:
        """Nobody refers to the actor any more."""
        actor = self.table.by_id.get(object_id[:16])
        if actor is not None:
            actor.unreferenced = True
            if actor.state == ActorState.DEAD:
                self.table.free_name(actor)
            if actor.unneeded:
                self.end_unneeded(actor)

    def end_unneeded(self, actor: Actor) -> None:
        """Let an actor go that nobody refers to, and whose calls are done."""
        self.end(actor, OUT_OF_SCOPE)

    def end_slow_ones(self) -> None:
        """Kill the processes that do not end although they were asked to."""
        while self._leaving and self._log.now - self._leaving[0][0] > LEAVE_SECONDS:
            _, worker = self._leaving.popleft()
            if self._nodes.find_worker(worker.number) is worker:
                self._processes.kill(worker)

    def on_owner_died(self, owner: Client) -> None:
        """A process is gone, and with it the actors that it made."""
        for actor in self.table.owned_by(owner):
            actor.name_is_free = True
            self.end(actor, OWNER_DIED, force=True)

    def on_worker_died(self, worker: Worker, how: str) -> None:
        """The actor's process has ended: it is made anew, or that was it."""
        actor = worker.actor
        if actor is None or actor.state == ActorState.DEAD:
            return
        if worker.task is not None:
            self._log.task_runs(worker.task)
        if actor.may_restart():
            self._restart(actor, how)
        else:
            cause = _process_died("SYSTEM_ERROR", f"The process {how}.")
            if not worker.node.alive:
                cause = f"The actor died because its node has died. Node Id: {worker.node.id}"
            self.end(actor, cause, told=True)

    def _restart(self, actor: Actor, how: str) -> None:
        actor.worker = None
        self._end_groups(actor.spec.actor_id)  # its next life makes its own
        actor.restarts += 1
        actor.restarts_left -= 1 if actor.restarts_left > 0 else 0
        self.change(actor, ActorState.RESTARTING, how)
        again, creation = [], actor.creation
        for call in list(actor.running.values()):
            if call.cancelled:
                self._tasks.fail(call, TaskCancelledError(TaskID(call.spec.task_id)))
            elif not call.retries_left:
                self._calls.fail_unavailable(call, f"its process {how}, and it is being restarted")
            else:
                self._retries.count_attempt(call)
                again.append(call)
        actor.running.clear()
        actor.lines.push_front(again)
        if creation.spec.task_id in self._tasks.alive:  # it died in its constructor
            self._log.task_runs(creation)
        else:
            self._tasks.pin_arguments(creation.spec)  # as if it were submitted anew; its end lets go of them
            self._tasks.alive[creation.spec.task_id] = creation
        self._retries.at_once(creation)
        if actor.unneeded:
            self.end_unneeded(actor)

    def end(
        self, actor: Actor, cause: str, death: bytes = b"", *, force: bool = False, told: bool = False
    ) -> None:
        """The actor is dead for good: its calls fail, its name is free, its process goes.

        Args:
            actor: one that may be dead already.
            cause: what it died of, in a sentence.
            death: the error that its calls raise, if it is not to be made of the cause.
            force: kill the process instead of asking it.
            told: the process is about to end anyway.
        """
        if actor.state == ActorState.DEAD:
            return
        worker, creation = actor.worker, actor.creation
        actor.death = death or pickle.dumps(ActorDiedError(self._explain(actor, cause), actor.id))
        self.change(actor, ActorState.DEAD, cause)
        self.table.bury(actor)
        self._end_groups(actor.spec.actor_id)
        if creation.spec.task_id in self._tasks.alive:
            self._tasks.abandon(creation)
        calls = [*actor.running.values(), *actor.lines.take_all()]
        actor.running.clear()
        if worker is not None and worker.task is not None:
            self._log.task_runs(worker.task)
        for call in calls:
            self._calls.fail(call, actor.death)
        if worker is not None:
            self._dismiss(worker, cause, force=force, told=told)
        if actor.spec.max_restarts:
            self._tasks.release_arguments(creation.spec)
        _forget_plans(actor)
        if actor.spec.detached:
            self._objects.unpin(actor.object_id)

    def move_in(self, actor: Actor, worker: Worker) -> None:
        """The worker is the actor's from now on."""
        actor.worker, worker.actor = worker, actor
        self._log.process(worker.number, "ACTOR", actor.spec.class_name)

    def _dismiss(self, worker: Worker, cause: str, *, force: bool, told: bool) -> None:
        """The process of an actor that is dead is to end, and with it the actors that it has made."""
        if worker.client is not None:
            self.on_owner_died(worker.client)
        self._leases.turn_to(worker, None)
        if force:
            self._processes.kill(worker, cause)
        else:
            worker.node.pool.retire(worker)
            if not told:
                worker.send(messages.Exit())
        self._leaving.append((self._log.now, worker))

    def change(self, actor: Actor, state: ActorState, detail: str = "") -> None:
        """The actor is in another state."""
        actor.state = state
        self._actor_log.changed(actor, detail)

    def _explain(self, actor: Actor, cause: str) -> str:
        """What happened to which actor; the lines are Ray's."""
        spec, lines = actor.spec, [f"\tclass_name: {actor.spec.class_name}", f"\tactor_id: {actor.id}"]
        if actor.worker is not None:
            lines.append(f"\tpid: {actor.worker.pid}")
        if spec.name:
            lines.append(f"\tname: {spec.name}")
        if actor.worker is not None:
            lines += [f"\tnamespace: {spec.namespace}", "\tip: 127.0.0.1"]
        never_ran = actor.state in (ActorState.DEPENDENCIES_UNREADY, ActorState.PENDING_CREATION)
        if never_ran and actor.worker is None:
            cause += " The actor never ran - it was cancelled before it started running."
        return "\n".join([*lines, cause])


def _forget_plans(actor: Actor) -> None:
    """It will not be made again: let go of its constructor's arguments, which may be large."""
    creation = actor.creation
    creation.spec = creation.spec._replace(args=b"", refs=(), contained=())
    handle = actor.spec.handle if actor.spec.name else b""  # whoever asks for the name may get it still
    actor.spec = actor.spec._replace(task=(), handle=handle)


def _process_died(exit_type: str, detail: str) -> str:
    return (
        "The actor is dead because its worker process has died. "
        f"Worker exit type: {exit_type} Worker exit detail: {detail}"
    )
