"""The trace of a store that was written by hand: every bar where it belongs."""

import json
from pathlib import Path
from typing import Any

import pytest

from minray.gcs.chrome_trace import trace_events, write_chrome_trace
from minray.gcs.schema import TaskState as State
from minray.gcs.store import EventWriter
from steps import one_step_each

WORKERS = [(1, "id", 0, 100, "DRIVER"), (2, "id", 0, 200, "WORKER"), (3, "id", 0, 300, "WORKER")]


def store(folder: Path, *events: tuple[int, int, State, float, int | None], ended_at: str = "99.0") -> Path:
    """A recording with these rows of `task_events`; tasks are named after their numbers."""
    path = folder / "session.db"
    writer = EventWriter(path)
    numbers = sorted({event[0] for event in events})
    writer.write(
        {
            "meta": [("ended_at", ended_at)] if ended_at else [],
            "workers": WORKERS,
            "tasks": [
                (number, f"id {number}", f"task {number}", None, 1, 1.0, 0.0, "NORMAL_TASK", None, None)
                for number in numbers
            ],
            "task_steps": one_step_each(events),
        }
    )
    writer.close()
    return path


def life(
    task: int, worker: int, start: float, end: float, attempt: int = 0, last: State = State.FINISHED
) -> Any:  # noqa: ANN401
    """The rows of an ordinary task."""
    return [
        (task, attempt, State.PENDING_NODE_ASSIGNMENT, start - 1, None),
        (task, attempt, State.SUBMITTED_TO_WORKER, start, worker),
        (task, attempt, State.RUNNING, start, worker),
        (task, attempt, last, end, worker),
    ]


def bars(path: Path, category: str = "task") -> list[tuple[Any, ...]]:
    """The bars as (name, worker, start, length), in seconds."""
    found = [event for event in trace_events(path) if event.get("cat") == category]
    assert all(event["ph"] == "X" for event in found)
    return [(bar["name"], bar["tid"], bar["ts"] / 1e6, bar["dur"] / 1e6) for bar in found]


def test_a_task_is_a_bar_in_the_row_of_its_worker(tmp_path: Path) -> None:
    path = store(tmp_path, *life(1, 2, 10, 12), *life(2, 3, 11, 15))
    assert bars(path) == [("task 1", 2, 10, 2), ("task 2", 3, 11, 4)]


def test_rows_are_named_after_the_processes(tmp_path: Path) -> None:
    names = {event["tid"]: event["args"]["name"] for event in trace_events(store(tmp_path)) if "tid" in event}
    assert names == {1: "driver 100", 2: "worker 200", 3: "worker 300"}


def test_the_time_in_get_is_a_bar_inside(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        (1, 0, State.RUNNING, 10, 2),
        (1, 0, State.RUNNING_IN_RAY_GET, 11, 2),
        (1, 0, State.RUNNING, 13, 2),
        (1, 0, State.RUNNING_IN_RAY_WAIT, 14, 2),
        (1, 0, State.FINISHED, 15, 2),
    )
    assert bars(path) == [("task 1", 2, 10, 5)]
    assert bars(path, "wait") == [("RUNNING_IN_RAY_GET", 2, 11, 2), ("RUNNING_IN_RAY_WAIT", 2, 14, 1)]


@pytest.mark.parametrize("last", [State.FINISHED, State.FAILED])
def test_a_bar_says_how_its_task_ended(tmp_path: Path, last: State) -> None:
    (bar,) = [
        event for event in trace_events(store(tmp_path, *life(1, 2, 10, 12, last=last))) if "cat" in event
    ]
    assert bar["args"] == {"task_id": "id 1", "state": last.name, "attempt": 0}


def test_every_attempt_has_a_bar(tmp_path: Path) -> None:
    path = store(tmp_path, *life(1, 2, 10, 12, last=State.FAILED), *life(1, 3, 13, 14, attempt=1))
    assert bars(path) == [("task 1", 2, 10, 2), ("task 1", 3, 13, 1)]


def test_a_task_that_never_ran_has_no_bar(tmp_path: Path) -> None:
    path = store(tmp_path, (1, 0, State.PENDING_ARGS_AVAIL, 10, None), (1, 0, State.FAILED, 11, None))
    assert bars(path) == []


def test_a_task_that_was_cut_off_has_a_bar_up_to_the_sessions_end(tmp_path: Path) -> None:
    path = store(
        tmp_path, (1, 0, State.RUNNING, 10, 2), (1, 0, State.RUNNING_IN_RAY_GET, 11, 2), ended_at="20.0"
    )
    assert bars(path) == [("task 1", 2, 10, 10)]
    assert bars(path, "wait") == [("RUNNING_IN_RAY_GET", 2, 11, 9)]


def test_the_file_is_json_that_viewers_read(tmp_path: Path) -> None:
    path = store(tmp_path, *life(1, 2, 10, 12))
    write_chrome_trace(path, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())
    assert events == trace_events(path)
    for event in events:
        assert {"ph", "name", "pid"} <= set(event)
        assert event["ph"] == "M" or {"ts", "dur", "tid"} <= set(event)
