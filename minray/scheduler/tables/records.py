"""What the local scheduler knows of the processes that are connected to it, and of tasks on their way."""

from dataclasses import dataclass, field
from typing import Any

from ...wire.demand import is_cpu
from ...wire.messages import CancelTask, SubmitTask
from ...wire.placement import Placement
from .queue import Demand
from .worker_pool import PLAIN, Kind, Worker


@dataclass(eq=False, slots=True)
class Client:
    """A process that is connected: a driver, or a worker."""

    channel: Any  # has send(message)
    number: int = 0
    kind: str = ""
    namespace: str = ""  # a driver's
    detached: bool = False  # a driver's: whether its program's actors are detached if they do not say
    pid: int = 0
    worker: Worker | None = None
    ready: list[tuple[bytes, int, Any]] = field(default_factory=list)  # values to push at the next flush
    creating: dict[bytes, str] = field(default_factory=dict)  # objects that it is writing: their segments

    @property
    def task(self) -> "Task | None":
        """The task that it runs; None for a driver."""
        return self.worker.task if self.worker else None

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
    missing: int = 0  # arguments that do not exist yet
    attempt: int = 0
    worker: Worker | None = None
    dispatched: float = 0.0
    running_reported: bool = False
    cancelled: bool = False
    spreads: CancelTask | None = None  # so cancelled, with all that it has submitted by then
    cancelled_at: float = 0.0
    latest_event: float = 0.0
    untold: float = 0.0  # when it came to the state that is to be told together with the next one
    sent_untold: float = 0.0  # the same: when it was given to a worker that is still busy with another task
    gpus: tuple[int, ...] = ()  # the ids of the GPUs that it uses
    kind: Kind = PLAIN  # of the workers that can run it
    actor: Any = None  # the Actor that it is a call of
    creates: Any = None  # the Actor whose constructor it runs
    in_line: bool = False  # it is a call that stands in its caller's line
    where: Placement = ()  # on which nodes it may run; see `placement`

    @property
    def lendable(self) -> Demand:
        """What others may have while the task waits in `get`: as in Ray, CPUs and nothing else.

        A GPU or a file that the task counts on is still in use.
        """
        return tuple(part for part in self.demand if is_cpu(part[0]))
