"""Cancelling a task in each state of its life, and lending out the CPU of one that waits."""

import pickle
import signal
from typing import Any

import pytest

from fake_node import Node, result
from minray.exceptions import TaskCancelledError
from minray.wire.demand import to_demand
from minray.wire.error_chain import load_error
from minray.wire.messages import ERROR, INLINE, Blocked, CancelTask, PutObject, SubmitTask, Unblocked

CANCELLED = (ERROR, b"a pickled TaskCancelledError", ())
CANCELLED_ROW = ("TaskCancelledError", "cancelled", "")


def cancel(node: Node, spec: SubmitTask, force: bool = False, recursive: bool = True) -> None:
    """The driver cancels a task."""
    node.tell(node.driver, CancelTask(result(spec), force, recursive))


def assert_cancelled(node: Node, spec: SubmitTask) -> None:
    """The task is over, and its value is the error that says so."""
    kind, payload = node.values()[result(spec)]
    assert kind == ERROR
    error = pickle.loads(payload)
    assert isinstance(error, TaskCancelledError)
    assert spec.task_id.hex() in str(error)
    assert spec.task_id not in node.scheduler.tasks.alive
    assert node.states(spec)[-1] == "FAILED"


# --- cancelling --------------------------------------------------------------------------------------


def test_a_queued_task_is_over_at_once() -> None:
    node = Node(cpus=1)
    running, queued = node.submit(), node.submit()
    cancel(node, queued)
    assert_cancelled(node, queued)
    node.finish(running)
    assert node.running() == []


def test_a_task_that_waits_for_arguments_is_over_at_once_and_for_good() -> None:
    node = Node(cpus=2)
    first = node.submit()
    second = node.submit(result(first))
    cancel(node, second)
    assert_cancelled(node, second)
    node.finish(first)
    assert node.running() == []


def test_a_task_that_asks_for_the_impossible_can_be_cancelled() -> None:
    node = Node(cpus=1)
    greedy = node.submit(cpus=5)
    cancel(node, greedy)
    assert_cancelled(node, greedy)


@pytest.mark.parametrize(("force", "number"), [(False, signal.SIGINT), (True, signal.SIGKILL)])
def test_a_running_task_is_sent_a_signal_and_ends_when_its_worker_says_so(
    force: bool, number: signal.Signals
) -> None:
    node = Node()
    task = node.submit(max_retries=3)
    worker = node.runner(task)
    assert worker is not None
    cancel(node, task, force)
    assert node.scheduler.processes.signals == [(worker.pid, number)]
    assert node.values() == {}
    if force:
        node.die(worker, -signal.SIGKILL)
        assert_cancelled(node, task)
    else:
        node.finish(task, CANCELLED, error=CANCELLED_ROW)
        assert node.values() == {result(task): CANCELLED[:2]}
    assert node.available() == {"CPU": 2.0}


def test_a_cancelled_task_is_not_retried_even_if_it_wants_to_be() -> None:
    node = Node()
    task = node.submit(max_retries=-1, retry_exceptions=b"*")
    cancel(node, task)
    node.finish(task, CANCELLED, error=CANCELLED_ROW, retry=True)
    assert not node.scheduler.tasks.alive


def test_a_running_task_that_finishes_all_the_same_has_its_value() -> None:
    node = Node()
    task = node.submit()
    cancel(node, task)
    node.finish(task)
    assert node.values() == {result(task): (INLINE, task.name.encode())}


def test_a_task_that_waits_for_its_next_attempt_is_over_and_no_other_task_is_disturbed() -> None:
    node = Node(cpus=1)
    task = node.submit(max_retries=1)
    child = node.submit(by=node.runner(task))  # deeper: it gets the worker that the first attempt had
    node.finish(task, CANCELLED, error=("ValueError", "no", ""), retry=True)
    assert node.running() == [child]
    cancel(node, task, recursive=False)
    assert node.scheduler.processes.signals == []
    assert_cancelled(node, task)
    node.finish(child)
    assert node.running() == []


def test_a_finished_task_and_a_stored_object_cannot_be_cancelled() -> None:
    node = Node()
    task = node.submit()
    node.finish(task)
    node.tell(node.driver, PutObject(b"object", b"value", ()))
    cancel(node, task)
    node.tell(node.driver, CancelTask(b"object", False, True), CancelTask(b"unknown", True, True))
    assert node.values() == {result(task): (INLINE, task.name.encode())}
    assert node.scheduler.processes.signals == []


def test_what_a_cancelled_task_submitted_is_cancelled_too_even_if_it_arrives_later() -> None:
    node = Node(cpus=2)
    parent = node.submit()
    cancel(node, parent)
    worker = node.runner(parent)
    child = node.submit(by=worker, submitted=node.now - 1)
    assert node.states(child)[-1] == "FAILED"
    assert node.running() == [parent]
    cleaning_up = node.submit(by=worker, submitted=node.now + 1)
    assert node.states(cleaning_up)[-1] != "FAILED"


def test_cancelling_twice_does_no_harm() -> None:
    node = Node(cpus=1)
    running, queued = node.submit(), node.submit()
    for task in (running, queued, running, queued):
        cancel(node, task)
    assert_cancelled(node, queued)
    node.finish(running, CANCELLED, error=CANCELLED_ROW)
    assert not node.scheduler.tasks.alive


def test_what_depends_on_a_cancelled_task_fails_with_it() -> None:
    node = Node(cpus=1)
    node.submit()
    queued = node.submit()
    last = node.submit(result(node.submit(result(queued))))
    cancel(node, queued)
    kind, payload = node.values()[result(last)]
    assert kind == ERROR
    assert isinstance(load_error(payload), TaskCancelledError)


def test_all_that_a_task_submitted_is_cancelled_with_it() -> None:
    node = Node(cpus=3)
    parent = node.submit()
    child = node.submit(by=node.runner(parent))
    grandchild = node.submit(by=node.runner(child))
    queued = node.submit(by=node.runner(grandchild), cpus=3)
    dependent = node.submit(result(queued), by=node.runner(parent))
    stranger = node.submit(cpus=3)
    workers = {node.runner(task) for task in (parent, child, grandchild)}
    cancel(node, parent)
    assert {pid for pid, _ in node.scheduler.processes.signals} == {
        worker.pid for worker in workers if worker
    }
    assert queued.task_id not in node.scheduler.tasks.alive
    assert dependent.task_id not in node.scheduler.tasks.alive
    assert stranger.task_id in node.scheduler.tasks.alive


def test_children_go_on_when_told_so() -> None:
    node = Node(cpus=2)
    parent = node.submit()
    child = node.submit(by=node.runner(parent))
    cancel(node, parent, recursive=False)
    assert len(node.scheduler.processes.signals) == 1
    node.finish(child)
    assert node.states(child)[-1] == "FINISHED"


# --- lending out CPUs --------------------------------------------------------------------------------


def block(node: Node, spec: SubmitTask, kind: str = "get") -> Any:  # noqa: ANN401 - the worker
    """The task waits inside `get`."""
    worker = node.runner(spec)
    assert worker is not None
    node.tell(worker, Blocked(kind))
    return worker


@pytest.mark.parametrize(("kind", "state"), [("get", "RUNNING_IN_RAY_GET"), ("wait", "RUNNING_IN_RAY_WAIT")])
def test_a_task_that_waits_lends_its_cpu_out_and_takes_it_back(kind: str, state: str) -> None:
    node = Node(cpus=1)
    parent = node.submit()
    child = node.submit(by=node.runner(parent))
    assert node.runner(child) is None
    worker = block(node, parent, kind)
    assert node.runner(child)
    node.finish(child)
    node.tell(worker, Unblocked())
    assert node.available() == {}
    node.finish(parent)
    assert node.available() == {"CPU": 1.0}
    assert node.states(parent)[-4:] == ["RUNNING", state, "RUNNING", "FINISHED"]


def test_tasks_may_wait_for_tasks_many_levels_deep_on_one_cpu() -> None:
    node = Node(cpus=1)
    parents = [node.submit()]
    for _ in range(50):
        child = node.submit(by=node.runner(parents[-1]))
        block(node, parents[-1])
        parents.append(child)
    for task in reversed(parents):
        worker = node.runner(task)
        assert worker is not None
        node.tell(worker, Unblocked(), node.done(task))
    assert node.available() == {"CPU": 1.0}
    assert not node.scheduler.tasks.alive


def test_nothing_new_starts_while_a_woken_task_uses_a_cpu_that_is_lent_out() -> None:
    node = Node(cpus=1)
    parent = node.submit()
    child = node.submit(by=node.runner(parent))
    worker = block(node, parent)
    assert node.runner(child)
    waiting = node.submit()
    node.tell(worker, Unblocked())
    node.finish(child)
    assert node.runner(waiting) is None
    node.finish(parent)
    assert node.runner(waiting)


def test_a_task_that_waits_keeps_what_is_not_a_cpu() -> None:
    """As in Ray: its model still lies in the GPU's memory."""
    node = Node(cpus=2, GPU=1.0)
    task = node.submit(resources=to_demand({"CPU": 1, "GPU": 1}))
    worker = block(node, task)
    assert node.available() == {"CPU": 2.0}
    node.tell(worker, Unblocked())
    node.finish(task)
    assert node.available() == {"CPU": 2.0, "GPU": 1.0}


def test_saying_twice_that_it_waits_lends_one_cpu() -> None:
    """Two threads of a task may both wait."""
    node = Node(cpus=2)
    task = node.submit()
    worker = block(node, task)
    block(node, task)
    assert node.available() == {"CPU": 2.0}
    node.tell(worker, Unblocked(), Unblocked())
    assert node.available() == {"CPU": 1.0}


def test_a_task_that_ends_while_one_of_its_threads_waits_gives_its_cpu_back_once() -> None:
    node = Node(cpus=2)
    task = node.submit()
    worker = block(node, task)
    node.finish(task)
    assert node.available() == {"CPU": 2.0}
    node.tell(worker, Unblocked())
    assert node.available() == {"CPU": 2.0}


def test_a_task_whose_worker_dies_while_it_waits_gives_its_cpu_back_once() -> None:
    node = Node(cpus=2, GPU=1.0)
    task = node.submit(resources=to_demand({"CPU": 1, "GPU": 1}))
    node.die(block(node, task))
    assert node.available() == {"CPU": 2.0, "GPU": 1.0}


def test_a_process_without_a_task_has_nothing_to_lend() -> None:
    node = Node(cpus=2)
    for client in (node.driver, *node.workers()):
        node.tell(client, Blocked("get"), Unblocked())
    assert node.available() == {"CPU": 2.0}
