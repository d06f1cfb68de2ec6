"""The rows that the scheduler makes: complete, in order, and with times that do not run backwards."""

import pickle
from typing import Any

from fake_node import Node, result
from minray.gcs.schema import TaskState
from minray.session.exit_codes import describe_exit
from minray.wire.messages import ERROR, INLINE, Blocked, Unblocked

VALUE_ERROR = ("ValueError", "no", "Traceback ...")
FAILED = (ERROR, pickle.dumps(ValueError("no")), ())


def task_rows(node: Node) -> dict[int, list[tuple[Any, ...]]]:
    """The rows of `task_events` by task, in their order."""
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for row in node.rows["task_events"]:
        rows.setdefault(row[0], []).append(row)
    return rows


def test_a_task_has_one_row_with_what_it_is() -> None:
    node = Node()
    task = node.submit(cpus=0.5, name="my task")
    ((number, task_id, name, parent, submitter, cpus, ts, kind, actor, _),) = node.rows["tasks"]
    assert (number, task_id, name, parent) == (1, task.task_id.hex(), "my task", None)
    assert (submitter, cpus, kind, actor) == (node.driver.number, 0.5, "NORMAL_TASK", None)
    assert 1000.0 < ts <= node.now


def test_a_worker_is_named_from_the_moment_that_a_task_is_given_to_it() -> None:
    node = Node()
    task = node.submit()
    worker = node.runner(task)
    assert worker is not None
    node.finish(task)
    (rows,) = task_rows(node).values()
    named = [(TaskState(row[2]).name, row[4]) for row in rows]
    assert named == [
        ("PENDING_ARGS_AVAIL", None),
        ("PENDING_NODE_ASSIGNMENT", None),
        ("SUBMITTED_TO_WORKER", worker.number),
        ("RUNNING", worker.number),
        ("FINISHED", worker.number),
    ]


def test_changes_that_come_right_after_each_other_share_a_row() -> None:
    node = Node()
    node.finish(node.submit())
    rows = [(TaskState(row[2]).name, row[6] > 0) for row in node.rows["task_steps"]]
    assert rows == [("PENDING_NODE_ASSIGNMENT", True), ("SUBMITTED_TO_WORKER", False), ("FINISHED", True)]


def test_a_task_that_waits_for_an_argument_is_told_of_at_once() -> None:
    node = Node()
    first = node.submit()
    second = node.submit(result(first))
    assert node.states(second) == ["PENDING_ARGS_AVAIL"]


def test_a_call_that_is_refused_has_arrived_before_it_has_failed() -> None:
    node = Node()
    call = node.submit(actor=bytes(16), method="ping")
    assert node.states(call) == ["PENDING_ARGS_AVAIL", "FAILED"]


def test_a_task_ran_when_its_worker_says_that_it_did() -> None:
    node = Node()
    task = node.submit()
    node.finish(task, started=node.now + 0.0001, ended=node.now + 0.0003)
    (rows,) = task_rows(node).values()
    submitted, running, finished = (row[3] for row in rows[-3:])
    assert running - submitted < 0.0002
    assert 0.0001 < finished - running < 0.0003


def test_a_task_that_runs_for_long_is_reported_as_running_while_it_does() -> None:
    node = Node()
    task = node.submit()
    node.pass_time(0.001)
    assert node.states(task)[-1] == "SUBMITTED_TO_WORKER"
    node.pass_time(1.0)
    node.pass_time(1.0)
    assert node.states(task)[-2:] == ["SUBMITTED_TO_WORKER", "RUNNING"]
    node.finish(task)
    assert node.states(task)[-2:] == ["RUNNING", "FINISHED"]


def test_the_last_attempt_of_a_task_that_crashes_is_shown_on_its_worker() -> None:
    node = Node()
    task = node.submit()
    worker = node.runner(task)
    assert worker is not None
    node.die(worker)
    (rows,) = task_rows(node).values()
    assert rows[-1][2] == TaskState.FAILED
    assert rows[-1][4] == worker.number


def test_times_of_a_task_never_go_back() -> None:
    """The scheduler hears of the end of a wait later than the task went on, and ended."""
    node = Node()
    task = node.submit()
    worker = node.runner(task)
    assert worker is not None
    ended = node.now + 0.0001
    node.tell(worker, Blocked("get"), Unblocked(), node.done(task, started=node.now, ended=ended))
    (rows,) = task_rows(node).values()
    times = [row[3] for row in rows]
    assert times == sorted(times)


def test_an_error_is_kept_with_its_attempt_its_text_and_its_traceback() -> None:
    node = Node()
    task = node.submit(max_retries=1)
    for attempt in (True, False):
        node.finish(task, FAILED, error=VALUE_ERROR, retry=attempt)
    errors = [(row[0], row[1], *row[3:]) for row in node.rows["task_errors"]]
    assert errors == [(1, 0, *VALUE_ERROR), (1, 1, *VALUE_ERROR)]


def test_a_task_that_fails_by_its_argument_says_so() -> None:
    node = Node()
    first = node.submit()
    node.submit(result(first))
    node.finish(first, FAILED, error=VALUE_ERROR)
    assert [row[0] for row in node.rows["task_errors"]] == [1, 2]
    assert "argument" in node.rows["task_errors"][1][4]


def test_arguments_are_listed_with_the_tasks_that_make_them() -> None:
    node = Node()
    first = node.submit(num_returns=2)
    node.finish(first, (INLINE, b"", ()), (INLINE, b"", ()))
    node.submit(result(first, 0), result(first, 1))
    assert node.rows["task_deps"] == [(2, result(first, 0).hex(), 1), (2, result(first, 1).hex(), 1)]


def test_the_life_of_each_process_is_told() -> None:
    node = Node(cpus=1)
    (worker,) = node.workers()
    node.die(worker, -9)
    processes = {row[0]: row[4] for row in node.rows["workers"]}
    assert processes == {node.driver.number: "DRIVER", worker.number: "WORKER"}
    told = [(row[1], row[3]) for row in node.rows["worker_events"] if row[0] == worker.number]
    assert told == [("STARTING", ""), ("IDLE", ""), ("DEAD", describe_exit(-9))]
