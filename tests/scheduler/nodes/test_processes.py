"""Dependencies, errors and retries: what the scheduler does when a task must wait, fails or is lost."""

import pickle
import re
from typing import Any

from fake_node import Node, result
from minray.exceptions import ObjectLostError, RayTaskError, TaskCancelledError, WorkerCrashedError
from minray.wire.error_chain import load_error
from minray.wire.messages import (
    ERROR,
    INLINE,
    CancelTask,
    Died,
    DropReferences,
    HoldReferences,
    ObjectsReady,
    PutObject,
    Subscribe,
)

FAILED = (ERROR, pickle.dumps(RayTaskError("task 1", "Traceback (most", ValueError("no"))), ())
VALUE_ERROR = ("ValueError", "no", "Traceback ...")


def raised(node: Node, object_id: bytes) -> Any:  # noqa: ANN401
    """The error that stands for a value that the driver was sent."""
    kind, payload = node.values()[object_id]
    assert kind == ERROR
    return load_error(payload)


# --- dependencies ------------------------------------------------------------------------------------


def test_a_task_waits_for_its_arguments_and_gets_their_values() -> None:
    node = Node()
    first = node.submit()
    second = node.submit(result(first))
    assert node.runner(second) is None
    assert node.states(second) == ["PENDING_ARGS_AVAIL"]
    node.finish(first, (INLINE, b"value", ()))
    assert node.order(second).values == ((0, INLINE, b"value"),)


def test_a_task_waits_for_the_last_of_its_arguments() -> None:
    node = Node()
    arguments = [node.submit() for _ in range(2)]
    task = node.submit(*map(result, arguments))
    node.finish(arguments[1])
    assert node.runner(task) is None
    node.finish(arguments[0])
    assert [value[2] for value in node.order(task).values] == [spec.name.encode() for spec in arguments]


def test_the_same_argument_twice_is_waited_for_once() -> None:
    node = Node()
    first = node.submit()
    second = node.submit(result(first), result(first))
    node.finish(first)
    assert len(node.order(second).values) == 2


def test_a_stored_object_is_an_argument_at_once() -> None:
    node = Node()
    node.tell(node.driver, PutObject(b"object", b"value", ()))
    task = node.submit(b"object")
    assert node.order(task).values == ((0, INLINE, b"value"),)


def test_an_argument_that_is_gone_is_the_tasks_error() -> None:
    """For instance a reference from a session before."""
    node = Node()
    task = node.submit(b"unknown object")
    error = raised(node, result(task))
    assert isinstance(error, ObjectLostError)
    assert b"unknown object".hex() in str(error)
    assert not node.scheduler.tasks.alive
    assert node.submit()


def test_an_error_is_the_result_of_all_that_depend_on_it() -> None:
    node = Node()
    first = node.submit()
    second = node.submit(result(first), num_returns=2)
    third = node.submit(result(second, 1))
    node.finish(first, FAILED, error=VALUE_ERROR)
    for name in (result(first), result(second, 0), result(second, 1), result(third)):
        assert isinstance(raised(node, name), ValueError)
    assert re.findall(r"ray::(.*)\(\)", str(raised(node, result(third)))) == ["task 3", "task 2", "task 1"]
    assert node.states(third) == ["PENDING_ARGS_AVAIL", "FAILED"]
    assert not node.scheduler.tasks.alive


def test_an_error_that_is_there_already_fails_a_task_at_once() -> None:
    node = Node()
    first = node.submit()
    node.finish(first, FAILED, error=VALUE_ERROR)
    second = node.submit(result(first))
    assert isinstance(raised(node, result(second)), ValueError)


def test_an_error_goes_down_a_chain_of_any_length() -> None:
    node = Node()
    first = last = node.submit()
    for _ in range(3000):
        last = node.submit(result(last))
    node.finish(first, FAILED, error=VALUE_ERROR)
    assert isinstance(raised(node, result(last)), ValueError)
    assert str(raised(node, result(last))).count("ray::task") < 30, "not all are named"
    assert not node.scheduler.tasks.alive


# --- values for others than the owner ----------------------------------------------------------------


def test_a_value_is_sent_to_whoever_asked_for_it_when_it_comes() -> None:
    node = Node()
    task, other = node.submit(), node.submit()
    worker = node.runner(other)
    assert worker is not None
    node.tell(worker, HoldReferences((result(task),)), Subscribe((result(task),)), Subscribe((result(task),)))
    assert node.values(worker) == {}
    node.finish(task)
    assert node.values(worker) == {result(task): (INLINE, task.name.encode())}
    assert sum(len(message.objects) for message in worker.channel.all(ObjectsReady)) == 1


def test_a_value_that_is_there_is_sent_when_asked_for() -> None:
    node = Node()
    node.tell(node.driver, PutObject(b"object", b"value", ()), Subscribe((b"object",)))
    assert node.values() == {b"object": (INLINE, b"value")}


def test_a_value_that_is_gone_is_an_error_that_says_so() -> None:
    node = Node()
    node.tell(node.driver, Subscribe((b"unknown",)))
    assert isinstance(raised(node, b"unknown"), ObjectLostError)


def test_a_value_for_a_worker_that_died_disturbs_nobody() -> None:
    node = Node()
    parent = node.submit()
    worker = node.runner(parent)
    assert worker is not None
    child = node.submit(by=worker)
    node.die(worker)
    node.finish(child)
    assert not node.scheduler.tasks.alive
    assert len(node.scheduler.objects.table) == 1, "the parent's error, which the driver holds"


# --- failures and retries ----------------------------------------------------------------------------


def test_a_task_whose_worker_dies_fails_with_an_error_that_says_how() -> None:
    node = Node()
    task = node.submit(name="crasher")
    worker = node.runner(task)
    assert worker is not None
    node.die(worker, -11)
    error = raised(node, result(task))
    assert isinstance(error, WorkerCrashedError)
    for words in ("crasher", "SIGSEGV", f"pid={worker.pid}"):
        assert words in str(error)
    assert node.available() == {"CPU": 2.0}


def test_a_task_whose_worker_dies_runs_again_as_often_as_it_may() -> None:
    node = Node()
    task = node.submit(max_retries=2)
    for _ in range(3):
        worker = node.runner(task)
        assert worker is not None
        node.die(worker)
    assert node.runner(task) is None
    assert isinstance(raised(node, result(task)), WorkerCrashedError)
    attempt = ["PENDING_NODE_ASSIGNMENT", "SUBMITTED_TO_WORKER", "RUNNING", "FAILED"]
    assert node.states(task) == ["PENDING_ARGS_AVAIL", *attempt * 3]


def test_a_task_with_endless_retries_goes_on_until_it_succeeds() -> None:
    node = Node()
    task = node.submit(max_retries=-1)
    for _ in range(20):
        worker = node.runner(task)
        assert worker is not None
        node.die(worker)
    node.finish(task)
    assert node.values() == {result(task): (INLINE, task.name.encode())}


def test_a_retried_task_gets_its_arguments_again() -> None:
    node = Node()
    node.tell(node.driver, PutObject(b"object", b"value", ()))
    task = node.submit(b"object", max_retries=1)
    node.tell(node.driver, DropReferences((b"object",)))
    worker = node.runner(task)
    assert worker is not None
    node.die(worker)
    assert node.order(task).values == ((0, INLINE, b"value"),)


def test_an_exception_is_a_result_and_no_reason_to_run_again() -> None:
    node = Node()
    task = node.submit(max_retries=3)
    node.finish(task, FAILED, error=VALUE_ERROR)
    assert node.values() == {result(task): FAILED[:2]}


def test_an_exception_that_the_task_wants_retried_is_retried() -> None:
    node = Node()
    task = node.submit(max_retries=1)
    node.finish(task, FAILED, error=VALUE_ERROR, retry=True)
    assert node.values() == {}
    node.finish(task, FAILED, error=VALUE_ERROR, retry=True)
    assert node.values() == {result(task): FAILED[:2]}


def test_a_retried_task_belongs_to_no_worker_until_it_is_given_to_one() -> None:
    node = Node(cpus=1)
    task = node.submit(max_retries=1)
    held = node.submit(by=node.runner(task))  # deeper, so it goes first
    node.finish(task, FAILED, error=VALUE_ERROR, retry=True)
    assert node.runner(held)
    number = node.number(task)
    rows = [row for row in node.rows["task_events"] if row[0] == number and row[1] == 1]
    assert [row[4] for row in rows] == [None]


def test_a_worker_that_dies_between_tasks_takes_nothing_with_it() -> None:
    node = Node(cpus=1)
    first = node.submit()
    worker = node.runner(first)
    assert worker is not None
    node.finish(first)
    node.die(worker)
    assert node.values() == {result(first): (INLINE, first.name.encode())}
    assert node.available() == {"CPU": 1.0}


def test_the_death_of_an_unknown_process_changes_nothing() -> None:
    node = Node()
    node.scheduler.deaths.on_died(Died(99, 1))
    assert len(node.workers()) == 2


def test_retries_after_exceptions_take_their_time_from_the_third_on() -> None:
    node = Node()
    spec = node.submit(max_retries=-1, retry_exceptions=b"*")
    waited = []
    for _ in range(8):
        node.finish(spec, (ERROR, b"again", ()), error=("ValueError", "again", ""), retry=True)
        began = node.now
        while node.runner(spec) is None:
            node.pass_time(0.05)
        waited.append(round(node.now - began, 1))
    assert waited[:5] == [0, 0, 0.1, 0.2, 0.4]
    assert waited[-1] == 1.0


def test_a_task_that_waits_to_be_tried_again_can_be_cancelled() -> None:
    node = Node()
    spec = node.submit(max_retries=-1, retry_exceptions=b"*")
    for _ in range(3):
        node.finish(spec, (ERROR, b"again", ()), error=("ValueError", "again", ""), retry=True)
    assert node.runner(spec) is None
    node.tell(node.driver, CancelTask(result(spec), False, False))
    node.pass_time(1.0)
    assert node.runner(spec) is None
    assert isinstance(pickle.loads(node.values()[result(spec)][1]), TaskCancelledError)
