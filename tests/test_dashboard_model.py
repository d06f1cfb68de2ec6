"""What the dashboard makes of a session's events, against a plain replay of all of them."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minray.dashboard import model
from minray.dashboard.model import BLOCKED_STATES, BUSY_STATES, Session

from minray.events import FINAL_STATES, TaskState

NAMES = {task: f"function_{task % 3}" for task in range(1, 9)}
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
    """Steps one second apart, as rows of task_events joined with tasks."""
    return [
        (task, attempt, int(state), 100.0 + place, worker, NAMES[task])
        for place, (task, attempt, state, worker) in enumerate(steps)
    ]


def session_of(rows: list[tuple]) -> Session:
    session = Session()
    session.worker_rows(WORKERS)
    session.task_events(rows)
    return session


def snapshot(session: Session) -> tuple:
    """Everything that a view can see."""
    return (
        +session.counts,
        list(session.bars),
        session.bars_total,
        list(session.waits),
        {name: (f.finished, f.failed, f.seconds) for name, f in session.functions.items()},
        [worker and (worker.number, worker.state, worker.pid) for worker in session.lanes()],
        session.running_bars(),
        session.last_ts,
        session.last_task_ts,
        session.peak_rate,
    )


def replay(rows: list[tuple]) -> tuple[Counter, list[tuple]]:
    """The same in the plainest way: the last state of each task, and for each end the way that led to it."""
    last = {task: TaskState(state) for task, _, state, *_ in rows}
    bars = []
    for place, (task, attempt, state, end, _, name) in enumerate(rows):
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
            (task, attempt, name, known[-1], busy[0][3], end, busy[0][3] - life[0][3], state, blocked)
        )
    return Counter(last.values()), bars


@given(steps)
@settings(deadline=None)
def test_counts_and_bars_are_those_of_a_plain_replay(steps: list) -> None:
    rows = as_rows(steps)
    session = session_of(rows)
    counts, bars = replay(rows)
    assert +session.counts == counts
    assert [
        (b.task, b.attempt, b.name, b.worker, b.start, b.end, b.queued, b.state, b.blocked)
        for b in session.bars
    ] == bars
    assert sum(f.finished + f.failed for f in session.functions.values()) == sum(
        row[2] in FINAL_STATES for row in rows
    )


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
        (task, 0, TaskState.PENDING_NODE_ASSIGNMENT, start - 1, None, "f"),
        (task, 0, TaskState.RUNNING, start, worker, "f"),
        (task, 0, state, end, worker, "f"),
    ]


def test_only_the_newest_bars_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_BARS", 10)
    session = Session()
    for task in range(25):
        session.task_events(life(task, task, task + 0.5))
    assert [bar.task for bar in session.bars] == list(range(15, 25))
    assert session.bars_total == 25
    assert session.counts[TaskState.FINISHED] == 25


def test_a_retried_task_counts_once_and_is_drawn_twice() -> None:
    session = Session()
    session.task_events(life(1, 1.0, 2.0, state=TaskState.FAILED))
    session.task_events(
        [(1, 1, TaskState.RUNNING, 3.0, 2, "f"), (1, 1, TaskState.FINISHED, 4.0, 2, "f")],
    )
    assert +session.counts == {TaskState.FINISHED: 1}
    assert [(bar.attempt, bar.worker, bar.state) for bar in session.bars] == [
        (0, 1, TaskState.FAILED),
        (1, 2, TaskState.FINISHED),
    ]


def test_a_worker_is_busy_while_its_task_runs_and_idle_after() -> None:
    session = Session()
    session.worker_rows(WORKERS)
    session.task_events(life(1, 1.0, 2.0)[:2])
    assert [bar.name for bar in session.running_bars()] == ["f"]
    session.task_events(life(1, 1.0, 2.0)[2:])
    assert session.running_bars() == []


def test_a_new_worker_takes_the_lane_of_a_dead_one() -> None:
    session = Session()
    session.worker_events([(1, "IDLE", 1.0, ""), (2, "IDLE", 1.0, ""), (1, "DEAD", 2.0, "killed")])
    assert [worker.state for worker in session.lanes() if worker] == ["DEAD", "IDLE"]
    session.worker_events([(3, "STARTING", 3.0, "")])
    assert [worker.number for worker in session.lanes() if worker] == [3, 2]


def test_the_driver_has_no_lane_among_the_workers() -> None:
    session = Session()
    session.worker_rows([(1, 0, 1000, "WORKER"), (2, 0, 999, "DRIVER")])
    session.worker_events([(2, "IDLE", 1.0, ""), (1, "IDLE", 1.0, "")])
    assert [worker.number for worker in session.lanes() if worker] == [1]


def test_dead_workers_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_DEAD_WORKERS", 5)
    session = Session()
    for number in range(50):
        session.worker_events([(number, "IDLE", number, ""), (number, "DEAD", number, "")])
    assert len(session.workers) == 5
    assert len(session.lanes()) == 1


def test_functions_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEP_FUNCTIONS", 3)
    session = Session()
    for task in range(9):
        session.task_events([(*row[:5], f"name_{task}") for row in life(task, task, task + 1)])
    assert len(session.functions) == 4
    assert session.functions[model.OTHER_FUNCTIONS].finished == 6


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
        Session().task_events([(-1, 0, TaskState.RUNNING, 1.0, 1, "f")])
