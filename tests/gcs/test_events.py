"""The event store of real runs: every change of state is a row, while it happens and for ever after."""

import json
import os
import time
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray import ObjectRef
from minray.api import record_experiment
from minray.exceptions import WorkerCrashedError
from minray.gcs.schema import SCHEMA_VERSION
from minray.gcs.store import connect_readonly
from runtime_tools import Gate, event_store, rows, session, wait_for_rows, wait_until


@ray.remote
def quick(x: int = 0) -> int:
    return x


@ray.remote
def no_number(text: str) -> int:
    return int(text)


@ray.remote
def hold(gate: Gate) -> int:
    return gate.wait()


def life_of(name: str) -> list[str]:
    """The states of the one task of that name, in the order in which they happened, once it is done."""
    wait_for_rows(
        "SELECT 1 FROM task_states WHERE name LIKE ? AND state IN ('FINISHED', 'FAILED')", f"%{name}"
    )
    told = rows("SELECT task, state, ts FROM task_states WHERE name LIKE ? ORDER BY ts, seq", f"%{name}")
    assert len({task for task, _, _ in told}) == 1
    return [state for _, state, _ in told]


def test_a_task_goes_through_rays_states_in_their_order(ray_session: ModuleType) -> None:
    ray_session.get(quick.remote())
    states = life_of("quick")
    expected = ["PENDING_NODE_ASSIGNMENT", "SUBMITTED_TO_WORKER", "RUNNING", "FINISHED"]
    assert [state for state in states if state != "PENDING_ARGS_AVAIL"] == expected


def test_the_rows_of_a_task_are_stored_in_order_with_rising_times_and_a_worker(
    ray_session: ModuleType,
) -> None:
    before = time.time()
    ray_session.get([quick.remote(n) for n in range(50)])
    after = time.time()
    wait_until(lambda: len(rows("SELECT 1 FROM task_states WHERE state = 'FINISHED'")) == 50)
    workers = {worker for (worker,) in rows("SELECT worker FROM workers WHERE kind = 'WORKER'")}
    for (task,) in rows("SELECT task FROM tasks"):
        told = rows("SELECT state, ts, worker FROM task_states WHERE task = ? ORDER BY seq", task)
        times = [ts for _, ts, _ in told]
        assert times == sorted(times)
        assert before - 0.01 <= times[0] <= times[-1] <= after + 0.01
        for state, _, worker in told:
            assert (worker in workers) == (state not in ("PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT"))


def test_a_task_that_waits_for_arguments_says_so(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    last = quick.remote(hold.remote(gate))
    wait_for_rows("SELECT 1 FROM task_states WHERE name LIKE '%quick' AND state = 'PENDING_ARGS_AVAIL'")
    assert not rows("SELECT 1 FROM task_states WHERE name LIKE '%quick' AND state = 'RUNNING'")
    gate.open()
    ray_session.get(last)
    states = life_of("quick")
    assert states[:2] == ["PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT"]
    assert states[-1] == "FINISHED"


def test_a_running_task_can_be_seen_while_it_runs(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    held = hold.remote(gate)
    ((worker,),) = wait_for_rows(
        "SELECT worker FROM task_states WHERE name LIKE '%hold' AND state = 'RUNNING'"
    )
    assert rows("SELECT kind FROM workers WHERE worker = ?", worker) == [("WORKER",)]
    gate.open()
    ray_session.get(held)


def test_a_task_that_waits_for_a_cpu_can_be_seen_while_it_waits(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with session(num_cpus=1):
        held = hold.remote(gate)
        gate.wait_for_visitors()
        waiting = quick.remote()
        wait_for_rows(
            "SELECT 1 FROM task_states WHERE name LIKE '%quick' AND state = 'PENDING_NODE_ASSIGNMENT'"
        )
        assert not rows("SELECT 1 FROM task_states WHERE name LIKE '%quick' AND state = 'RUNNING'")
        gate.open()
        ray.get([held, waiting])


@pytest.mark.parametrize(("call", "state"), [("get", "RUNNING_IN_RAY_GET"), ("wait", "RUNNING_IN_RAY_WAIT")])
def test_a_task_blocked_in_get_or_wait_says_so(
    ray_session: ModuleType, tmp_path: Path, call: str, state: str
) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def block(references: list[ObjectRef]) -> None:
        getattr(ray, call)(references)

    blocked = block.remote([hold.remote(gate)])
    wait_for_rows("SELECT 1 FROM task_states WHERE name LIKE '%block' AND state = ?", state)
    gate.open()
    ray_session.get(blocked)
    states = life_of("block")
    assert states[-4:] == ["RUNNING", state, "RUNNING", "FINISHED"]


def test_a_failed_task_is_recorded_with_its_error(ray_session: ModuleType) -> None:
    @ray_session.remote
    def fail() -> None:
        raise ValueError("for the record")

    with pytest.raises(ValueError, match="for the record"):
        ray_session.get(fail.remote())
    assert life_of("fail")[-1] == "FAILED"
    ((kind, message, traceback, name),) = wait_for_rows(
        "SELECT error_type, message, traceback, name FROM task_errors JOIN tasks USING (task)"
    )
    assert kind == "ValueError"
    assert message == "for the record"
    assert 'raise ValueError("for the record")' in traceback
    assert name.endswith("fail")


def test_a_retried_task_lives_once_more_with_the_next_attempt(ray_session: ModuleType) -> None:
    @ray_session.remote(max_retries=1)
    def crash() -> None:
        os._exit(1)

    with pytest.raises(WorkerCrashedError):
        ray_session.get(crash.remote())
    wait_until(lambda: len(rows("SELECT 1 FROM task_states WHERE state = 'FAILED'")) == 2)
    told = rows("SELECT attempt, state FROM task_states WHERE name LIKE '%crash' ORDER BY seq")
    for attempt in (0, 1):
        states = [state for number, state in told if number == attempt]
        assert states[-1] == "FAILED"
        assert "RUNNING" in states
        assert "PENDING_NODE_ASSIGNMENT" in states
    assert rows("SELECT DISTINCT error_type FROM task_errors") == [("WorkerCrashedError",)]


def test_a_tasks_parent_and_submitter_are_known(ray_session: ModuleType) -> None:
    @ray_session.remote
    def parent() -> int:
        return int(ray.get(quick.remote(1)))

    ray_session.get(parent.remote())
    wait_for_rows("SELECT 1 FROM task_states WHERE state = 'FINISHED'", count=2)
    tasks = {
        name.rpartition(".")[2]: (task, parent, kind)
        for task, name, parent, kind in rows(
            "SELECT task, name, parent, kind FROM tasks JOIN workers ON submitter = worker"
        )
    }
    assert tasks["parent"][1:] == (None, "DRIVER")
    assert tasks["quick"][1:] == (tasks["parent"][0], "WORKER")


def test_what_a_task_depends_on_is_known(ray_session: ModuleType) -> None:
    stored = ray_session.put(5)
    first = quick.remote(stored)
    second = quick.remote(first)
    ray_session.get(second)
    told = wait_for_rows("SELECT task, object_id, producer FROM task_deps ORDER BY task", count=2)
    numbers = [task for (task,) in rows("SELECT task FROM tasks ORDER BY task")]
    assert told == [(numbers[0], stored.hex(), None), (numbers[1], first.hex(), numbers[0])]


def test_the_cpus_of_a_task_are_known(ray_session: ModuleType) -> None:
    ray_session.get([quick.remote(), quick.options(num_cpus=0.5).remote()])
    wait_for_rows("SELECT 1 FROM tasks", count=2)
    assert sorted(cpus for (cpus,) in rows("SELECT num_cpus FROM tasks")) == [0.5, 1.0]


def test_workers_and_driver_are_known_by_their_process_ids(ray_session: ModuleType) -> None:
    @ray_session.remote
    def where() -> int:
        return os.getpid()

    pids = set(ray_session.get([where.remote() for _ in range(50)]))
    told = wait_for_rows("SELECT kind, pid FROM workers", count=3)
    assert (("DRIVER", os.getpid())) in told
    assert pids <= {pid for kind, pid in told if kind == "WORKER"}
    wait_for_rows("SELECT 1 FROM worker_events WHERE state = 'IDLE'")
    states = rows("SELECT state FROM worker_events JOIN workers USING (worker) WHERE kind = 'WORKER'")
    assert {state for (state,) in states} <= {"STARTING", "IDLE", "DEAD"}


def test_a_get_and_a_wait_of_the_driver_are_recorded(ray_session: ModuleType) -> None:
    references = [quick.remote(n) for n in range(3)]
    ray_session.wait(references, num_returns=2, timeout=30)
    ray_session.get(references)
    wait, get = wait_for_rows(
        "SELECT kind, count, num_returns, ready, timeout, ended >= ts, task FROM api_calls ORDER BY ts",
        count=2,
    )
    assert wait == ("wait", 3, 2, 2, 30.0, 1, None)
    assert get[:2] == ("get", 3)
    assert get[6] is None


def test_a_get_inside_a_loop_can_be_told_from_one_after_it(ray_session: ModuleType) -> None:
    for n in range(4):
        ray_session.get(quick.remote(n))
    assert Counter(wait_for_rows("SELECT kind, count FROM api_calls", count=4)) == {("get", 1): 4}


def test_a_get_that_fails_at_once_for_one_error_among_others_is_recorded(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    held, failed = hold.remote(gate), no_number.remote("x")
    ray_session.wait([failed])
    with pytest.raises(ValueError, match="invalid literal"):
        ray_session.get([held, failed])
    gate.open()
    got = wait_for_rows("SELECT count, num_returns, ready FROM api_calls WHERE kind = 'get'")
    assert got == [(2, 2, 1)]


def test_an_experiment_of_a_lesson_is_recorded(ray_session: ModuleType) -> None:
    record_experiment("granularity", "local", 100, 0.5)
    record_experiment("granularity", "remote", 100, 0.25, detail="fast")
    told = wait_for_rows("SELECT name, series, x, y, detail FROM experiments ORDER BY seq", count=2)
    assert told == [("granularity", "local", 100.0, 0.5, ""), ("granularity", "remote", 100.0, 0.25, "fast")]


def test_no_event_of_thousands_is_missing(ray_session: ModuleType) -> None:
    count = 3000
    ray_session.get([quick.remote(n) for n in range(count)])
    wait_until(lambda: rows("SELECT count(*) FROM task_states WHERE state = 'FINISHED'") == [(count,)])
    assert rows("SELECT count(*) FROM tasks") == [(count,)]
    for state in ("PENDING_NODE_ASSIGNMENT", "SUBMITTED_TO_WORKER", "RUNNING", "FINISHED"):
        told = rows("SELECT count(*), count(DISTINCT task) FROM task_states WHERE state = ?", state)
        assert told == [(count, count)], state


def test_two_tasks_of_one_worker_never_overlap(ray_session: ModuleType) -> None:
    ray_session.get([quick.remote(n) for n in range(200)])
    wait_until(lambda: rows("SELECT count(*) FROM task_states WHERE state = 'FINISHED'") == [(200,)])
    spans = rows(
        "SELECT b.worker, b.ts, e.ts FROM task_states b JOIN task_states e USING (task) "
        "WHERE b.state = 'RUNNING' AND e.state = 'FINISHED' ORDER BY b.worker, b.ts"
    )
    for (worker, _, ended), (next_worker, began, _) in pairwise(spans):
        assert worker != next_worker or began >= ended


def test_the_session_says_what_it_is(ray_session: ModuleType) -> None:
    meta = dict(rows("SELECT key, value FROM meta"))
    assert meta["schema_version"] == str(SCHEMA_VERSION)
    assert meta["driver_pid"] == str(os.getpid())
    assert float(meta["num_cpus"]) == 2.0
    assert meta["session_name"] == event_store().parent.name
    assert abs(float(meta["started_at"]) - time.time()) < 3600
    assert "ended_at" not in meta
    ((resources,),) = rows("SELECT resources FROM nodes")
    assert json.loads(resources)["CPU"] == 2.0


def test_a_finished_recording_is_one_complete_file() -> None:
    with session(num_cpus=2):
        database = event_store()
        ray.get([quick.remote(n) for n in range(500)])
    assert [path.name for path in database.parent.iterdir()] == ["session.db"]
    assert rows("SELECT count(*) FROM task_states WHERE state = 'FINISHED'", database=database) == [(500,)]
    assert "ended_at" in dict(rows("SELECT key, value FROM meta", database=database))
    assert rows("PRAGMA integrity_check", database=database) == [("ok",)]


def test_the_recording_holds_no_values_and_no_pickles(ray_session: ModuleType) -> None:
    secret = "not for the recording"
    ray_session.get(quick.remote(secret))
    ray_session.get(ray_session.put(np.full(200_000, 7.25)))
    wait_for_rows("SELECT 1 FROM task_states WHERE state = 'FINISHED'")
    for (table,) in rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in rows(f"SELECT * FROM {table}"):
            assert not any(isinstance(value, bytes) for value in row), table
            assert secret not in str(row)


def test_a_slow_reader_does_not_hold_up_the_runtime(ray_session: ModuleType) -> None:
    ray_session.get(quick.remote())
    with closing(connect_readonly(event_store())) as reader:
        cursor = reader.execute("SELECT * FROM task_events a, task_events b, task_events c")
        cursor.fetchone()
        assert ray_session.get([quick.remote(n) for n in range(1000)]) == list(range(1000))
        wait_until(lambda: rows("SELECT count(*) FROM task_states WHERE state = 'FINISHED'") == [(1001,)])


def chrome_events(path: Path) -> list[dict[str, Any]]:
    """A timeline as trace viewers read it: a list of events, or an object that holds one."""
    trace = json.loads(path.read_text())
    found: list[dict[str, Any]] = trace["traceEvents"] if isinstance(trace, dict) else trace
    return found


def test_timeline_writes_a_chrome_trace_that_perfetto_opens(ray_session: ModuleType, tmp_path: Path) -> None:
    @ray_session.remote
    def fail() -> None:
        raise ValueError

    ray_session.get([quick.remote(n) for n in range(5)])
    ray_session.wait([fail.remote()])
    file = tmp_path / "trace.json"
    ray_session.timeline(filename=str(file))
    events = chrome_events(file)
    for event in events:
        assert event["ph"] in ("X", "M", "B", "E", "i", "s", "f", "t", "C")
        assert isinstance(event["pid"], int)
        assert event["name"]
        if event["ph"] == "X":
            assert isinstance(event["tid"], int)
            assert event["ts"] > 0
            assert event["dur"] >= 0
    runs = [event for event in events if event["ph"] == "X" and "quick" in event["name"]]
    assert len(runs) == 5
    assert any("fail" in event["name"] for event in events)
    names = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert names, "rows without names are hard to read"


def test_timeline_times_are_microseconds_of_the_real_run(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    held = hold.remote(gate)
    gate.wait_for_visitors()
    began = time.time()
    gate.open()
    ray_session.get(held)
    (run,) = [event for event in ray_session.timeline() if event["ph"] == "X" and "hold" in event["name"]]
    assert run["ts"] <= began * 1e6 + 1000
    assert run["ts"] + run["dur"] >= began * 1e6 - 1000


def test_timeline_without_a_file_returns_the_events(ray_session: ModuleType, tmp_path: Path) -> None:
    ray_session.get(quick.remote())
    events = ray_session.timeline()
    assert any("quick" in event["name"] for event in events)
    ray_session.timeline(str(tmp_path / "positional.json"))
    assert chrome_events(tmp_path / "positional.json") == events


def test_timeline_shows_a_task_that_still_runs(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    held = hold.remote(gate)
    gate.wait_for_visitors()
    assert any("hold" in event["name"] for event in ray_session.timeline())
    gate.open()
    ray_session.get(held)


def recorded() -> set[str]:
    """The names of all tasks that the event store knows of, once all that happened is in it."""
    return {task.name for task in ray.util.state.list_tasks()}


def test_tasks_that_are_not_to_be_recorded_are_not_and_what_they_start_is(ray_session: ModuleType) -> None:
    @ray.remote(enable_task_events=False)
    def silent(x: int) -> int:
        loud = quick.options(name="started by a silent one")
        return ray.get(loud.remote(x)) + ray.get(quick.options(enable_task_events=False).remote(x))

    @ray.remote(enable_task_events=False, max_retries=0)
    def fail() -> None:
        raise ValueError("unrecorded")

    assert ray.get(silent.remote(silent.remote(1))) == 4
    with pytest.raises(ValueError, match="unrecorded"):
        ray.get(fail.remote())
    assert recorded() == {"started by a silent one"}
    assert rows("SELECT * FROM task_errors") == []
    assert rows("SELECT * FROM task_events WHERE task NOT IN (SELECT task FROM tasks)") == []


def test_an_actor_decides_for_its_calls_and_a_method_for_its_own(ray_session: ModuleType) -> None:
    @ray.remote
    class Actor:
        def as_the_actor(self) -> None: ...

        @ray.method(enable_task_events=True)
        def always(self) -> None: ...

        @ray.method(enable_task_events=False)
        def never(self) -> None: ...

    def call_all(actor: Any) -> None:  # noqa: ANN401
        ray.get([actor.as_the_actor.remote(), actor.always.remote(), actor.never.remote()])

    silent = Actor.options(enable_task_events=False).remote()
    call_all(silent)
    assert recorded() == {"Actor.always"}
    ray.get(silent.never.options(enable_task_events=True, name="for once").remote())
    assert recorded() == {"Actor.always", "for once"}
    assert [actor.state for actor in ray.util.state.list_actors()] == ["ALIVE"]
    call_all(Actor.remote())
    everything = {"Actor.__init__", "Actor.as_the_actor", "Actor.always", "for once"}
    assert recorded() == everything
