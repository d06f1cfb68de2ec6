"""The schedule loop: which of the waiting tasks goes to which worker, on which node.

::

    while some line's first task has a node with its resources free:
        its node has an idle worker of its kind?   yes: a lease (`leases.grant`)
                                                   no: start some; the line waits for the next turn

Only a node that has the task's resources free now is chosen, so a line whose demand does not fit holds up
nobody else.  With one node there is nothing to choose; `tables/choice` has the rules for several.
"""

from collections.abc import Callable

from ...wire.config import SUSPECT_SECONDS
from ...wire.placement import SPREAD
from ..objects.whereabouts import Whereabouts
from ..tables.choice import choose_node, lasting_demand, where_of
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.queue import Line, TaskQueue, line_of
from ..tables.records import Node, Task
from ..tables.worker_pool import Kind
from .leases import Leases
from .tasks import Tasks


class ScheduleLoop:
    """Gives tasks to workers.

    Args:
        log: where events go.
        queue: the tasks that wait.
        nodes: those that live.
        whereabouts: where the tasks' arguments are.
        tasks: takes those back whose arguments are lost.
        start_workers: has a node start workers, if so many tasks of a kind could run there now.
        leases: gives workers their tasks.
    """

    def __init__(
        self,
        log: EventLog,
        queue: TaskQueue,
        nodes: Nodes,
        whereabouts: Whereabouts,
        tasks: Tasks,
        start_workers: Callable[[Node, int, Kind], None],
        leases: Leases,
    ) -> None:
        self._log, self._queue, self._nodes, self._whereabouts = log, queue, nodes, whereabouts
        self._tasks, self._start, self._leases = tasks, start_workers, leases
        self._latest_spread = 0  # the node that was chosen last for "SPREAD"

    def run(self) -> None:
        """Give tasks to workers as long as there are tasks, resources and workers."""
        held_up: set[Line] = set()  # lines whose first task has no node, or whose worker is being started
        while (task := self._queue.peek(held_up)) is not None:
            node = self._place(task)
            if node is None:
                held_up.add(line_of(task))
            elif task.spec.refs and self._nodes.several and self._whereabouts.has_lost_arguments(task):
                self._queue.pop(task)
                if not task.missing:
                    self._tasks.arguments_ready(task)
            elif (worker := node.pool.take_idle(task.kind)) is not None:
                if self._nodes.several and where_of(task) == SPREAD:
                    self._latest_spread = node.number
                self._queue.pop(task)
                self._leases.grant(task, worker)
            else:
                self._start_workers(node, task)
                held_up.add(line_of(task))

    def _start_workers(self, node: Node, task: Task) -> None:
        """Start as many workers as could run tasks of this kind now."""
        free = int(node.resources.available().get("CPU", 0)) if task.demand else node.pool.target
        self._start(node, min(self._queue.count(task.kind), max(1, free)), task.kind)

    def _place(self, task: Task) -> Node | None:
        """The node for a task; None if none has its resources free."""
        if self._nodes.several:
            return self._choose(task)
        return self._nodes.home if self._nodes.home.resources.fits(task.demand) else None

    def _choose(self, task: Task) -> Node | None:
        needs, owner, now = lasting_demand(task), task.owner.worker, self._log.now
        nodes = [
            node
            for node in self._nodes.alive.values()
            if node.link is None or now - node.heard < SUSPECT_SECONDS  # silent: it may be about to be lost
            if needs is None or node.resources.feasible(needs)
        ]
        if needs is not None and needs is not task.demand:  # an actor that takes less for life than to start
            nodes = [node for node in nodes if node.resources.fits(needs)] or nodes
        return choose_node(
            nodes,
            task.demand,
            where_of(task),
            origin=owner.node.number if owner is not None else 0,
            local_bytes=self._local_bytes(task) if task.spec.refs else {},
            last=self._latest_spread,
        )

    def _local_bytes(self, task: Task) -> dict[int, int]:
        """Bytes of a task's stored arguments by the nodes that have them."""
        found: dict[int, int] = {}
        for _, argument in task.spec.refs:
            for number, size in self._whereabouts.sizes_by_node(argument):
                found[number] = found.get(number, 0) + size
        return found
