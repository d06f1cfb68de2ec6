"""How actors are made, and made again: their constructors' way from `CreateActor` to ALIVE.

A constructor is a task that waits for arguments, resources and a worker as any other, and then keeps both::

    CreateActor -> constructor's task -> leased a worker: BecomeActor, RunTask -> TaskDone: ALIVE
"""

import pickle

from ...exceptions import ActorUnschedulableError, RayError, TaskPlacementGroupRemoved, TaskUnschedulableError
from ...gcs.schema import ActorState, TaskState
from ...wire import messages
from ...wire.error_chain import died_of
from ...wire.messages import ACTOR
from ..nodes.processes import Processes
from ..objects.objects import Objects
from ..tables.event_log import EventLog
from ..tables.lines import Lines
from ..tables.records import Actor, Client, Task, Worker
from ..tasks.leases import Leases
from ..tasks.tasks import Tasks
from .actors import Actors
from .calls import ActorCalls
from .log import ActorLog


class ActorCreation:
    """Makes actors; the `Route` of their constructors.

    Args:
        log: where events go.
        objects: where the objects that stand for actors are.
        tasks: takes constructors in.
        leases: gives them to workers.
        processes: knows the drivers, which may say what becomes of actors after them.
        calls: of the actors.
        actors: those that there are.
    """

    def __init__(
        self,
        log: EventLog,
        objects: Objects,
        tasks: Tasks,
        leases: Leases,
        processes: Processes,
        calls: ActorCalls,
        actors: Actors,
    ) -> None:
        self.ever = False  # whether there has been an actor
        self._table = actors.table
        self._log = log
        self._actor_log = ActorLog(log)
        self._objects, self._tasks, self._leases = objects, tasks, leases
        self._processes, self._calls, self._actors = processes, calls, actors

    def on_create_actor(self, client: Client, message: messages.CreateActor) -> None:
        """A process wants an actor."""
        known = self._table.holder(message.namespace, message.name) if message.name else None
        if known is not None:
            outcome = "exists" if message.get_if_exists else "taken"
            answer = (outcome, known.spec.actor_id, known.spec.handle)
            client.channel.send(messages.Reply(message.request, answer, ""))
            return
        if message.detached is None:
            driver = self._processes.driver_of(client)
            message = message._replace(detached=driver is not None and driver.detached)
        spec, number = messages.SubmitTask(*message.task), self._table.next_number()
        creation = self._tasks.new_task(client, spec)
        lines, restarts_left = Lines[Task](message.in_order), message.max_restarts
        actor = Actor(message, number, client, creation, lines, self._calls, restarts_left)
        self._tasks.set_route(creation, self, actor)
        self.ever = True
        self._table.add(actor)
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
            client.channel.send(messages.Reply(message.request, answer, ""))
        self._tasks.take_in(creation, f"{message.class_name}.__init__")

    def on_get_actor(self, client: Client, message: messages.GetActor) -> None:
        """A process looks for a named actor."""
        actor = self._table.holder(message.namespace, message.name)
        found = (actor.spec.actor_id, actor.spec.handle) if actor is not None else None
        client.channel.send(messages.Reply(message.request, found, ""))

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
        self._actors.end(_made_by(task), cause, died_of(payload, task.spec.name))

    def enqueue(self, task: Task) -> bool:
        """It waits for resources and a worker."""
        actor = _made_by(task)
        if actor.state == ActorState.DEPENDENCIES_UNREADY:
            self._actors.change(actor, ActorState.PENDING_CREATION)
        return True

    def start(self, task: Task, worker: Worker) -> None:
        """Make a worker the actor's."""
        actor = _made_by(task)
        spec = actor.spec
        self._actors.move_in(actor, worker)
        worker.send(
            messages.BecomeActor(
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

    def on_actor_ready(self, client: Client, message: messages.ActorReady) -> None:
        """The constructor has returned."""
        if client.actor is not None:
            client.actor.shown_as = message.shown_as

    def done(self, actor: Actor, worker: Worker, message: messages.TaskDone) -> None:
        """The constructor has come to its end."""
        creation = actor.creation
        self._log.task_ran(creation, message.started)
        self._leases.turn_to(worker, None)
        if actor.state == ActorState.DEAD:  # killed while the message was on its way
            return
        if message.error is not None:
            self._log.error(creation, *message.error)
            self._tasks.finish(creation, TaskState.FAILED, (), message.ended)
            self._actors.end(actor, f"Its constructor raised {message.error[0]}.", message.results[0][1])
            return
        self._tasks.finish(creation, TaskState.FINISHED, (), message.ended)
        self._actors.change(actor, ActorState.ALIVE, actor.shown_as)
        self._calls.send_ready(actor)
        if actor.unneeded:
            self._actors.end_unneeded(actor)

    def failed(self, task: Task, error: RayError) -> None:
        """The actor can never be made."""
        if isinstance(error, TaskUnschedulableError):
            error = ActorUnschedulableError(str(error))
        elif isinstance(error, TaskPlacementGroupRemoved):
            error = ActorUnschedulableError(
                "Could not create the actor because its associated placement group was removed."
            )
        self._actors.end(_made_by(task), str(error), pickle.dumps(error))

    def stop(self, task: Task) -> bool:
        """A constructor is cancelled as a plain task is."""
        return False


def _made_by(task: Task) -> Actor:
    """The actor that a constructor makes."""
    assert task.actor is not None, "a constructor is an actor's"
    return task.actor
