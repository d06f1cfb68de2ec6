"""The placement groups of a session, from the scheduler's side: messages in, tasks of removed groups ended.

It joins the pure policy (`PlacementGroups`) with the messages about groups.  What happens to the tasks of a
group that is removed is Ray's rule: those that wait fail, those that run lose their worker.
"""

import pickle
from collections.abc import Callable, Iterable
from typing import Any

from ...exceptions import TaskPlacementGroupRemoved
from ...wire.demand import plain_demand
from ...wire.messages import (
    ERROR,
    INLINE,
    AwaitPlacementGroup,
    CreatePlacementGroup,
    RemovePlacementGroup,
    Reply,
)
from ...wire.placement import Placement
from ..objects.objects import NodeObjects
from ..tables.event_log import EventLog
from ..tables.node_record import NodeRecord
from ..tables.queue import UNIT
from ..tables.records import Client, Task
from ..tables.worker_pool import Worker
from .policy import REMOVED, Group, PlacementGroups


class NodeGroups:
    """What `LocalScheduler` hands all messages about placement groups to.

    Args:
        nodes: those that live, by number.
        objects: where `PlacementGroup.ready()`'s objects live.
        log: where events go.
        end_tasks: fails the waiting tasks of a group, and ends the workers of the running ones.
    """

    def __init__(
        self,
        nodes: dict[int, NodeRecord],
        objects: NodeObjects,
        log: EventLog,
        end_tasks: Callable[[str], None],
    ) -> None:
        self.policy = PlacementGroups(nodes)
        self._nodes = nodes
        self._objects = objects
        self._log = log
        self._end_tasks = end_tasks
        self._ended_jobs: set[int] = set()

    def on_create(self, client: Client, message: CreatePlacementGroup) -> None:
        """A process wants a group; the answer is empty, or says why there will be none."""
        if message.name and self.policy.find(message.name, message.namespace) is not None:
            text = (
                f"Failed to create placement group '{message.group_id}' because name {message.name!r} "
                "already exists. Remove the other group, or choose another name."
            )
            client.channel.send(Reply(message.request, text, ""))
            return
        bundles = [tuple(bundle) for bundle in message.bundles]
        group = Group(message.group_id, message.name, bundles, message.strategy)
        group.conditions, group.target = message.conditions, message.target
        group.job = 0 if message.detached else client.job
        group.namespace = message.namespace
        if client.worker is not None and client.worker.actor is not None:
            group.actor = client.worker.actor.spec.actor_id
            group.job_ended = group.job in self._ended_jobs
        group.submitted = self._log.now
        self.policy.add(group)
        self._log.new_group(group, client)
        self._log.group(group)
        self.create_waiting()
        client.channel.send(Reply(message.request, "", ""))

    @property
    def restless(self) -> bool:
        """Whether a group waits for resources, or has to give some back."""
        return bool(self.policy.pending or self.policy.ending)

    def create_waiting(self) -> None:
        """Create the groups for which there is room now, and give back what removed ones had."""
        self.policy.settle()
        for group in self.policy.create_waiting():
            group.created = self._log.now
            self._log.group(group)
            self._tell(group)

    def node_joined(self) -> None:
        """There is more room."""
        self.policy.nodes_changed()

    def node_died(self, node: NodeRecord) -> None:
        """Bundles that were there need another place."""
        for group in self.policy.node_died(node.number):
            self._log.group(group)

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

    def on_remove(self, client: Client, message: RemovePlacementGroup) -> None:
        """A process does not want a group any more."""
        self._remove(message.group_id)

    def _remove(self, group_id: str) -> None:
        group = self.policy.remove(group_id)
        if group is not None:
            self._log.group(group)
            self._tell(group)
            self._end_tasks(group.group_id)

    def on_await(self, client: Client, message: AwaitPlacementGroup) -> None:
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
            index: self._nodes[number].id
            for index, number in group.places.items()
            if number in self._nodes and group.created
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


def in_group(tasks: Iterable[Task], group_id: str) -> list[Task]:
    """Those of the tasks that belong to a group."""
    return [task for task in tasks if task.spec.placement[:2] == ("group", group_id)]


def workers_of(workers: Iterable[Worker], group_id: str) -> list[Worker]:
    """The workers that run tasks of a group, or are its actors."""
    holders = {worker: worker.actor.creation if worker.actor else worker.task for worker in workers}
    return [worker for worker, task in holders.items() if task is not None and in_group([task], group_id)]
