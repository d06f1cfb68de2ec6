"""What the local scheduler knows of processes, tasks, actors and nodes, one record each.

Every field is written by one module, or by a method here; everybody may read it.  Who writes what:

    Client   a driver or worker that is connected    nodes/processes; what it is sent and writes: objects
    Worker   a worker process, busy or not           its task: tasks/leases; its connection and doom:
                                                     nodes/processes; whether it leaves: tables/worker_pool;
                                                     its actor: actors/actors
    Task     a task that is not finished             at first tasks/tasks; then where it runs: tasks/leases;
                                                     arguments that are missing: objects; its attempts:
                                                     tasks/retries; that it was cancelled: tasks/cancelling;
                                                     what was told of it: tables/event_log; its place in an
                                                     actor's line: tables/lines
    Actor    an actor, dead or alive                 actors/actors
    Node     one node of the session                 nodes/far_nodes; its workers: tables/nodes
"""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import Protocol, cast

from ...exceptions import RayError
from ...gcs.schema import ActorState
from ...wire.demand import Demand, is_cpu
from ...wire.ids import actor_object
from ...wire.messages import CancelTask, CreateActor, Message, SubmitTask, TaskDone
from ...wire.placement import Placement
from .lines import Lines
from .resources import Resources
from .worker_pool import PLAIN, Kind, WorkerPool


class Peer(Protocol):
    """Another process, as far as it can be told something."""

    def send(self, message: Message, /) -> None:
        """Send a message, or keep it until the next turn's end."""


class Route(Protocol):
    """The way of tasks that are not plain: an actor's constructor, or a call of one."""

    def submit(self, task: "Task", /) -> None:
        """The task is new and has no arguments, or not all of them exist yet."""

    def arguments_ready(self, task: "Task", /) -> None:
        """All its arguments exist."""

    def argument_failed(self, task: "Task", argument: bytes, payload: bytes, /) -> None:
        """One of its arguments is an error."""

    def enqueue(self, task: "Task", /) -> bool:
        """The task is to run; whether it waits for a node, as a plain task does."""

    def start(self, task: "Task", worker: "Worker", /) -> None:
        """It was given a worker of its own."""

    def failed(self, task: "Task", error: RayError, /) -> None:
        """The runtime has made an error its result."""

    def stop(self, task: "Task", /) -> bool:
        """The task was cancelled; whether nothing else has to be done about it."""


class CallKeeper(Protocol):
    """Whoever looks after the calls of an actor."""

    def done(self, client: "Client", worker: "Worker", message: TaskDone, /) -> None:
        """The worker has run a call of the actor that lives in it, or the constructor."""


@dataclass(eq=False, slots=True)
class Worker:
    """One worker process, as the local scheduler sees it."""

    number: int
    node: "Node"
    kind: Kind = PLAIN
    pid: int = 0
    client: "Client | None" = None  # None: not connected yet
    task: "Task | None" = None
    ahead: "deque[Task]" = field(default_factory=deque)  # tasks that it got with the same lease, after `task`
    blocked: bool = False
    idle_since: float = 0.0
    functions: set[bytes] = field(default_factory=set)  # those whose code it has
    calls: Counter[bytes] = field(default_factory=Counter)  # of functions that have `max_calls`
    retiring: bool = False  # has done all the calls that it may do
    leaving: bool = False  # told to exit
    doom: str = ""  # why the scheduler ended it
    actor: "Actor | None" = None  # the actor that lives in it, to the exclusion of all else

    def send(self, message: Message) -> None:
        """Tell the worker something; it is connected."""
        assert self.client is not None, "only a worker that is connected is given work"
        self.client.channel.send(message)


@dataclass(eq=False, slots=True)
class Client:
    """A process that is connected: a driver, a worker, or a further node."""

    channel: Peer
    number: int = 0
    kind: str = ""
    namespace: str = ""  # a driver's
    detached: bool = False  # a driver's: whether its program's actors are detached if they do not say
    pid: int = 0
    worker: Worker | None = None
    ready: list[tuple[bytes, int, object]] = field(default_factory=list)  # values to push at the next flush
    creating: dict[bytes, str] = field(default_factory=dict)  # objects that it is writing: their segments

    @property
    def task(self) -> "Task | None":
        """The task that it runs; None for a driver."""
        return self.worker.task if self.worker else None

    @property
    def actor(self) -> "Actor | None":
        """The actor that it is, if it is one."""
        return self.worker.actor if self.worker else None

    @property
    def task_number(self) -> int | None:
        """That task's number in the event store."""
        task = self.task
        return task.number if task else None

    @property
    def job(self) -> int:
        """The number of the driver that this process works for; 0 for a worker that does nothing."""
        if self.worker is None:
            return self.number
        task = self.worker.actor.creation if self.worker.actor else self.task
        return task.job if task else 0


@dataclass(eq=False, slots=True)
class Task:
    """A task that is not finished."""

    spec: SubmitTask
    number: int
    owner: Client
    parent: int | None
    depth: int
    job: int  # the number of the driver whose program it belongs to
    demand: Demand
    retries_left: int
    kind: Kind = PLAIN  # of the workers that can run it
    where: Placement = ()  # on which nodes it may run; see `placement`
    route: Route | None = None  # None: a plain task
    actor: "Actor | None" = None  # the actor that it is a call, or the constructor, of
    in_line: bool = False  # it is a call that stands in its caller's line
    spreads: CancelTask | None = None  # so cancelled, with all that it has submitted by then
    cancelled_at: float = 0.0
    cancelled: bool = False
    missing: int = 0  # arguments that do not exist yet
    attempt: int = 0
    worker: Worker | None = None
    dispatched: float = 0.0
    gpus: tuple[int, ...] = ()  # the ids of the GPUs that it uses
    running_reported: bool = False
    latest_event: float = 0.0
    untold: float = 0.0  # when it came to the state that is to be told together with the next one
    sent_untold: float = 0.0  # the same: when it was given to a worker that is still busy with another task

    @property
    def constructs(self) -> "Actor | None":
        """The actor whose constructor it runs, if it is one."""
        return self.actor if self.actor is not None and self.actor.creation is self else None

    @property
    def lendable(self) -> Demand:
        """What others may have while the task waits in `get`: as in Ray, CPUs and nothing else.

        A GPU or a file that the task counts on is still in use.
        """
        return tuple(part for part in self.demand if is_cpu(part[0]))


@dataclass(eq=False, slots=True)
class Actor:
    """One actor; its states are drawn in `actors/table`."""

    spec: CreateActor
    number: int
    owner: Client
    creation: Task
    lines: Lines[Task]
    calls: CallKeeper
    restarts_left: int
    restarts: int = 0
    state: ActorState = ActorState.DEPENDENCIES_UNREADY
    worker: Worker | None = None
    running: OrderedDict[bytes, Task] = field(default_factory=OrderedDict)  # calls that are with the worker
    unreferenced: bool = False  # nobody refers to it any more: it ends when its calls are done
    name_is_free: bool = False  # it was ended on purpose, by others
    exit_reason: str = ""  # its process said that it ends, and why
    death: bytes = b""  # the error that all further calls raise, serialized
    shown_as: str = ""  # its `repr`, if its class has one of its own

    @property
    def object_id(self) -> bytes:
        """The object that stands for the actor: references to it keep the actor alive."""
        return actor_object(self.spec.actor_id)

    @property
    def id(self) -> str:
        """The actor's id in hexadecimal."""
        return self.spec.actor_id.hex()

    @property
    def one_at_a_time(self) -> bool:
        """Whether its calls run one after the other, in the worker's main thread."""
        return self.spec.in_order

    @property
    def unneeded(self) -> bool:
        """Whether it may go: nobody refers to it, its calls are done, and it is not about to be made."""
        being_made = self.worker is not None and self.state != ActorState.ALIVE
        return self.unreferenced and not self.running and not self.lines and not being_made

    def may_restart(self) -> bool:
        """Whether it is to be made again when its process dies."""
        return self.restarts_left != 0 and not self.exit_reason and not self.unreferenced


@dataclass(eq=False, slots=True)
class Node:
    """One node of the session; the head's has the number 0."""

    number: int
    info: dict[str, object]  # what `nodes()` shows
    resources: Resources
    zygote: Peer  # takes orders for new workers
    pool: WorkerPool[Worker] = field(init=False)
    link: Peer | None = None  # to the node's process; None for the head itself
    alive: bool = True
    heard: float = 0.0  # when it last said something
    store_used: float = 0.0  # the share of its object store's memory, from 0 to 1; of the head, not kept here
    folder: str = ""  # where its objects are
    pids: tuple[int, ...] = ()  # of its own processes

    @property
    def id(self) -> str:
        """The node's id, in hexadecimal."""
        return str(self.info["NodeID"])

    @property
    def labels(self) -> dict[str, str]:
        """The node's labels."""
        return cast(dict[str, str], self.info.get("Labels", {}))

    def describe(self) -> dict[str, object]:
        """The node as `nodes()` shows it; a dead one has no resources."""
        return self.info if self.alive else self.info | {"Alive": False, "alive": False, "Resources": {}}
