"""The scheduler's decisions, message by message, without a process, a socket or a clock."""

import pytest

from fake_node import CODE, Node, result
from minray.wire.demand import to_demand
from minray.wire.messages import (
    INLINE,
    AddRows,
    Died,
    Exit,
    Fork,
    Forked,
    Notice,
    ObjectsReady,
    Print,
    PrintToDriver,
    Query,
    Reply,
    RunTask,
    Welcome,
)

LIFE = ["PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT", "SUBMITTED_TO_WORKER", "RUNNING", "FINISHED"]

# --- from submitting to the value --------------------------------------------------------------------


def test_a_task_is_given_to_a_worker_and_its_value_to_the_driver() -> None:
    node = Node()
    task = node.submit()
    assert node.values() == {}
    node.finish(task, (INLINE, b"value", ()))
    assert node.values() == {result(task): (INLINE, b"value")}


def test_the_worker_is_told_all_that_it_needs() -> None:
    node = Node()
    task = node.submit(num_returns=2, retry_exceptions=b"*")
    order = node.order(task)
    assert (order.args, order.name, order.num_returns) == (task.args, task.name, 2)
    assert (order.function_id, order.function_blob) == (task.function_id, CODE)
    assert order.retry_exceptions == b"*"
    assert order.task == node.number(task)


def test_a_functions_code_is_sent_to_a_worker_once() -> None:
    node = Node(cpus=1)
    blobs = []
    for _ in range(3):
        task = node.submit()
        blobs.append(node.order(task).function_blob)
        node.finish(task)
    assert blobs == [CODE, None, None]


def test_each_result_has_a_value_of_its_own() -> None:
    node = Node()
    task = node.submit(num_returns=2)
    node.finish(task, (INLINE, b"one", ()), (INLINE, b"two", ()))
    assert node.values() == {result(task, 0): (INLINE, b"one"), result(task, 1): (INLINE, b"two")}


def test_a_task_without_results_just_ends() -> None:
    node = Node()
    task = node.submit(num_returns=0)
    node.finish(task)
    assert node.values() == {}
    assert not node.scheduler.tasks.alive
    assert len(node.scheduler.objects.table) == 0


def test_values_that_are_ready_together_come_in_one_message() -> None:
    node = Node()
    tasks = [node.spec(num_returns=3), node.spec()]
    node.tell(node.driver, *tasks)
    node.finish(tasks[0])
    (message,) = node.driver.channel.all(ObjectsReady)
    assert len(message.objects) == 3


def test_an_answer_for_a_task_that_the_worker_does_not_have_is_ignored() -> None:
    node = Node()
    first = node.submit()
    worker = node.runner(first)
    assert worker is not None
    node.tell(worker, node.done(first), node.done(first))
    assert node.available() == {"CPU": 2.0}
    assert node.states(first) == LIFE


# --- resources and workers ---------------------------------------------------------------------------


def test_one_worker_per_cpu_is_started_at_the_beginning() -> None:
    assert len(Node(cpus=3).zygote.all(Fork)) == 3


def test_a_process_that_says_hello_is_told_its_number() -> None:
    node = Node(cpus=1)
    numbers = [client.channel.all(Welcome)[0].worker for client in (node.driver, *node.workers())]
    assert len(set(numbers)) == 2


def test_no_more_tasks_run_than_there_are_cpus() -> None:
    node = Node(cpus=2)
    tasks = [node.submit() for _ in range(5)]
    assert set(node.running()) == set(tasks[:2])
    node.finish(tasks[1])
    assert set(node.running()) == {tasks[0], tasks[2]}


def test_tasks_that_need_no_cpu_run_although_none_is_free() -> None:
    node = Node(cpus=1)
    busy = node.submit()
    free = node.submit(cpus=0)
    assert node.runner(busy)
    assert node.runner(free)


def test_tasks_that_need_no_cpu_run_on_a_node_without_any() -> None:
    node = Node(cpus=0)
    assert node.runner(node.submit(cpus=0))


def test_a_fraction_of_a_cpu_is_enough_for_a_worker() -> None:
    node = Node(cpus=1)
    for _ in range(4):
        node.submit(cpus=0.25)
    assert len(node.running()) == 4
    assert node.available() == {}


def test_a_task_waits_for_a_worker_that_is_starting() -> None:
    node = Node(cpus=1, forks=False)
    task = node.submit()
    assert node.runner(task) is None
    (worker,) = node.fork()
    node.settle()
    assert node.runner(task) is worker


def test_not_more_workers_are_asked_for_than_can_work() -> None:
    node = Node(cpus=2, forks=False)
    for _ in range(50):
        node.submit()
    assert len(node.zygote.all(Fork)) == 2


def test_a_worker_that_dies_while_idle_is_replaced_when_it_is_needed() -> None:
    node = Node(cpus=1)
    (worker,) = node.workers()
    node.die(worker)
    task = node.submit()
    assert node.runner(task) not in (None, worker)


def test_a_worker_that_dies_before_it_has_said_hello_is_replaced() -> None:
    node = Node(cpus=1, forks=False)
    task = node.submit()
    (asked,) = node.zygote.all(Fork)
    node.scheduler.deaths.on_died(Died(asked.worker, 1))
    node.forks = True
    node._forked = 1  # the first one will never come
    node.settle()
    assert node.runner(task)


def test_a_worker_whose_hello_comes_after_its_death_is_no_worker() -> None:
    """The zygote may tell of the death before the worker's own connection was looked at."""
    node = Node(cpus=1, forks=False)
    (asked,) = node.zygote.all(Fork)
    node.scheduler.deaths.on_died(Died(asked.worker, -9))
    node.connect("WORKER", 4711, asked.worker)
    node._forked = 1
    node.forks = True
    task = node.submit()
    runner = node.runner(task)
    assert runner is not None
    assert runner.pid != 4711


def test_a_worker_that_says_hello_before_the_zygote_speaks_of_it_ends_up_idle() -> None:
    node = Node(cpus=1, forks=False)
    (asked,) = node.zygote.all(Fork)
    node.connect("WORKER", 4711, asked.worker)
    node._forked = 1
    node.scheduler.processes.on_forked(Forked(asked.worker, 4711))
    node.settle()
    states = [row[1] for row in node.rows["worker_events"] if row[0] == asked.worker]
    assert states[-1] == "IDLE"
    assert [row[3] for row in node.rows["workers"] if row[0] == asked.worker] == [4711]


def test_spare_workers_are_told_to_leave_and_as_many_as_cpus_stay() -> None:
    node = Node(cpus=2)
    tasks = [node.submit(cpus=0) for _ in range(6)]
    assert len(node.workers()) == 6
    for task in tasks:
        node.finish(task)
    node.pass_time(0.1)
    assert len(node.workers()) == 6
    node.pass_time(100.0)
    assert len(node.workers()) == 2
    node.pass_time(100.0)
    assert len(node.workers()) == 2
    assert ("left when idle", "DEAD") in {(row[3], row[1]) for row in node.rows["worker_events"]}


def test_no_worker_leaves_while_all_are_needed() -> None:
    node = Node(cpus=2)
    node.pass_time(100.0)
    assert not any(worker.channel.all(Exit) for worker in node.workers())


def test_a_task_that_asks_for_more_than_there_is_waits_and_the_driver_is_told() -> None:
    node = Node(cpus=2)
    task = node.submit(cpus=3, name="greedy")
    (notice,) = node.driver.channel.all(Notice)
    for word in ("greedy", "3 CPU", "2 CPU", "num_cpus"):
        assert word in notice.text
    assert node.runner(task) is None
    assert node.runner(node.submit()), "others go on"


def test_the_driver_is_told_of_a_greedy_task_that_a_worker_submitted() -> None:
    node = Node(cpus=2)
    parent = node.submit()
    node.submit(by=node.runner(parent), cpus=3)
    assert len(node.driver.channel.all(Notice)) == 1


# --- printing, questions, rows -----------------------------------------------------------------------


def test_what_a_task_prints_goes_to_the_driver_and_into_the_event_store() -> None:
    node = Node()
    task = node.submit()
    worker = node.runner(task)
    assert worker is not None
    node.tell(worker, Print("stdout", task.name, "hello"))
    assert node.driver.channel.all(PrintToDriver) == [PrintToDriver(task.name, worker.pid, "stdout", "hello")]
    ((_, process, number, stream, text),) = node.rows["logs"]
    assert (process, number, stream, text) == (worker.number, node.number(task), "stdout", "hello")


def test_questions_are_answered_with_their_number() -> None:
    node = Node(cpus=2, GPU=1.0)
    node.submit()
    questions = ["nodes", "cluster_resources", "available_resources", "objects", "store_used"]
    for request, what in enumerate(questions, start=7):
        node.tell(node.driver, Query(request, what))
    answers = {reply.request: reply.value for reply in node.driver.channel.all(Reply)}
    assert answers[7] == [{"NodeID": bytes(28).hex()}]
    assert answers[8] == {"CPU": 2.0, "GPU": 1.0}
    assert answers[9] == {"CPU": 1.0, "GPU": 1.0}
    assert answers[10] == 1
    assert answers[11] == 0


def test_rows_of_calls_get_the_caller_and_other_rows_are_taken_as_they_are() -> None:
    node = Node()
    task = node.submit()
    worker = node.runner(task)
    assert worker is not None
    node.tell(worker, AddRows("api_calls", (("get", 1.0, 2.0, 3, 3, 3, None),)))
    node.tell(node.driver, AddRows("experiments", ((1.0, "name", "local", 2.0, 3.0, ""),)))
    assert node.rows["api_calls"] == [(worker.number, node.number(task), "get", 1.0, 2.0, 3, 3, 3, None)]
    assert node.rows["experiments"] == [(1.0, "name", "local", 2.0, 3.0, "")]


def test_a_flush_reports_running_tasks_first() -> None:
    node = Node()
    task = node.submit()
    assert node.states(task)[-1] == "SUBMITTED_TO_WORKER"
    node.tell(node.driver, Query(1, "flush"))
    assert node.states(task)[-1] == "RUNNING"
    assert [request for _, request in node.scheduler.flush_requests] == [1]


# --- deep first --------------------------------------------------------------------------------------


def test_what_a_task_submits_goes_before_what_the_driver_submitted_earlier() -> None:
    node = Node(cpus=1)
    parent, waiting = node.submit(), node.submit()
    child = node.submit(by=node.runner(parent))
    node.finish(parent)
    assert node.running() == [child]
    node.finish(child)
    assert node.running() == [waiting]


def test_a_task_knows_its_parent_in_the_event_store() -> None:
    node = Node()
    parent = node.submit()
    child = node.submit(by=node.runner(parent))
    parents = {row[0]: row[3] for row in node.rows["tasks"]}
    assert parents == {node.number(parent): None, node.number(child): node.number(parent)}


@pytest.mark.parametrize("amount", [0.5, 2])
def test_other_resources_limit_tasks_too(amount: float) -> None:
    node = Node(cpus=8, GPU=2.0)
    for _ in range(8):
        node.submit(resources=to_demand({"GPU": amount}))
    assert len(node.running()) == 2 / amount
    assert all(len(worker.channel.all(RunTask)) <= 1 for worker in node.workers())
