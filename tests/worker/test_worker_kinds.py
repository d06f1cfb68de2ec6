"""Workers of a kind: for a runtime environment, for GPUs, and for a number of calls; without processes."""

from itertools import count

from fake_node import FakeChannel, Node
from minray.scheduler.tables.nodes import Nodes
from minray.scheduler.tables.worker_pool import Kind
from minray.wire.demand import to_demand
from minray.wire.messages import Exit, Fork, RunTask


def test_a_worker_with_an_environment_runs_only_tasks_of_it() -> None:
    pool = Nodes(count(1)).add(0, {}, {"CPU": 1}, FakeChannel()).pool
    kind = Kind("environment", False)
    (plain,), (special,) = pool.to_start(1), pool.to_start(1, kind)
    pool.connected(plain.number, 0.0)
    pool.connected(special.number, 0.0)
    assert pool.take_idle(Kind("another", False)) is None
    assert pool.take_idle(kind) is special
    assert pool.take_idle(kind) is None
    assert pool.take_idle() is plain


def test_the_worker_that_was_idle_longest_leaves_whatever_its_kind() -> None:
    pool = Nodes(count(1)).add(0, {}, {"CPU": 1}, FakeChannel()).pool
    (plain,), (special,) = pool.to_start(1), pool.to_start(1, Kind("environment", False))
    pool.connected(special.number, 0.0)
    pool.connected(plain.number, 0.5)
    assert list(pool.superfluous(10.0, 1.0)) == [special]


def test_a_worker_is_forked_for_the_environment_and_used_again() -> None:
    node = Node(cpus=2)
    first = node.submit(environment="text")
    assert node.zygote.all(Fork)[-1].environment == "text"
    runner = node.runner(first)
    node.finish(first)
    second = node.submit(environment="text")
    assert node.runner(second) is runner
    other = node.submit(environment="other")
    assert node.runner(other) not in (runner, None)


def test_a_task_that_waits_for_its_kind_of_worker_holds_up_no_other() -> None:
    node = Node(cpus=2, forks=False)
    node.fork()
    node.settle()
    special = node.submit(environment="text")
    plain = node.submit()
    assert node.running() == [plain]
    node.fork()
    node.settle()
    assert special in node.running()


def test_tasks_with_gpus_have_workers_and_ids_of_their_own() -> None:
    node = Node(cpus=4, GPU=2)
    plain = node.submit()
    halves = [node.submit(resources=to_demand({"GPU": 0.5})) for _ in range(2)]
    whole = node.submit(resources=to_demand({"GPU": 1}))
    waiting = node.submit(resources=to_demand({"GPU": 1}))
    assert [node.order(spec).gpus for spec in (plain, *halves, whole)] == [(), (0,), (0,), (1,)]
    assert node.runner(waiting) is None
    gpu_worker, plain_worker = node.runner(whole), node.runner(plain)
    node.finish(plain)
    assert node.runner(waiting) is None, "a plain worker is free, but no GPU"
    node.finish(whole)
    assert node.runner(waiting) is gpu_worker
    assert plain_worker is not gpu_worker
    for spec in (*halves, waiting):
        node.finish(spec)
    assert node.available()["GPU"] == 2


def test_gpus_come_back_from_a_worker_that_died() -> None:
    node = Node(cpus=1, GPU=1)
    first = node.submit(resources=to_demand({"GPU": 1}))
    worker = node.runner(first)
    assert worker is not None
    node.die(worker)
    second = node.submit(resources=to_demand({"GPU": 1}))
    assert node.order(second).gpus == (0,)


def test_a_worker_leaves_after_max_calls_and_another_goes_on() -> None:
    node = Node(cpus=1)
    specs = [node.submit(max_calls=2) for _ in range(5)]
    workers = []
    for spec in specs:
        worker = node.runner(spec)
        assert worker is not None
        workers.append(worker.number)
        node.finish(spec)
        if worker.channel.all(Exit):
            node.die(worker, 0)
    assert workers[0] == workers[1] != workers[2] == workers[3] != workers[4]


def test_a_lease_holds_no_more_calls_than_the_worker_may_do() -> None:
    node = Node(cpus=1)
    for spec in [node.submit(max_retries=3) for _ in range(5)]:  # so short that leases hold several
        node.finish(spec)
    specs = [node.submit(max_retries=3, max_calls=3) for _ in range(10)]
    worker = node.runner(specs[0])
    assert worker is not None
    ordered = [order.task_id for order in worker.channel.all(RunTask)]
    assert [spec.task_id in ordered for spec in specs[:4]] == [True, True, True, False] or (
        ordered[-1] == specs[0].task_id
    )
