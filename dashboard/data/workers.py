"""Workers, drivers and nodes, and the lanes in which what workers do is drawn.

::

    node 0   lane 0   worker 2, then worker 7, which took the lane of the dead one
             lane 1   worker 3
    node 1   lane 2   worker 5        lanes are numbered as they are first needed; `order` sorts them by node
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from minray.gcs.schema import FINAL_STATES, TaskState

KEEP_DEAD_WORKERS = 500
KEEP_BLOCKED = 200  # spans drawn pale in one bar; a task that calls `get` more often is drawn solid after

BLOCKED_STATES = (TaskState.RUNNING_IN_RAY_GET, TaskState.RUNNING_IN_RAY_WAIT)
BUSY_STATES = (TaskState.RUNNING, *BLOCKED_STATES)


@dataclass(slots=True)
class Run:
    """An attempt to execute a task that has not ended."""

    task: int
    attempt: int
    function: int = 0  # its place in `Session.functions`
    parent: int = 0
    actor: int = 0
    submitted: float = 0.0  # the task, by its `.remote()`
    queued: float | None = None  # since when this attempt waits
    state: TaskState | None = None
    worker: int | None = None
    start: float | None = None
    end: float = 0.0
    slot: int = 0
    parity: int = 0
    holds: list[tuple[float, float]] = field(default_factory=list)  # when it was blocked, but for the last
    held: float | None = None  # since when it is blocked

    def describe(self, function: int, parent: int, actor: int, submitted: float) -> None:
        """What its task is."""
        self.function, self.parent, self.actor, self.submitted = function, parent, actor, submitted

    def enter(self, state: TaskState, ts: float, worker: int | None) -> None:
        """It goes on to another state, on this worker if that is said."""
        if self.queued is None:
            self.queued = ts
        self.state = state
        if self.held is not None:
            if len(self.holds) < KEEP_BLOCKED:
                self.holds.append((self.held, ts))
            self.held = None
        if state in BUSY_STATES:
            if worker is not None:
                self.worker = worker
            if self.start is None:
                self.start = ts
            if state in BLOCKED_STATES:
                self.held = ts
        elif state in FINAL_STATES:
            self.end = ts


@dataclass(slots=True)
class CrewMember:
    """A worker process, or a driver."""

    number: int
    kind: str = "WORKER"
    pid: int = 0
    node: int = 0
    state: str = "STARTING"
    since: float = 0.0
    detail: str = ""
    lane: int | None = None
    executions: int = 0  # begun so far
    running: dict[int, Run] = field(default_factory=dict)  # by task; more than one in some actors


@dataclass(slots=True)
class CrewNode:
    """A node of the session."""

    number: int
    address: str = ""
    resources: str = ""  # as JSON
    state: str = "ALIVE"
    detail: str = ""


class Crew:
    """All workers and nodes of a session.

    Attributes:
        workers: by number; drivers too.
        nodes: by number.
        depth: by lane, how many executions have gone on there at once, at most.
    """

    def __init__(self) -> None:
        self.workers: dict[int, CrewMember] = {}
        self.nodes: dict[int, CrewNode] = {}
        self.depth: list[int] = []
        self._lane_node: list[int] = []
        self._free: dict[int, list[int]] = {}
        self._dead: deque[int] = deque()
        self._order: list[int] = []

    def add_nodes(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """(node, address, resources)."""
        for number, address, resources in rows:
            node = self._node(number)
            node.address, node.resources = address or "", resources or ""

    def node_events(self, rows: Iterable[tuple[int, str, float, str | None]]) -> None:
        """(node, state, ts, detail)."""
        for number, state, _, detail in rows:
            node = self._node(number)
            node.state, node.detail = state, detail or ""

    def add_workers(self, rows: Iterable[tuple[int, int, int, str]]) -> None:
        """(worker, node, pid, kind)."""
        for number, node, pid, kind in rows:
            worker = self.worker(number)
            worker.node, worker.pid, worker.kind = node, pid, kind

    def worker_events(self, rows: Iterable[tuple[int, str, float, str | None]]) -> None:
        """(worker, state, ts, detail)."""
        for number, state, ts, detail in rows:
            worker = self.worker(number)
            if state == "DEAD" and worker.state != "DEAD":
                self._bury(worker)
            elif state != "DEAD":
                self._give_lane(worker)
            worker.state, worker.since, worker.detail = state, ts, detail or ""

    def worker(self, number: int) -> CrewMember:
        """The worker of this number, which is made if it was unknown."""
        if number not in self.workers:
            self.workers[number] = CrewMember(number)
        return self.workers[number]

    def begin(self, run: Run) -> None:
        """An execution is on its worker now."""
        assert run.worker is not None
        worker = self.worker(run.worker)
        if run.task in worker.running:
            return
        self._give_lane(worker)
        taken = {other.slot for other in worker.running.values()}
        run.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken) % 250
        worker.executions += 1
        run.parity = worker.executions % 2
        worker.running[run.task] = run
        if worker.lane is not None:
            self.depth[worker.lane] = max(self.depth[worker.lane], run.slot + 1)

    def end(self, run: Run) -> int:
        """An execution is over; returns the lane it was in."""
        if run.worker is None:
            return 0
        worker = self.worker(run.worker)
        if worker.running.get(run.task) is run:
            del worker.running[run.task]
        return worker.lane or 0

    def order(self) -> list[int]:
        """All lanes in the order in which they are drawn: by node."""
        if len(self._order) != len(self._lane_node):
            self._order = sorted(range(len(self._lane_node)), key=lambda lane: (self._lane_node[lane], lane))
        return self._order

    def in_lanes(self) -> list[CrewMember]:
        """For each lane, in `order`, the worker that had it last."""
        latest: dict[int, CrewMember] = {}
        for worker in self.workers.values():
            if worker.lane is not None:
                latest[worker.lane] = worker
        gone = CrewMember(0, state="DEAD")
        return [latest.get(lane, gone) for lane in self.order()]

    def node_of(self, lane: int) -> int:
        """The node of a lane."""
        return self._lane_node[lane]

    def _node(self, number: int) -> CrewNode:
        return self.nodes.setdefault(number, CrewNode(number))

    def _give_lane(self, worker: CrewMember) -> None:
        """A new worker is drawn in the lane of one that has died on its node, if there is such a lane."""
        if worker.lane is not None or worker.kind == "DRIVER":
            return
        free = self._free.get(worker.node)
        if free:
            worker.lane = free.pop(0)
        else:
            worker.lane = len(self._lane_node)
            self._lane_node.append(worker.node)
            self.depth.append(1)

    def _bury(self, worker: CrewMember) -> None:
        """Its lane may be used again (what it did stays drawn there); the longest dead are forgotten."""
        if worker.lane is not None:
            self._free[worker.node] = sorted([*self._free.get(worker.node, []), worker.lane])
        self._dead.append(worker.number)
        if len(self._dead) > KEEP_DEAD_WORKERS:
            self.workers.pop(self._dead.popleft(), None)
