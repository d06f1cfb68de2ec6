"""Whatever drivers and workers do, in whatever order: nothing leaks, and every task ends exactly once.

Hypothesis plays the processes of a node.  The model beside the scheduler is small: which tasks were submitted
and by whom, and which references each process has.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_node import Node, result
from minray.gcs.schema import FINAL_STATES, TaskState
from minray.scheduler.tables.records import Client
from minray.wire.config import LONGEST_RETRY_SECONDS
from minray.wire.demand import to_demand
from minray.wire.ids import task_ids
from minray.wire.messages import (
    ERROR,
    INLINE,
    STORED,
    Blocked,
    CancelTask,
    CreateSegment,
    DropReferences,
    ObjectsReady,
    PutObject,
    Reply,
    SealSegment,
    SubmitTask,
    Unblocked,
)

CPUS = 2
FAILED = (ERROR, b"\x80 as a pickle begins", ())


class SchedulerMachine(RuleBasedStateMachine):
    """One driver, some workers, and all that they may say."""

    def __init__(self) -> None:
        super().__init__()
        self.node = Node(cpus=CPUS, capacity=2000, GPU=1.0)
        self.ids = task_ids()
        self.submitted: list[tuple[SubmitTask, Client]] = []
        self.refs: dict[Client, list[bytes]] = {}  # what each living process refers to
        self.contained: dict[bytes, tuple[bytes, ...]] = {}  # the references inside each result
        self.killed: set[Client] = set()

    def draw_client(self, data: st.DataObject) -> Client:
        """The driver, or a worker that runs a task."""
        busy = [worker for worker in self.node.workers() if worker.task]
        return data.draw(st.sampled_from([self.node.driver, *busy]))

    def draw_busy(self, data: st.DataObject) -> tuple[Client, SubmitTask]:
        """A worker and the task that it runs."""
        worker = data.draw(st.sampled_from([worker for worker in self.node.workers() if worker.task]))
        assert worker.task is not None
        return worker, worker.task.spec

    def draw_refs(self, data: st.DataObject, client: Client, most: int = 3) -> list[bytes]:
        """Some of the references that a process has."""
        known = self.refs.get(client, [])
        return data.draw(st.lists(st.sampled_from(known), max_size=most)) if known else []

    def leads_to(self, name: bytes, spec: SubmitTask) -> bool:
        """Whether a result of the task lies inside this object: objects in a circle would never be freed."""
        inner = self.contained.get(name, ())
        return name[:24] == spec.task_id or any(self.leads_to(other, spec) for other in inner)

    # --- what may happen ----------------------------------------------------------------------------

    @rule(data=st.data(), cpus=st.sampled_from([0, 0.5, 1, 2]), gpu=st.sampled_from([0, 0, 1]))
    def submit(self, data: st.DataObject, cpus: float, gpu: float) -> None:
        client = self.draw_client(data)
        spec = self.node.submit(
            *self.draw_refs(data, client),
            by=client,
            resources=to_demand({"CPU": cpus, "GPU": gpu}),
            contained=tuple(self.draw_refs(data, client, most=1)),
            num_returns=data.draw(st.integers(0, 2)),
            max_retries=data.draw(st.sampled_from([0, 1, -1])),
        )
        self.submitted.append((spec, client))
        self.refs.setdefault(client, []).extend(result(spec, index) for index in range(spec.num_returns))

    @rule(data=st.data(), large=st.booleans())
    def put(self, data: st.DataObject, large: bool) -> None:
        client = self.draw_client(data)
        name = next(self.ids) + bytes(4)
        contained = tuple(self.draw_refs(data, client, most=2))
        if large:
            self.node.tell(client, CreateSegment(1, name, 300))
            if client.channel.all(Reply)[-1].error:
                return
            self.node.tell(client, SealSegment(name, contained))
        else:
            self.node.tell(client, PutObject(name, b"value", contained))
        self.contained[name] = contained
        self.refs.setdefault(client, []).append(name)

    @precondition(lambda self: self.node.running())
    @rule(data=st.data(), how=st.sampled_from(["inline", "stored", "failed", "retry"]))
    def finish(self, data: st.DataObject, how: str) -> None:
        worker, spec = self.draw_busy(data)
        if worker.task and worker.task.worker and worker.task.worker.blocked and data.draw(st.booleans()):
            self.node.tell(worker, Unblocked())
        contained = tuple(
            name for name in self.draw_refs(data, worker, most=1) if not self.leads_to(name, spec)
        )
        for index in range(spec.num_returns):
            self.contained[result(spec, index)] = contained
        results = [(INLINE, b"value", contained)] * spec.num_returns
        if how == "stored" and spec.num_returns:
            self.node.tell(worker, CreateSegment(1, result(spec), 300))
            answer = worker.channel.all(Reply)[-1]
            if not answer.error:
                results[0] = (STORED, (result(spec), answer.value[0], 300), contained)
        if how in ("failed", "retry"):
            results = [FAILED] * spec.num_returns
            error = ("ValueError", "no", "")
            self.node.finish(spec, results=tuple(results), error=error, retry=how == "retry")
        else:
            self.node.finish(spec, results=tuple(results))

    @precondition(lambda self: self.node.running())
    @rule(data=st.data(), message=st.sampled_from([Blocked("get"), Blocked("wait"), Unblocked()]))
    def wait_or_go_on(self, data: st.DataObject, message: Blocked | Unblocked) -> None:
        self.node.tell(self.draw_busy(data)[0], message)

    @precondition(lambda self: self.node.workers())
    @rule(data=st.data(), code=st.sampled_from([0, 1, -9, -11]))
    def kill(self, data: st.DataObject, code: int) -> None:
        dying = [data.draw(st.sampled_from(self.node.workers()))]
        while dying:
            worker = dying.pop()
            self.node.die(worker, code)
            self.refs.pop(worker, None)
            killed = {
                pid for pid, _ in self.node.scheduler.processes.signals
            }  # they ran tasks that it had submitted
            self.node.scheduler.processes.signals.clear()
            dying += [worker for worker in self.node.workers() if worker.pid in killed]

    @precondition(lambda self: self.submitted)
    @rule(data=st.data(), force=st.booleans(), recursive=st.booleans())
    def cancel(self, data: st.DataObject, force: bool, recursive: bool) -> None:
        spec, _ = data.draw(st.sampled_from(self.submitted))
        self.node.tell(self.node.driver, CancelTask(result(spec), force, recursive))
        for pid, _ in self.node.scheduler.processes.signals:
            assert pid in {worker.pid for worker in self.node.workers() if worker.task}
        self.node.scheduler.processes.signals.clear()

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        client = self.draw_client(data)
        dropped = set(self.draw_refs(data, client))
        if dropped:
            self.refs[client] = [name for name in self.refs[client] if name not in dropped]
            self.node.tell(client, DropReferences(tuple(dropped)))

    @rule(seconds=st.sampled_from([0.001, 0.1, 5.0]))
    def pass_time(self, seconds: float) -> None:
        self.let_time_pass(seconds)

    def let_time_pass(self, seconds: float) -> None:
        """Idle workers may leave meanwhile, and their references with them."""
        before = set(self.node.workers())
        self.node.pass_time(seconds)
        for worker in before - set(self.node.workers()):
            self.refs.pop(worker, None)

    # --- what must always hold ----------------------------------------------------------------------

    @invariant()
    def resources_are_what_running_tasks_leave(self) -> None:
        free = {"CPU": CPUS * 1.0, "GPU": 1.0}
        for worker in self.node.workers():
            if worker.task is not None:
                lent = worker.worker is not None and worker.worker.blocked
                for name, amount in worker.task.demand:
                    free[name] -= 0 if lent and name == "CPU" else amount / 10_000
        assert self.node.available() == {name: amount for name, amount in free.items() if amount > 0}

    @invariant()
    def no_task_waits_that_could_run(self) -> None:
        scheduler = self.node.scheduler
        assert not any(scheduler.nodes.home.resources.fits(task.demand) for task in scheduler.queue.heads())

    @invariant()
    def a_worker_has_a_task_or_is_idle(self) -> None:
        workers = self.node.scheduler.nodes.home.pool.workers.values()
        free = [worker for worker in workers if worker.client and not worker.task and not worker.leaving]
        assert len(free) == self.node.scheduler.nodes.home.pool.idle
        assert not any(worker.blocked or worker.ahead for worker in free)

    @invariant()
    def every_task_ends_once(self) -> None:
        ends = Counter(
            (row[0], row[1]) for row in self.node.rows["task_events"] if TaskState(row[2]) in FINAL_STATES
        )
        assert set(ends.values()) <= {1}, "an attempt ends once"
        going_on = {task.number for task in self.node.scheduler.tasks.alive.values()}
        ended = {number for number, _ in ends}
        assert {row[0] for row in self.node.rows["tasks"]} == going_on | ended

    @invariant()
    def times_do_not_run_backwards(self) -> None:
        latest: dict[int, float] = {}
        for number, _, _, ts, _ in self.node.rows["task_events"]:
            assert ts >= latest.get(number, 0.0)
            latest[number] = ts

    @invariant()
    def the_store_knows_its_room(self) -> None:
        store = self.node.scheduler.objects.room.book
        assert 0 <= store.used <= store.capacity
        assert store.used == 300 * len(store._live) <= store.taken <= store.capacity

    @invariant()
    def what_a_process_refers_to_exists(self) -> None:
        for names in self.refs.values():
            for name in names:
                assert self.node.scheduler.objects.table.get(name) is not None

    def teardown(self) -> None:
        """Let everything finish and drop all references: then nothing is left."""
        node = self.node
        while node.scheduler.tasks.alive:
            if not node.running():  # then those that are left have failed often, and wait to be tried again
                self.let_time_pass(LONGEST_RETRY_SECONDS)
            assert node.running(), "all tasks fit the node, so all can run"
            node.finish(node.running()[0])
        self.check_values()
        for client, names in self.refs.items():
            node.tell(client, DropReferences(tuple(names)))
        scheduler = node.scheduler
        assert len(scheduler.objects.table) == 0
        assert not scheduler.objects.table.references._counts
        assert scheduler.objects.room.book.used == 0
        assert scheduler.queue.length == 0
        assert node.available() == {"CPU": CPUS * 1.0, "GPU": 1.0}
        assert not any(client.creating for client in scheduler.clients.values())

    def check_values(self) -> None:
        """Whoever submitted a task and lives was sent each of its values once."""
        sent = {client: Counter[bytes]() for client in self.node.scheduler.clients.values()}
        for client, counter in sent.items():
            for message in client.channel.all(ObjectsReady):
                counter.update(name for name, _, _ in message.objects)
        for spec, client in self.submitted:
            if client in sent:
                assert [sent[client][result(spec, index)] for index in range(spec.num_returns)] == [
                    1
                ] * spec.num_returns


TestLocalScheduler = SchedulerMachine.TestCase
TestLocalScheduler.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
