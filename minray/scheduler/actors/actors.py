"""The actors of a node, from the scheduler's side: how they are made, restarted, and end.

It joins the pure table of actors with the scheduler's tasks, workers and objects.  A constructor is a task
that waits for arguments, resources and a worker as any other, and then keeps both; a call is a task that
waits for arguments and its actor only (see `calls.py`)::

    CreateActor -> constructor's task -> leased a worker: BecomeActor, RunTask -> TaskDone: ALIVE

References to the actor's object keep it alive.  When the last one is gone and no call is left, it ends.
"""

import pickle
from collections import deque

from ...exceptions import (
    ActorDiedError,
    ActorUnschedulableError,
    RayError,
    TaskCancelledError,
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
)
from ...gcs.schema import ActorState, TaskState
from ...wire.config import LEAVE_SECONDS
from ...wire.error_chain import died_of
from ...wire.ids import TaskID
from ...wire.messages import (
    ACTOR,
    ActorExits,
    ActorReady,
    BecomeActor,
    CreateActor,
    Exit,
    GetActor,
    KillActor,
    Reply,
    SubmitTask,
    TaskDone,
)
from ..groups.groups import Groups
from ..nodes.processes import Processes
from ..objects.objects import NodeObjects
from ..tables.event_log import EventLog
from ..tables.lines import Lines
from ..tables.nodes import Nodes
from ..tables.records import Actor, Client, Task, Worker
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
    """All actors; also the `Route` of their constructors.

    Args:
        log: where events go.
        nodes: those that live.
        objects: where the objects that stand for actors are.
        tasks: takes constructors in.
        leases: gives them to workers.
        retries: has actors made again.
        processes: ends actors' processes.
        groups: end with the actors that have made them.
        calls: of the actors.
    """

    def __init__(
        self,
        log: EventLog,
        nodes: Nodes,
        objects: NodeObjects,
        tasks: Tasks,
        leases: Leases,
        retries: Retries,
        processes: Processes,
        groups: Groups,
        calls: ActorCalls,
    ) -> None:
        self.ever = False  # whether there has been an actor
        self.table: ActorTable = calls.table
        self._log = log
        self._actor_log = ActorLog(log)
        self._nodes = nodes
        self._objects = objects
        self._tasks = tasks
        self._leases = leases
        self._retries = retries
        self._processes = processes
        self._groups = groups
        self._calls = calls
        self._leaving: deque[tuple[float, Worker]] = deque()  # since when they are to end

    # --- creating -----------------------------------------------------------------------------------

    def on_create_actor(self, client: Client, message: CreateActor) -> None:
        """A process wants an actor."""
        known = self.table.holder(message.namespace, message.name) if message.name else None
        if known is not None:
            outcome = "exists" if message.get_if_exists else "taken"
            answer = (outcome, known.spec.actor_id, known.spec.handle)
            client.channel.send(Reply(message.request, answer, ""))
            return
        if message.detached is None:
            driver = self._processes.driver_of(client)
            message = message._replace(detached=driver is not None and driver.detached)
        spec, number = SubmitTask(*message.task), self.table.next_number()
        creation = self._tasks.new_task(client, spec)
        actor = Actor(message, number, client, creation, Lines(message.in_order), message.max_restarts)
        self._tasks.set_route(creation, self, actor)
        self.ever = True
        self.table.add(actor)
        self._actor_log.new_actor(actor)
        objects = self._objects
        objects.table.declare(actor.object_id, creation.number)
        objects.table.references.hold(client, actor.object_id)
        if message.detached:
            objects.table.references.pin(actor.object_id)
        objects.seal(actor.object_id, (ACTOR, None), (), None)
        if message.max_restarts:
            self._tasks.pin_arguments(spec)  # until the actor is dead for good: every restart needs them
        if message.request:
            answer = ("created", message.actor_id, message.handle)
            client.channel.send(Reply(message.request, answer, ""))
        self._tasks.take_in(creation, f"{message.class_name}.__init__")

    def on_get_actor(self, client: Client, message: GetActor) -> None:
        """A process looks for a named actor."""
        actor = self.table.holder(message.namespace, message.name)
        found = (actor.spec.actor_id, actor.spec.handle) if actor is not None else None
        client.channel.send(Reply(message.request, found, ""))

    # --- the constructor's way: see `Route` ---------------------------------------------------------

    def submit(self, task: Task) -> None:
        """A constructor without arguments goes on; others wait for theirs."""
        if not task.missing:
            self.arguments_ready(task)

    def arguments_ready(self, task: Task) -> None:
        """The constructor's arguments are there."""
        self._tasks.enqueue(task)

    def argument_failed(self, task: Task, argument: bytes, payload: bytes) -> None:
        """An argument of a constructor is an error: the actor can never be made."""
        self._tasks.tell_of_failed_argument(task)
        cause = "One of its constructor's arguments is the result of a failed task."
        self._end(_made_by(task), cause, died_of(payload, task.spec.name))

    def enqueue(self, task: Task) -> bool:
        """It waits for resources and a worker."""
        actor = _made_by(task)
        if actor.state == ActorState.DEPENDENCIES_UNREADY:
            self._change(actor, ActorState.PENDING_CREATION)
        return True

    def start(self, task: Task, worker: Worker) -> None:
        """Make a worker the actor's."""
        actor = _made_by(task)
        spec = actor.spec
        actor.worker, worker.actor = worker, actor
        self._log.process(worker.number, "ACTOR", spec.class_name)
        worker.send(
            BecomeActor(
                spec.actor_id,
                spec.handle,
                spec.class_name,
                spec.name,
                spec.namespace,
                actor.restarts,
                spec.max_concurrency,
                spec.groups,
            )
        )
        self._leases.order(task, worker)
        self._log.task(task, TaskState.SUBMITTED_TO_WORKER)

    def on_actor_ready(self, client: Client, message: ActorReady) -> None:
        """The constructor has returned."""
        if client.actor is not None:
            client.actor.shown_as = message.shown_as

    def _on_constructor_done(self, actor: Actor, message: TaskDone) -> None:
        creation = actor.creation
        if actor.state == ActorState.DEAD:  # killed while the message was on its way
            return
        if message.error is not None:
            self._log.error(creation, *message.error)
            self._tasks.finish(creation, TaskState.FAILED, (), message.ended)
            self._end(actor, f"Its constructor raised {message.error[0]}.", message.results[0][1])
            return
        self._tasks.finish(creation, TaskState.FINISHED, (), message.ended)
        self._change(actor, ActorState.ALIVE, actor.shown_as)
        self._calls.send_ready(actor)
        self.end_if_unneeded(actor)

    def failed(self, task: Task, error: RayError) -> None:
        """The actor can never be made."""
        if isinstance(error, TaskUnschedulableError):
            error = ActorUnschedulableError(str(error))
        elif isinstance(error, TaskPlacementGroupRemoved):
            error = ActorUnschedulableError(
                "Could not create the actor because its associated placement group was removed."
            )
        self._end(_made_by(task), str(error), pickle.dumps(error))

    def stop(self, task: Task) -> bool:
        """A constructor is cancelled as a plain task is."""
        return False

    def done(self, client: Client, worker: Worker, message: TaskDone) -> None:
        """A call, or the constructor, has come to its end."""
        actor = worker.actor
        if actor is None or message.task_id != actor.creation.spec.task_id:
            self._calls.done(client, worker, message)
            return
        self._log.task_ran(actor.creation, message.started)
        self._leases.turn_to(worker, None)
        self._on_constructor_done(actor, message)

    def on_kill_actor(self, client: Client, message: KillActor) -> None:
        """Somebody called `kill`."""
        actor = self.table.get(message.actor_id)
        if actor is not None and message.no_restart:
            self.table.free_name(actor)
        if actor is None or actor.state == ActorState.DEAD:
            return
        worker = actor.worker
        if message.no_restart or not actor.may_restart():
            self._end(actor, KILLED, force=True)
        elif worker is not None:
            self._processes.kill(worker)

    def on_actor_exits(self, client: Client, message: ActorExits) -> None:
        """The actor's process ends on purpose."""
        actor = client.actor
        if actor is not None:
            actor.exit_reason = message.reason
            # The message `Exit` goes to where no call is under way that could end the process itself: a
            # coroutine of the user's own has called `exit_actor`.
            self._end(actor, _process_died("INTENDED_USER_EXIT", message.reason))

    def on_unreferenced(self, object_id: bytes) -> None:
        """Nobody refers to the actor any more."""
        actor = self.table.get(object_id[:16])
        if actor is not None:
            actor.unreferenced = True
            if actor.state == ActorState.DEAD:
                self.table.free_name(actor)
            self.end_if_unneeded(actor)

    def end_if_unneeded(self, actor: Actor) -> None:
        """Let the actor go once nobody refers to it and its calls are done."""
        being_made = actor.worker is not None and actor.state != ActorState.ALIVE
        if actor.unreferenced and not actor.running and not actor.lines and not being_made:
            self._end(actor, OUT_OF_SCOPE)

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
            self._end(actor, OWNER_DIED, force=True)

    def worker_died(self, worker: Worker, how: str) -> None:
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
            self._end(actor, cause, told=True)

    def _restart(self, actor: Actor, how: str) -> None:
        actor.worker = None
        self._groups.end_actor(actor.spec.actor_id)  # its next life makes its own
        actor.restarts += 1
        actor.restarts_left -= 1 if actor.restarts_left > 0 else 0
        self._change(actor, ActorState.RESTARTING, how)
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
        self.end_if_unneeded(actor)

    def _end(
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
        self._change(actor, ActorState.DEAD, cause)
        self.table.bury(actor)
        self._groups.end_actor(actor.spec.actor_id)
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
                worker.send(Exit())
        self._leaving.append((self._log.now, worker))

    def _change(self, actor: Actor, state: ActorState, detail: str = "") -> None:
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


def _made_by(task: Task) -> Actor:
    """The actor that a constructor makes."""
    assert task.actor is not None, "a constructor is an actor's"
    return task.actor


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
