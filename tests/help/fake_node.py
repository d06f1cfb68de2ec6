"""A node without processes: the local scheduler's state machine between channels that are lists.

`Node` plays everybody else.  It answers the scheduler's requests for workers at once and lets a test say
what drivers and workers would: submit, finish, die.  Time moves by a millisecond a message.
"""

from collections import defaultdict
from itertools import count
from typing import Any

from minray.gcs.schema import COLUMNS, NONE_IS_ZERO, TaskState, single_steps
from minray.object_store.book import Segment
from minray.object_store.room import REMOVE, SPILL, VIEWED, Job
from minray.scheduler.local_scheduler import LocalScheduler
from minray.scheduler.tables.records import Client
from minray.wire.demand import to_demand
from minray.wire.ids import object_id, result_count, task_ids
from minray.wire.messages import (
    INLINE,
    Died,
    Exit,
    ExportFunction,
    Fork,
    Forked,
    Hello,
    Message,
    ObjectsReady,
    RunTask,
    SubmitTask,
    TaskDone,
)

FUNCTION = b"function id"
CODE = b"function code"


class FakeChannel:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def all(self, cls: type) -> list[Any]:
        """All messages of this class so far."""
        return [message for message in self.sent if type(message) is cls]


class Node:
    """A scheduler with one driver, and workers as it asks for them.

    Args:
        cpus: how many the node has.
        capacity: bytes of the object store.
        others: further resources.
        forks: whether workers that are asked for start at once; else `fork` starts them.
    """

    def __init__(self, cpus: float = 2, capacity: int = 1000, forks: bool = True, **others: float) -> None:
        self.zygote = FakeChannel()
        resources = {"CPU": float(cpus), **others}
        self.scheduler = LocalScheduler(resources, capacity, self.zygote, {"NodeID": bytes(28).hex()})
        self.forks = forks
        self.viewed: set[str] = set()  # segments that somebody has a view of
        self.jobs: list[Job] = []  # what was done with files
        self.disk_works = True  # else jobs wait
        self.disk_error = ""  # what comes of spilling and restoring
        self.now = 1000.0
        self.scheduler.log.now = self.now
        self.rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._forked = 0
        self._task_ids = task_ids()
        self._names = count(1)
        self.driver = self.connect("DRIVER", 100)
        self.scheduler.processes.start_workers()
        self.tell(self.driver, ExportFunction(FUNCTION, "f", CODE))

    # --- processes ----------------------------------------------------------------------------------

    def connect(self, kind: str, pid: int, number: int = 0) -> Client:
        """A driver or worker says hello."""
        client = Client(FakeChannel())
        self.scheduler.handle(client, Hello(kind, pid, number))
        return client

    def fork(self) -> list[Client]:
        """Be the zygote: start the workers that were asked for and are not there yet."""
        asked = self.zygote.all(Fork)[self._forked :]
        self._forked += len(asked)
        started = []
        for message in asked:
            pid = 1000 + message.worker
            self.scheduler.processes.on_forked(Forked(message.worker, pid))
            started.append(self.connect("WORKER", pid, message.worker))
        return started

    def workers(self) -> list[Client]:
        """Those that are connected."""
        return [client for client in self.scheduler.clients.values() if client.kind == "WORKER"]

    def settle(self) -> None:
        """What `scheduler.process` does after each batch of messages, until nothing more happens."""
        while True:
            self.scheduler.schedule()
            self.scheduler.tidy_up()
            self.settle_objects()
            self.scheduler.objects.flush_pushes()
            if not (self.forks and self.fork()):
                break
        for table, rows in self.scheduler.log.take().items():
            assert {len(row) for row in rows} == {COLUMNS[table]}, f"rows of {table} fit the table"
            stored = [as_stored(table, row) for row in rows]
            self.rows[table] += stored
            if table == "task_steps":
                self.rows["task_events"] += [step for row in stored for step in single_steps(row)]

    def settle_objects(self) -> None:
        """What the files of the object store do: segments are taken out of use, files removed and copied."""
        room = self.scheduler.objects.room
        room.settle(self._retire)
        while self.disk_works and (jobs := room.take_jobs()):
            self.jobs += jobs
            room.done([(job, self._outcome(job)) for job in jobs])
            room.settle(self._retire)

    def _outcome(self, job: Job) -> str:
        if job.kind == SPILL and job.source in self.viewed:
            return VIEWED
        return self.disk_error if job.kind != REMOVE else ""

    def _retire(self, segment: Segment) -> bool:
        return segment.name not in self.viewed

    def tell(self, client: Client, *messages: Message) -> None:
        """A process says something, and the scheduler acts on it."""
        for message in messages:
            self.now += 0.001
            self.scheduler.log.now = self.now
            self.scheduler.handle(client, message)
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self.now += seconds
        self.scheduler.log.now = self.now
        self.scheduler.tick()
        self.scheduler.objects.room.tick(self._retire)
        self.settle()
        for client in self.workers():
            if client.channel.all(Exit):
                self.die(client, 0)

    def die(self, worker: Client, exit_code: int = -9) -> None:
        """A worker's process ends."""
        self.now += 0.001
        self.scheduler.log.now = self.now
        self.scheduler.deaths.on_died(Died(worker.number, exit_code))
        self.settle()

    # --- tasks --------------------------------------------------------------------------------------

    def spec(self, *arguments: bytes, cpus: float = 1, **changes: Any) -> SubmitTask:  # noqa: ANN401
        """A task spec; `arguments` are object ids."""
        spec = SubmitTask(
            task_id=next(self._task_ids),
            function_id=FUNCTION,
            name=f"task {next(self._names)}",
            args=b"args",
            refs=tuple(enumerate(arguments)),
            contained=(),
            num_returns=1,
            resources=to_demand({"CPU": cpus}),
            max_retries=0,
            retry_exceptions=b"",
        )
        return spec._replace(**changes)

    def submit(
        self,
        *arguments: bytes,
        by: Client | None = None,
        cpus: float = 1,
        **changes: Any,  # noqa: ANN401
    ) -> SubmitTask:
        """The driver, or a worker, submits a task."""
        spec = self.spec(*arguments, cpus=cpus, **changes)
        self.tell(by or self.driver, spec)
        return spec

    def runner(self, spec: SubmitTask) -> Client | None:
        """The worker that was given the task and has not answered."""
        running = [worker for worker in self.workers() if worker.task and worker.task.spec is spec]
        assert len(running) <= 1, "a task runs in one place"
        return running[0] if running else None

    def running(self) -> list[SubmitTask]:
        """The tasks that are with a worker."""
        return [worker.task.spec for worker in self.workers() if worker.task]

    def order(self, spec: SubmitTask) -> RunTask:
        """The latest message that gave the task to the worker that runs it."""
        worker = self.runner(spec)
        assert worker is not None, f"{spec.name} is running"
        order: RunTask = worker.channel.all(RunTask)[-1]
        assert order.task_id == spec.task_id
        return order

    def done(self, spec: SubmitTask, *results: Any, **changes: Any) -> TaskDone:  # noqa: ANN401
        """What the worker says when the task has ended; by default each result is its name, inline."""
        values = results or tuple(
            (INLINE, spec.name.encode(), ()) for _ in range(result_count(spec.num_returns))
        )
        message = TaskDone(spec.task_id, values, self.now, self.now + 0.0005, None, False)
        return message._replace(**changes)

    def finish(self, spec: SubmitTask, *results: Any, **changes: Any) -> None:  # noqa: ANN401
        """The worker that runs the task says that it has ended."""
        worker = self.runner(spec)
        assert worker is not None, f"{spec.name} is running"
        self.tell(worker, self.done(spec, *results, **changes))

    # --- what can be seen ---------------------------------------------------------------------------

    def values(self, client: Client | None = None) -> dict[bytes, tuple[int, Any]]:
        """The values that the driver, or a worker, was sent; each at most once."""
        got: dict[bytes, tuple[int, Any]] = {}
        for message in (client or self.driver).channel.all(ObjectsReady):
            for name, kind, payload in message.objects:
                got[name] = (kind, payload)
        return got

    def states(self, spec: SubmitTask) -> list[str]:
        """The states of a task in the event store, in the order of their rows."""
        number = self.number(spec)
        return [TaskState(row[2]).name for row in self.rows["task_events"] if row[0] == number]

    def number(self, spec: SubmitTask) -> int:
        """The task's number in the event store."""
        (number,) = [row[0] for row in self.rows["tasks"] if row[1] == spec.task_id.hex()]
        return int(number)

    def available(self) -> dict[str, float]:
        """Free resources."""
        return self.scheduler.nodes.home.resources.available()


def result(spec: SubmitTask, index: int = 0) -> bytes:
    """The id of a task's result."""
    return object_id(spec.task_id, index)


def as_stored(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as it can be read from the event store."""
    none = NONE_IS_ZERO.get(table, ())
    return tuple(None if place in none and not value else value for place, value in enumerate(row))
