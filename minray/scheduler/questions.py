"""What processes ask the scheduler about, and what they add to the event store."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..wire.messages import AddRows, Query, Reply
from .object_report import object_report
from .tables.node_record import summed
from .tables.records import Client

if TYPE_CHECKING:
    from .local_scheduler import LocalScheduler


class Questions:
    """What `LocalScheduler` hands what processes ask to.

    Args:
        node: the scheduler itself.
    """

    def __init__(self, node: "LocalScheduler") -> None:
        self._node = node
        self._log = node.log

    def on_add_rows(self, client: Client, message: AddRows) -> None:
        """A process has rows for the event store."""
        if message.table == "api_calls":
            caller = (client.number, client.task_number)
            self._log.rows["api_calls"] += [caller + row for row in message.rows]
        else:
            self._log.rows[message.table] += message.rows

    def on_query(self, client: Client, message: Query) -> None:
        """A process asks."""
        if message.what == "flush":
            self._node.leases.report_long_running(0.0)
            self._node.flush_requests.append((client, message.request))
            return
        self._node.tidy_up()
        answers: dict[str, Callable[[], Any]] = {
            "nodes": self._node.members.table,
            "cluster_resources": lambda: summed(node.resources.total() for node in self._node.nodes.values()),
            "available_resources": lambda: summed(iter(self._available().values())),
            "available_per_node": self._available,
            "placement_groups": self._node.groups.table,
            "object_report": self._object_report,
            "objects": lambda: len(self._node.objects.table),
            "store_used": lambda: self._node.objects.room.book.used,
            "named_actors": self._node.actors.table.names,
            "namespace": lambda: self._node.processes.namespace_of(client),
        }
        client.channel.send(Reply(message.request, answers[message.what](), ""))

    def _available(self) -> dict[str, dict[str, float]]:
        """What is free, by node; of memory for objects, on this node alone: others do not tell."""
        found = {node.id: node.resources.available() for node in self._node.nodes.values()}
        here = found[self._node.nodes[0].id]
        if "object_store_memory" in here:
            free = here["object_store_memory"] - self._node.objects.room.book.used
            here["object_store_memory"] = max(0.0, free)
        return found

    def _object_report(self) -> list[tuple[Any, ...]]:
        tasks = {task.number: task for task in self._node.tasks.values()}
        return list(object_report(self._node.objects.table, tasks, self._node.clients.values()))
