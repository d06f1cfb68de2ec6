"""The placement groups of a session, from the scheduler's side: messages in, tasks of removed groups ended.

It joins the pure policy (`PlacementGroups`) with the messages about groups.  What happens to the tasks of a
group that is removed is Ray's rule: those that wait fail, those that run lose their worker.
"""

import pickle
from collections.abc import Iterable
from typing import Any

from ...exceptions import TaskPlacementGroupRemoved
from ...wire import messages
from ...wire.demand import UNIT, plain_demand
from ...wire.messages import ERROR, INLINE
from ...wire.placement import Placement
from ..nodes.processes import Processes
from ..objects.objects import Objects
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.queue import TaskQueue
from ..tables.records import Client, Node, Task, Worker
from ..tasks.tasks import Tasks
from .log import GroupLog
from .policy import REMOVED, Group, PlacementGroups


class Groups:
    """All placement groups, and what becomes of their tasks.

    Args:
        log: where events go.
        nodes: those that live.
        objects: where `PlacementGroup.ready()`'s objects live.
        queue: where tasks of groups may wait.
        tasks: fails those of a group that is removed.
        processes: ends the workers of those that run.
    """

    def __init__(
        self,
        log: EventLog,
        nodes: Nodes,
        objects: Objects,
        queue: TaskQueue,
        tasks: Tasks,
        processes: Processes,
    ) -> None:
        self.policy = PlacementGroups(nodes.alive)
        self._nodes, self._queue, self._tasks, self._processes = nodes, queue, tasks, processes
        self._objects = objects
        self._log = GroupLog(log)
        self._events = log
        self._ended_jobs: set[int] = set()

    def on_create(self, client: Client, message: messages.CreatePlacementGroup) -> None:
        """A process wants a group; the answer is empty, or says why there will be none."""
        if message.name and self.policy.find(message.name, message.namespace) is not None:
            text = (
                f"Failed to create placement group '{message.group_id}' because name {message.name!r} "
                "already exists. Remove the other group, or choose another name."
            )
            client.channel.send(messages.Reply(message.request, text, ""))
            return
        bundles = [tuple(bundle) for bundle in message.bundles]
        group = Group(message.group_id, message.name, bundles, message.strategy)
        group.conditions, group.target = message.conditions, message.target
        group.job = 0 if message.detached else client.job
        group.namespace = message.namespace
        if client.actor is not None:
            group.actor = client.actor.spec.actor_id
            group.job_ended = group.job in self._ended_jobs
        group.submitted = self._events.now
        self.policy.add(group)
        self._log.new_group(group, client)
        self.create_waiting()
        client.channel.send(messages.Reply(message.request, "", ""))

    def create_waiting(self) -> None:
        """Create the groups for which there is room now, and give back what removed ones had."""
        self.policy.settle()
        for group in self.policy.create_waiting():
            group.created = self._events.now
            self._log.changed(group)
            self._tell(group)

    def node_joined(self) -> None:
        """There is more room."""
        self.policy.nodes_changed()

    def node_died(self, node: Node) -> None:
        """Bundles that were there need another place."""
        for group in self.policy.node_died(node.number):
            self._log.changed(group)

    def end_job(self, job: int) -> None:
        """A driver has left: its groups go, but not the detached ones, nor those of its detached actors."""
        self._ended_jobs.add(job)
        for group in list(self.policy.groups.values()):
            if group.job == job:
                group.job_ended = True
                if not group.actor:
                    self._remove(group.group_id)

    def end_actor(self, actor_id: bytes) -> None:
        """An actor's process is gone: the groups that it has made live as long as its job."""
        for group in list(self.policy.groups.values()):
            if group.actor == actor_id:
                group.actor = b""
                if group.job_ended:
                    self._remove(group.group_id)

    def on_remove(self, client: Client, message: messages.RemovePlacementGroup) -> None:
        """A process does not want a group any more."""
        self._remove(message.group_id)

    def _remove(self, group_id: str) -> None:
        group = self.policy.remove(group_id)
        if group is not None:
            self._log.changed(group)
            self._tell(group)
            self._end_tasks_of(group.group_id)

    def _end_tasks_of(self, group_id: str) -> None:
        for worker in _workers_of(self._nodes.workers(), group_id):
            self._processes.kill(worker, "ended because its placement group was removed")
        for task in _in_group(list(self._queue.tasks()), group_id):
            self._queue.discard(task)
            self._tasks.enqueue(task)  # which fails it

    def on_await(self, client: Client, message: messages.AwaitPlacementGroup) -> None:
        """A process wants an object that is sealed when the group has been created."""
        table = self._objects.table
        table.declare(message.object_id, None, client).subscribers.append(client)
        table.references.hold(client, message.object_id)
        group = self.policy.groups.get(message.group_id)
        if group is None:
            self._fail(message.object_id)
            return
        group.waiting.append((message.object_id, message.blob))
        if group.created or group.state == REMOVED:
            self._tell(group)

    def _tell(self, group: Group) -> None:
        """Seal what `ready()` returned: with the group itself, or with the error that it is gone."""
        waiting, group.waiting = group.waiting, []
        for object_id, blob in waiting:
            entry = self._objects.table.get(object_id)
            if entry is not None and entry.ready:
                continue  # whoever asked has died, and with it what it had made
            if group.state != REMOVED:
                self._objects.seal(object_id, (INLINE, blob), (), None)
            else:
                self._fail(object_id)
            self._objects.release([object_id])

    def _fail(self, object_id: bytes) -> None:
        payload = pickle.dumps(TaskPlacementGroupRemoved())
        self._objects.seal(object_id, (ERROR, payload), (), None)

    def refusal(self, placement: Placement) -> TaskPlacementGroupRemoved | None:
        """Why a task of this placement cannot be queued, if its group is gone."""
        if not placement or placement[0] != "group":
            return None
        group = self.policy.groups.get(placement[1])
        return TaskPlacementGroupRemoved() if group is None or group.state == REMOVED else None

    def table(self) -> dict[str, dict[str, Any]]:
        """All groups as `placement_group_table` shows them."""
        return {group_id: self._row(group) for group_id, group in self.policy.groups.items()}

    def _row(self, group: Group) -> dict[str, Any]:
        where = {
            index: self._nodes.alive[number].id
            for index, number in group.places.items()
            if number in self._nodes.alive and group.created
        }
        latency = max(0.0, group.created - group.submitted) * 1000
        return {
            "placement_group_id": group.group_id,
            "name": group.name,
            "namespace": group.namespace,
            "bundles": {
                index: {name: amount / UNIT for name, amount in plain_demand(bundle)}
                for index, bundle in enumerate(group.bundles)
            },
            "bundles_to_node_id": {index: where.get(index, "") for index in range(len(group.bundles))},
            "strategy": group.strategy,
            "state": group.state,
            "stats": {
                "end_to_end_creation_latency_ms": latency,
                "scheduling_latency_ms": latency,
                "scheduling_attempt": group.attempts,
                "highest_retry_delay_ms": 0.0,
                "scheduling_state": group.scheduling_state,
            },
        }


def _in_group(tasks: Iterable[Task], group_id: str) -> list[Task]:
    """Those of the tasks that belong to a group."""
    return [task for task in tasks if task.spec.placement[:2] == ("group", group_id)]


def _workers_of(workers: Iterable[Worker], group_id: str) -> list[Worker]:
    """The workers that run tasks of a group, or are its actors."""
    holders = {worker: worker.actor.creation if worker.actor else worker.task for worker in workers}
    return [worker for worker, task in holders.items() if task is not None and _in_group([task], group_id)]
