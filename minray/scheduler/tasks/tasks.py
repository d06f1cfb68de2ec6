"""The tasks that are not finished: taken in, waiting for their arguments, finished or failed.

A plain task's way; `schedule` and `leases` tell the rest::

    on_submit_task -> take_in -> make -> [arguments missing? wait in the object table] -> enqueue -> the queue
                                                                                                        |
         owner's value <--- objects.seal <--- finish <--- leases.on_task_done <- (a worker runs it) <---'

A task that is not plain, an actor's constructor or a call, has a `Route`, which is asked where the ways part.
"""

import pickle
from collections.abc import Callable

from ...exceptions import RayError, TaskUnschedulableError
from ...gcs.schema import TaskState
from ...wire import messages
from ...wire.error_chain import passed_on
from ...wire.ids import object_id, result_count
from ...wire.messages import DYNAMIC, ERROR, STORED, STREAMING
from ...wire.placement import Placement
from ..objects.objects import Objects, lost
from ..objects.streams import ItemStreams
from ..objects.table import ObjectEntry
from ..tables.choice import obstacle
from ..tables.event_log import EventLog
from ..tables.gpus import gpu_amount
from ..tables.nodes import Nodes
from ..tables.queue import TaskQueue
from ..tables.records import Actor, Client, Route, Task, Worker
from ..tables.worker_pool import PLAIN, Kind


class Tasks:
    """All tasks of a session that are not finished.

    Args:
        log: where events go.
        nodes: those that live.
        objects: where arguments and results are.
        streams: the items that generators yield.
        queue: the tasks that wait for a node.
        notify: tells the user of a job of a task that no node can run.
    """

    def __init__(
        self,
        log: EventLog,
        nodes: Nodes,
        objects: Objects,
        streams: ItemStreams,
        queue: TaskQueue,
        notify: Callable[[messages.Notice, int], None],
    ) -> None:
        self.alive: dict[bytes, Task] = {}  # by id
        self.functions: dict[bytes, messages.ExportFunction] = {}
        self.kept_aside: list[Task] = []  # tasks for which no node is fit, while there is one node
        self._log, self._nodes, self._objects, self._streams = log, nodes, objects, streams
        self._queue, self._notify = queue, notify
        self._last_number = 0
        # What stands above, and is asked only if a task has to do with it: see `connect`.
        self._submit_call: Callable[[Client, messages.SubmitTask], None]
        self._drop_actor: Callable[[bytes], None]
        self._cancel: Callable[[Task, messages.CancelTask], None]
        self.refusal: Callable[[Placement], RayError | None]

    def connect(
        self,
        *,
        submit_call: Callable[[Client, messages.SubmitTask], None],
        drop_actor: Callable[[bytes], None],
        cancel: Callable[[Task, messages.CancelTask], None],
        refusal: Callable[[Placement], RayError | None],
    ) -> None:
        """Name those who take calls of actors in, let actors go (by their objects), cancel tasks, and say
        why a task of this placement cannot run, if its group is gone."""
        self._submit_call, self._drop_actor = submit_call, drop_actor
        self._cancel, self.refusal = cancel, refusal

    # --- a task comes -------------------------------------------------------------------------------

    def on_export_function(self, client: Client, message: messages.ExportFunction) -> None:
        """A process tells what a function is."""
        self.functions[message.function_id] = message

    def on_submit_task(self, client: Client, spec: messages.SubmitTask) -> None:
        """A process submits a task."""
        if spec.actor:
            self._submit_call(client, spec)
        else:
            self.submit(self.new_task(client, spec), self.functions[spec.function_id].name)

    def new_task(self, client: Client, spec: messages.SubmitTask) -> Task:
        """A record for a task that a process submits."""
        self._last_number += 1
        parent = self.alive.get(spec.parent) if spec.parent else _likely_parent(client)
        gpus = gpu_amount(spec.resources) > 0
        return Task(
            spec,
            number=self._last_number,
            owner=client,
            parent=parent.number if parent else None,
            depth=parent.depth + 1 if parent else 0,
            job=client.job,
            demand=spec.resources,
            retries_left=spec.max_retries,
            kind=Kind(spec.environment, gpus) if spec.environment or gpus else PLAIN,
            where=spec.placement if spec.placement and spec.placement[0] != "group" else (),
            spreads=_inherited_cancel(parent, spec),
        )

    @staticmethod
    def set_route(task: Task, route: Route, actor: Actor | None) -> None:
        """A new task is not plain: it is an actor's constructor, or a call of one."""
        task.route, task.actor = route, actor

    def submit(self, task: Task, function: str) -> None:
        """Take a task in; if it was submitted by one that had been cancelled, it is cancelled too."""
        self.take_in(task, function)
        if task.spreads is not None:
            self._cancel(task, task.spreads)

    def take_in(self, task: Task, function: str) -> None:
        """Declare the task's results, pin its arguments, and let it go its way.

        Args:
            task: one that is new.
            function: the name of what it runs, whatever the task itself is called.
        """
        client, spec = task.owner, task.spec
        self._log.new_task(task, function)
        table, references = self._objects.table, self._objects.table.references
        for index in range(result_count(spec.num_returns)):
            result = object_id(spec.task_id, index)
            table.declare(result, task.number, client).subscribers.append(client)
            references.hold(client, result)
        if spec.num_returns == STREAMING:
            self._streams.begin(task)
        self.make(task)

    def make(self, task: Task) -> None:
        """Have the results made; again, if they were lost."""
        spec = task.spec
        if spec.task_id in self.alive:  # for another result's sake
            return
        self.alive[spec.task_id] = task
        self._log.task_arrives(task)
        self.pin_arguments(spec)
        for _, argument in spec.refs:
            entry = self._objects.table.get(argument) or self._declare_lost(argument)
            self._log.dependency(task, argument, entry.producer)
            if not entry.ready:
                self._objects.wait_for(entry, task)
        if not task.missing and (spec.refs or task.route is None):
            self.arguments_ready(task)
        elif task.route is not None:
            task.route.submit(task)

    def _declare_lost(self, argument: bytes) -> ObjectEntry:
        """An argument of which nobody knows: its task is to fail."""
        entry = self._objects.table.declare(argument, None, None)
        self._objects.seal(argument, (ERROR, lost(argument)), (), None)
        return entry

    # --- its arguments exist ------------------------------------------------------------------------

    def follow_up(self) -> None:
        """Go on with tasks whose arguments are complete now, and let actors go that nobody needs any more.

        A loop and not a recursion, because a failed task may fail a long chain of tasks that depend on it.
        """
        complete, unreferenced = self._objects.complete, self._objects.unreferenced
        while complete or unreferenced:
            if unreferenced:
                self._drop_actor(unreferenced.popleft())
                continue
            task = complete.popleft()
            if task.spec.task_id in self.alive:  # else it was cancelled in the meantime
                self.arguments_ready(task)

    def arguments_ready(self, task: Task) -> None:
        """All arguments exist; if one of them is an error, so is the task's result."""
        for _, argument in task.spec.refs:
            kind, payload = self._objects.value(argument)
            if kind == ERROR:
                fail = self.argument_failed if task.route is None else task.route.argument_failed
                fail(task, argument, payload)
                return
        if task.route is None:
            self.enqueue(task)
        else:
            task.route.arguments_ready(task)

    def argument_failed(self, task: Task, argument: bytes, payload: bytes) -> None:
        """The error that is an argument becomes the task's result."""
        self.tell_of_failed_argument(task)
        results = ((ERROR, passed_on(payload, task.spec.name), ()),) * result_count(task.spec.num_returns)
        self._objects.unseen.passed_on(argument, task, len(results))
        self.finish(task, TaskState.FAILED, results)

    def tell_of_failed_argument(self, task: Task) -> None:
        """Record why the task fails."""
        self._log.error(task, "RayTaskError", "one of its arguments is the result of a failed task")

    def enqueue(self, task: Task) -> None:
        """Let a task wait for a node with its resources; a call, for its actor."""
        if task.spec.placement and (refusal := self.refusal(task.spec.placement)):
            self.fail(task, refusal)
            return
        if task.route is not None and not task.route.enqueue(task):
            return
        self._log.task(task, TaskState.PENDING_NODE_ASSIGNMENT)
        plain = task.route is None and not task.where
        if (plain and self._nodes.home.resources.feasible(task.demand)) or self.can_be_placed(task):
            self._queue.push(task)

    def can_be_placed(self, task: Task) -> bool:
        """Whether some node can ever run the task; if not, it fails or waits for one to join, as in Ray."""
        why_not = obstacle(task, self._nodes.alive)
        if isinstance(why_not, TaskUnschedulableError):
            self.fail(task, why_not)
            return False
        if why_not:
            self._notify(messages.Notice(why_not), task.job)
            if not self._nodes.several:
                self.kept_aside.append(task)
        return not why_not or self._nodes.several

    def look_again(self) -> None:
        """There is another node: it may be fit for the tasks that were kept aside."""
        waiting, self.kept_aside = self.kept_aside, []
        for task in waiting:
            if task.spec.task_id in self.alive:
                self.enqueue(task)

    def set_worker(self, task: Task, worker: Worker | None) -> None:
        """This worker has the task now; or, None, no worker has it any more."""
        task.worker = worker
        if worker is None:
            self._log.task_restarts(task)

    # --- it ends ------------------------------------------------------------------------------------

    def fail(self, task: Task, error: RayError) -> None:
        """Make an error of the runtime's own the task's result."""
        self._log.error(task, type(error).__name__, str(error))
        payload = pickle.dumps(error)
        self.finish(task, TaskState.FAILED, ((ERROR, payload, ()),) * result_count(task.spec.num_returns))
        if task.route is not None:
            task.route.failed(task, error)

    def ended(self, task: Task, message: messages.TaskDone) -> None:
        """A worker has run the task for the last time: what it returned or raised is its result."""
        state, results = TaskState.FINISHED, message.results
        if message.error is not None:
            state = TaskState.FAILED
            if task.spec.num_returns == STREAMING:
                results = self._streams.raised(task, results)
            self._objects.unseen.raised(task, [result[0] for result in results], message.error[2])
        self.finish(task, state, results, message.ended)

    def finish(
        self,
        task: Task,
        state: TaskState,
        results: tuple[tuple[int, object, tuple[bytes, ...]], ...],
        ended: float = 0.0,
    ) -> None:
        """The task has its results: whoever waits for them goes on, its arguments are let go."""
        spec = task.spec
        self._log.task(task, state, ended)
        del self.alive[spec.task_id]
        count = self._objects.table.references.count
        maybe_free = []
        stored = False
        for index, (kind, payload, contained) in enumerate(results):
            result = object_id(spec.task_id, index)
            if index and spec.num_returns == DYNAMIC and self._objects.table.get(result) is None:
                self._objects.table.declare(result, task.number)
            self._objects.seal(result, (kind, payload), contained, task.number)
            if not count(result):  # mostly somebody still refers to it
                maybe_free.append(result)
            stored = stored or kind == STORED
        if stored:
            maybe_free += self._objects.made.remember(task, results)
        if spec.num_returns == STREAMING:
            self._streams.finish(task, results)
        if maybe_free:
            self._objects.release(maybe_free)
        self.release_arguments(spec)

    def abandon(self, task: Task) -> None:
        """A constructor is not to be run any more: its actor is dead."""
        self._queue.discard(task)
        self.finish(task, TaskState.FAILED, ())

    def pin_arguments(self, spec: messages.SubmitTask) -> None:
        """The task needs its arguments, and what is inside them, until `release_arguments`."""
        pin = self._objects.table.references.pin
        for inner in spec.contained:
            pin(inner)
        for _, argument in spec.refs:
            pin(argument)

    def release_arguments(self, spec: messages.SubmitTask) -> None:
        """The task does not need its arguments any more."""
        if spec.refs or spec.contained:
            unpin = self._objects.table.references.unpin
            arguments = (*(argument for _, argument in spec.refs), *spec.contained)
            self._objects.release([argument for argument in arguments if unpin(argument)])


def _likely_parent(client: Client) -> Task | None:
    """Which task submits something, if that is all that is known.

    An actor with several calls under way says which; if not, a thread of the user's own does it, and that
    belongs to the actor as a whole, which is to Ray: to its constructor.
    """
    actor = client.actor
    if actor is None or actor.one_at_a_time or client.task is actor.creation:
        return client.task
    return actor.creation


def _inherited_cancel(parent: Task | None, spec: messages.SubmitTask) -> messages.CancelTask | None:
    """How a new task was cancelled with its parent.

    What a cancelled task submits from then on, such as to clean up, runs; a call names itself as the parent
    only until it knows.
    """
    if parent is None or parent.spreads is None:
        return None
    return parent.spreads if spec.parent or spec.submitted <= parent.cancelled_at else None
