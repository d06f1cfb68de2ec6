"""What the dashboard makes of a session's events, against a plain replay of all of them."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minray.dashboard.data import model, workers
from minray.dashboard.data.model import Session
from minray.dashboard.data.workers import BLOCKED_STATES, BUSY_STATES

from minray.gcs.schema import FINAL_STATES, TaskState

NAMES = {task: f"function_{task % 3}" for task in range(1, 9)}
TASKS = [(task, name, None, 0.0, None) for task, name in NAMES.items()]
WORKERS = [(number, 0, 1000 + number, "WORKER") for number in range(1, 4)]

# Any order of any states, valid or not: what is shown must follow from the rows in any case.
steps = st.lists(
    st.tuples(
        st.sampled_from(sorted(NAMES)),
        st.integers(0, 2),
        st.sampled_from(list(TaskState)),
        st.one_of(st.none(), st.integers(1, 3)),
    ),
    max_size=60,
)


def as_rows(steps: list[tuple[int, int, TaskState, int | None]]) -> list[tuple]:
    """Steps one second apart, as rows of task_events."""
    return [
        (task, attempt, int(state), 100.0 + place, worker)
        for place, (task, attempt, state, worker) in enumerate(steps)
    ]


def session_of(rows: list[tuple]) -> Session:
    session = Session()
    session.crew.add_workers(WORKERS)
    session.task_rows(TASKS)
    session.task_events(rows)
    return session


def functions(session: Session) -> dict[str, model.Function]:
    return {function.name: function for function in session.functions if function.finished or function.failed}


def bars(session: Session) -> list[tuple]:
    """The finished executions with the stretches in which they were blocked, as the replay has them."""
    held: dict[tuple, list[tuple[float, float]]] = {}
    for start, end, task, attempt, lane, _function in session.holds.rows.tolist():
        held.setdefault((task, attempt, lane), []).append((start, end))
    found = []
    for bar in session.bars.rows:
        spans = held.get((bar["task"], bar["attempt"], bar["lane"]), ())
        blocked = tuple(span for span in spans if bar["start"] <= span[0] and span[1] <= bar["end"])
        what = (bar["task"], bar["attempt"], session.functions[bar["function"]].name, bar["worker"])
        found.append((*what, bar["start"], bar["end"], bar["queued"], TaskState(bar["state"]), blocked))
    return found


def snapshot(session: Session) -> tuple:
    """Everything that a view can see."""
    return (
        +session.counts,
        session.bars.rows.tolist(),
        session.bars.total,
        session.holds.rows.tolist(),
        session.waits.rows.tolist(),
        [(f.name, f.finished, f.failed, f.seconds) for f in session.functions],
        [(worker.number, worker.state, worker.pid) for worker in session.crew.in_lanes()],
        session.tasks.rows.tolist(),
        [(e.task, e.attempt, e.worker, e.start, e.slot, e.holds, e.held) for e in session.running()],
        session.last_ts,
        session.last_task_ts,
        session.peak_rate,
    )


def replay(rows: list[tuple]) -> tuple[Counter, list[tuple]]:
    """The same in the plainest way: the last state of each task, and for each end the way that led to it."""
    last = {task: TaskState(state) for task, _, state, *_ in rows}
    bars = []
    for place, (task, attempt, state, end, _) in enumerate(rows):
        if state not in FINAL_STATES:
            continue
        life = []
        for row in reversed(rows[:place]):
            if row[0] == task and (row[1] != attempt or row[2] in FINAL_STATES):
                break
            if row[0] == task:
                life.insert(0, row)
        busy = [row for row in life if row[2] in BUSY_STATES]
        known = [row[4] for row in busy if row[4] is not None]
        if not known:
            continue
        changes = [*life, rows[place]]
        blocked = tuple(
            (row[3], after[3]) for row, after in itertools.pairwise(changes) if row[2] in BLOCKED_STATES
        )
        bars.append(
            (task, attempt, NAMES[task], known[-1], busy[0][3], end, busy[0][3] - life[0][3], state, blocked)
        )
    return Counter(last.values()), bars


@given(steps)
@settings(deadline=None)
def test_counts_and_bars_are_those_of_a_plain_replay(steps: list) -> None:
    rows = as_rows(steps)
    session = session_of(rows)
    counts, expected = replay(rows)
    assert +session.counts == counts
    assert bars(session) == expected
    assert sum(f.finished + f.failed for f in session.functions) == sum(
        row[2] in FINAL_STATES for row in rows
    )


@given(steps)
@settings(deadline=None)
def test_the_row_of_a_task_says_what_its_last_event_said(steps: list) -> None:
    rows = as_rows(steps)
    session = session_of(rows)
    for task, attempt, state, *_ in {row[0]: row for row in rows}.values():
        row = session.tasks.row(task)
        assert (row["attempt"], row["state"]) == (attempt, state)
        assert session.functions[row["function"]].name == NAMES[task]


@given(steps, st.lists(st.integers(0, 60), max_size=6))
@settings(deadline=None)
def test_rows_in_portions_give_what_rows_at_once_give(steps: list, cuts: list[int]) -> None:
    rows = as_rows(steps)
    session = session_of([])
    edges = [0, *sorted(cuts), len(rows)]
    for start, end in itertools.pairwise(edges):
        session.task_events(rows[start:end])
    assert snapshot(session) == snapshot(session_of(rows))


def life(task: int, start: float, end: float, worker: int = 1, state: TaskState = TaskState.FINISHED) -> list:
    return [
        (task, 0, TaskState.PENDING_NODE_ASSIGNMENT, start - 1, None),
        (task, 0, TaskState.RUNNING, start, worker),
        (task, 0, state, end, worker),
    ]


def test_only_the_newest_bars_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_BARS", 10)
    session = Session()
    for task in range(25):
        session.task_events(life(task, task, task + 0.5))
    kept = session.bars.rows["task"].tolist()
    assert 10 <= len(kept) <= 20
    assert kept == list(range(25 - len(kept), 25))
    assert session.bars.total == 25
    assert session.bars.first == 25 - len(kept)
    assert session.counts[TaskState.FINISHED] == 25


def test_a_retried_task_counts_once_and_is_drawn_twice() -> None:
    session = Session()
    session.task_events(life(1, 1.0, 2.0, state=TaskState.FAILED))
    session.task_events(
        [(1, 1, TaskState.RUNNING, 3.0, 2), (1, 1, TaskState.FINISHED, 4.0, 2)],
    )
    assert +session.counts == {TaskState.FINISHED: 1}
    assert session.bars.rows[["attempt", "worker", "state"]].tolist() == [
        (0, 1, TaskState.FAILED),
        (1, 2, TaskState.FINISHED),
    ]


def test_a_worker_is_busy_while_its_task_runs_and_idle_after() -> None:
    session = Session()
    session.crew.add_workers(WORKERS)
    session.task_events(life(1, 1.0, 2.0)[:2])
    assert [execution.task for execution in session.running()] == [1]
    session.task_events(life(1, 1.0, 2.0)[2:])
    assert session.running() == []


def test_calls_that_an_actor_executes_at_once_are_drawn_beside_each_other() -> None:
    session = Session()
    session.task_events([(task, 0, TaskState.RUNNING, float(task), 1) for task in (1, 2, 3)])
    assert [execution.slot for execution in session.running()] == [0, 1, 2]
    session.task_events([(2, 0, TaskState.FINISHED, 4.0, 1), (4, 0, TaskState.RUNNING, 5.0, 1)])
    assert {execution.task: execution.slot for execution in session.running()} == {1: 0, 3: 2, 4: 1}
    assert session.crew.depth == [3]


def test_a_new_worker_takes_the_lane_of_a_dead_one() -> None:
    session = Session()
    session.worker_events([(1, "IDLE", 1.0, ""), (2, "IDLE", 1.0, ""), (1, "DEAD", 2.0, "killed")])
    assert [worker.state for worker in session.crew.in_lanes()] == ["DEAD", "IDLE"]
    session.worker_events([(3, "STARTING", 3.0, "")])
    assert [worker.number for worker in session.crew.in_lanes()] == [3, 2]


def test_lanes_are_grouped_by_node_and_handed_on_within_it() -> None:
    session = Session()
    session.crew.add_workers([(number, number % 2, 0, "WORKER") for number in range(1, 6)])
    session.worker_events([(number, "IDLE", 1.0, "") for number in range(1, 5)])
    assert [worker.number for worker in session.crew.in_lanes()] == [2, 4, 1, 3]
    session.worker_events([(3, "DEAD", 2.0, "killed"), (2, "DEAD", 2.0, "killed"), (5, "IDLE", 3.0, "")])
    assert [worker.number for worker in session.crew.in_lanes()] == [2, 4, 1, 5]


def test_the_driver_has_no_lane_among_the_workers() -> None:
    session = Session()
    session.crew.add_workers([(1, 0, 1000, "WORKER"), (2, 0, 999, "DRIVER")])
    session.worker_events([(2, "IDLE", 1.0, ""), (1, "IDLE", 1.0, "")])
    assert [worker.number for worker in session.crew.in_lanes()] == [1]


def test_dead_workers_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "KEEP_DEAD_WORKERS", 5)
    session = Session()
    for number in range(50):
        session.worker_events([(number, "IDLE", number, ""), (number, "DEAD", number, "")])
    assert len(session.crew.workers) == 5
    assert len(session.crew.in_lanes()) == 1


def test_functions_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_FUNCTIONS", 3)
    session = Session()
    for task in range(9):
        session.task_rows([(task, f"name_{task}", None, 0.0, None)])
        session.task_events(life(task, task, task + 1))
    assert len(session.functions) == 4
    assert functions(session)[model.OTHER_FUNCTIONS].finished == 6


def test_the_rate_is_that_of_the_last_full_second() -> None:
    session = Session()
    for task in range(7):
        session.task_events(life(task, 10.0, 10.1 + task / 10))
    assert session.rate(now=10.9) == 0
    assert session.rate(now=11.2) == 7
    assert session.rate(now=12.2) == 0
    assert session.peak_rate == 7


def test_a_task_number_that_no_minray_writes_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        Session().task_events([(-1, 0, TaskState.RUNNING, 1.0, 1)])


def test_old_tasks_are_forgotten_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_TASKS", 10)
    session = Session()
    for task in range(1, 101):
        session.task_rows([(task, "f", None, 0.0, None)])
        session.task_events(life(task, task, task + 1))
    known = session.tasks.rows["known"].sum()
    assert 10 <= known <= 20
    assert session.tasks.forgotten == 100 - known
    assert session.tasks.row(1) is None
    assert session.tasks.row(100)["end"] == 101.0
    assert session.counts[TaskState.FINISHED] == 100


def test_actors_are_known_by_their_last_state_and_their_calls() -> None:
    session = Session()
    session.actors.add([(1, "Counter", "tally", 0, 1)])
    session.task_rows([(task, "Counter.add", None, 0.0, 1) for task in (1, 2)])
    session.actors.events([(1, "PENDING_CREATION", 1.0, 0, None, ""), (1, "ALIVE", 2.0, 0, 7, "Counter")])
    session.task_events([*life(1, 3.0, 4.0), *life(2, 4.0, 5.0, state=TaskState.FAILED)])
    actor = session.actors.by_number[1]
    assert (actor.state, actor.worker, actor.done, actor.failed) == ("ALIVE", 7, 2, 1)
    session.actors.events([(1, "DEAD", 6.0, 0, 7, "killed")])
    assert (actor.state, actor.detail) == ("DEAD", "killed")


moves = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 1),
        st.sampled_from(["CREATED", "SEALED", "SPILLED", "RESTORED", "FREED", "LOST"]),
    ),
    max_size=40,
)


@given(moves)
@settings(deadline=None)
def test_what_is_stored_is_what_a_plain_replay_says(moves: list) -> None:
    sizes = {"a": 1, "b": 20, "c": 300}
    session = Session()
    session.objects.events([(name, node, state, sizes[name], 0.0, None) for name, node, state in moves])
    last = {(name, node): state for name, node, state in moves}
    there = {key: state for key, state in last.items() if state not in ("FREED", "LOST")}
    for node in (0, 1):
        use = session.objects.uses.get(node)
        here = {key[0]: state for key, state in there.items() if key[1] == node}
        assert (use.count if use else 0) == len(here)
        on_disk = sum(sizes[name] for name, state in here.items() if state == "SPILLED")
        assert (use.disk if use else 0) == on_disk
        assert (use.memory if use else 0) == sum(sizes[name] for name in here) - on_disk
    assert set(session.objects.copies) == {name for name, _ in there}
