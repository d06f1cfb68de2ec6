"""Reading tasks and calls from an event store, written by hand here so that every case can be had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from minray.gcs.schema import TaskState
from minray.gcs.store import EventWriter
from minray.lessons.watching.recording import (
    MOST_CALLS,
    Bookmark,
    Recording,
    as_schedule,
    bookmark,
    read,
    read_when,
    with_producers,
)
from steps import one_step_each

RUNNING, FINISHED, FAILED = TaskState.RUNNING, TaskState.FINISHED, TaskState.FAILED


class Store:
    """An event store of a session that began at second 100, with a driver (0) and two workers (1, 2)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = EventWriter(path)

    def task(self, number: int, submitted: float, *changes: tuple[int, float], **more: int | None) -> None:
        """A task and its changes of state, on the worker and in the attempt that `more` says."""
        row = (number, f"id{number}", "square", more.get("parent"), 0, 1.0, submitted)
        kind = ("NORMAL_TASK", None, None)
        attempt, worker = more.get("attempt", 0), more.get("worker", 1)
        events = [(number, attempt, state, ts, worker) for state, ts in changes]
        self._writer.write({"tasks": [row + kind], "task_steps": one_step_each(events)})

    def needs(self, task: int, producer: int | None) -> None:
        self._writer.write({"task_deps": [(task, "object", producer)]})

    def call(
        self, kind: str, began: float, ended: float, count: int = 1, wanted: int = 1, ready: int = 1
    ) -> None:
        self._writer.write({"api_calls": [(0, None, kind, began, ended, count, wanted, ready, None)]})

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "session.db")
    yield store
    store.close()


def test_a_task_is_read_with_its_times_and_worker(store: Store) -> None:
    store.task(1, 100.0, (RUNNING, 100.5), (FINISHED, 102.0), worker=2)
    (task,) = read(store.path).tasks
    assert (task.submitted, task.started, task.finished, task.worker) == (100.0, 100.5, 102.0, 2)
    assert task.done
    assert not task.failed


def test_a_task_that_still_waits_has_no_times(store: Store) -> None:
    store.task(1, 100.0, (TaskState.PENDING_NODE_ASSIGNMENT, 100.0), worker=None)
    (task,) = read(store.path).tasks
    assert (task.started, task.finished, task.worker, task.done) == (None, None, None, False)


def test_of_several_attempts_the_last_one_counts(store: Store) -> None:
    store.task(1, 100.0, (RUNNING, 100.0), (FAILED, 101.0), attempt=0, worker=1)
    store.task(1, 100.0, (RUNNING, 102.0), (FINISHED, 103.0), attempt=1, worker=2)
    (task,) = read(store.path).tasks
    assert (task.started, task.finished, task.worker, task.failed) == (102.0, 103.0, 2, False)


def test_a_task_that_waited_inside_started_when_it_first_ran(store: Store) -> None:
    blocked = TaskState.RUNNING_IN_RAY_GET
    store.task(1, 100.0, (RUNNING, 100.0), (blocked, 101.0), (RUNNING, 105.0), (FINISHED, 106.0))
    assert read(store.path).tasks[0].started == 100.0


def test_only_what_came_after_a_mark_is_read(store: Store) -> None:
    store.task(1, 100.0, (RUNNING, 100.0))
    store.call("get", 100.0, 101.0)
    here = bookmark(store.path)
    assert here == Bookmark(task=1, call=1)
    assert read(store.path, here) == Recording((), ())
    store.task(2, 99.0)  # its clock may even be behind
    store.call("wait", 99.0, 99.5)
    after = read(store.path, here)
    assert [task.number for task in after.tasks] == [2]
    assert [call.kind for call in after.calls] == ["wait"]


def test_a_wait_brings_no_more_than_it_asked_for(store: Store) -> None:
    store.call("wait", 100.0, 100.1, count=5, wanted=2, ready=4)
    assert read(store.path).calls[0].ready == 2


def test_what_a_task_needs_is_known_once_and_puts_are_left_out(store: Store) -> None:
    store.task(1, 100.0)
    store.task(2, 100.0)
    for producer in (1, 1, None):
        store.needs(2, producer)
    assert read(store.path).tasks[1].needs == (1,)


def test_tasks_are_found_with_all_that_they_depend_on(store: Store) -> None:
    for number in (1, 2, 3, 4):
        store.task(number, 100.0)
    store.needs(2, 1)
    store.needs(3, 2)
    assert [task.number for task in with_producers(read(store.path), {"id3"})] == [1, 2, 3]


def test_reading_goes_on_until_the_events_are_there(store: Store) -> None:
    looks = iter([False, False, True])
    store.task(1, 100.0)
    assert len(read_when(store.path, lambda found: next(looks)).tasks) == 1
    assert list(looks) == []


def test_patience_ends_and_returns_what_there_is(store: Store) -> None:
    store.task(1, 100.0)
    assert not read_when(store.path, lambda found: found.all_done, patience=0).all_done


def test_a_schedule_shows_tasks_in_units_with_the_drivers_waiting(store: Store) -> None:
    store.task(1, 100.0, (RUNNING, 100.0), (FINISHED, 101.0), worker=2)
    store.task(2, 100.0, (RUNNING, 101.0), (FINISHED, 102.0), worker=1)
    store.call("get", 100.0, 102.0)
    store.call("get", 90.0, 95.0)  # before these tasks: none of their business
    found = read(store.path)
    schedule = as_schedule(found.tasks, found.calls, 0.5, "Recorded", ["a", "b"])
    assert schedule.rows == ("driver", "worker 2", "worker 1")
    shown = [(slot.row, slot.label, slot.start, slot.end) for slot in schedule.slots]
    assert shown == [("driver", "get", 0, 4), ("worker 2", "a", 0, 2), ("worker 1", "b", 2, 4)]


def test_of_an_endless_loop_only_the_first_calls_are_drawn(store: Store) -> None:
    store.task(1, 100.0, (RUNNING, 100.0), (FINISHED, 102.0))
    for _ in range(MOST_CALLS + 1):
        store.call("wait", 100.0, 100.1)
    found = read(store.path)
    schedule = as_schedule(found.tasks, found.calls, 1.0, "Recorded")
    assert len(schedule.slots) == MOST_CALLS + 1  # the calls, and the task
    assert f"the first {MOST_CALLS} of {MOST_CALLS + 1} calls" in schedule.title


def test_tasks_that_never_ran_are_not_drawn_and_labels_stay_in_place(store: Store) -> None:
    store.task(1, 100.0, worker=None)
    store.task(2, 100.0, (RUNNING, 101.0), (FINISHED, 102.0))
    schedule = as_schedule(read(store.path).tasks, [], 1.0, "Recorded", ["first", "second"])
    assert [slot.label for slot in schedule.slots] == ["second"]
    assert as_schedule([], [], 1.0, "Nothing").slots == ()
