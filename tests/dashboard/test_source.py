"""Reading event stores: live, finished, damaged, foreign and too new ones."""

import contextlib
import itertools
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minray.dashboard.data import source
from minray.dashboard.data.queries import all_tasks, story
from minray.dashboard.data.source import Shelf, Source
from test_model import NAMES, WORKERS, as_rows, session_of, snapshot, steps

from fake_session import FakeSession
from minray.gcs.schema import SCHEMA_VERSION, TaskState
from minray.gcs.store import EventWriter
from steps import one_step_each


@given(steps, st.lists(st.integers(0, 60), max_size=6))
@settings(deadline=None, max_examples=25)
def test_following_a_store_while_it_is_written_gives_the_plain_replay(steps: list, cuts: list[int]) -> None:
    rows = as_rows(steps)
    edges = [0, *sorted(cuts), len(rows)]
    # A folder of its own for each of hypothesis's examples, which share a test's fixtures.
    folder = Path(tempfile.mkdtemp(prefix="minray-source-"))
    try:
        writer = EventWriter(folder / "session.db")
        writer.write(
            {
                "workers": [(number, "", node, pid, kind) for number, node, pid, kind in WORKERS],
                "tasks": [
                    (task, "", name, None, 1, 1.0, 0.0, "NORMAL_TASK", None, None)
                    for task, name in NAMES.items()
                ],
            }
        )
        followed = Source(folder / "session.db")
        for start, end in itertools.pairwise(edges):
            writer.write({"task_steps": one_step_each(rows[start:end])})
            followed.refresh()
        writer.close()
        assert not followed.problem
        assert snapshot(followed.session) == snapshot(session_of(rows))
    finally:
        shutil.rmtree(folder)


def test_a_long_recording_is_read_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "ROWS_PER_READ", 10)
    with FakeSession() as session:
        for _ in range(12):
            session.run("f", worker=2, seconds=0.1)
        followed = Source(session.path)
        clock = itertools.count()
        monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
        monkeypatch.setattr(source, "READ_SECONDS", 1.5)
        assert followed.refresh()
        assert followed.unread == 38
        while followed.refresh():
            pass
        assert followed.unread == 0
        assert followed.session.counts[TaskState.FINISHED] == 12


def test_only_the_drivers_own_waiting_is_drawn_as_such() -> None:
    with FakeSession() as session:
        session.write(
            api_calls=[(1, None, "get", 1.0, 2.0, 4, 4, 4, None), (2, 7, "get", 1.0, 2.0, 4, 4, 4, None)]
        )
        followed = Source(session.path)
        followed.refresh()
        assert followed.session.waits.rows[["worker", "asked"]].tolist() == [(1, 4)]


def test_the_writer_can_end_its_session_while_somebody_looks() -> None:
    with FakeSession() as session:
        followed = Source(session.path)
        followed.refresh()
        session.run("f", worker=2, seconds=0.1)
        session.end()
        followed.refresh()
        assert "ended_at" in followed.meta
        assert [path.name for path in session.directory.iterdir()] == ["session.db"]


def test_a_file_that_is_not_there_yet_is_no_problem(tmp_path: Path) -> None:
    followed = Source(tmp_path / "session.db")
    assert not followed.refresh()
    assert not followed.problem


def test_tables_that_are_still_being_made_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "session.db"
    sqlite3.connect(path).close()
    path.touch()
    followed = Source(path)
    followed.refresh()
    assert not followed.problem
    path.unlink()
    writer = EventWriter(path)
    writer.write({"meta": [("entrypoint", "late.py")]})
    assert followed.refresh()
    assert followed.meta["entrypoint"] == "late.py"
    writer.close()


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "session.db"
    path.write_bytes(b"this is a letter, not a database" * 100)
    followed = Source(path)
    assert followed.refresh()
    assert "damaged" in followed.problem
    assert not followed.refresh()


def test_a_truncated_recording_is_called_damaged() -> None:
    with FakeSession() as session:
        for _ in range(2_000):
            session.write(task_steps=one_step_each([(1, 0, TaskState.RUNNING, 1.0, 2)]))
        session.end()
        whole = session.path.read_bytes()
        session.path.write_bytes(whole[: len(whole) // 2])
        followed = Source(session.path)
        followed.refresh()
        assert "damaged" in followed.problem


def test_a_foreign_database_is_told_from_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "session.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE recipes (name TEXT)")
    db.commit()
    db.close()
    os.utime(path, (1, 1))  # long ago, so nobody is busy making it
    followed = Source(path)
    followed.refresh()
    assert "not a minray recording" in followed.problem


def test_a_recording_of_a_newer_minray_asks_for_an_update() -> None:
    with FakeSession() as session:
        session.write(meta=[("schema_version", str(SCHEMA_VERSION + 1))])
        followed = Source(session.path)
        followed.refresh()
        assert "Update minray" in followed.problem


def test_a_recording_of_an_older_minray_names_the_remedy() -> None:
    with FakeSession() as session:
        session.write(meta=[("schema_version", "1")])
        followed = Source(session.path)
        followed.refresh()
        assert "older minray" in followed.problem


def test_a_huge_recording_is_read_from_near_its_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeSession() as session:
        for _ in range(30):
            session.run("f", worker=2, seconds=0.1)
        session.end()
        monkeypatch.setattr(source, "KEEP_ROWS", 20)
        opened = Source(session.path)
        while opened.refresh():
            pass
        assert opened.skipped == 100
        assert opened.session.counts[TaskState.FINISHED] == 5
        assert [f.name for f in opened.session.functions[1:]] == ["f"]


def test_recordings_from_before_two_steps_shared_a_row_can_be_opened() -> None:
    with FakeSession() as session:
        for _ in range(3):
            session.run("f", worker=2, seconds=0.1)
        session.end()
        with contextlib.closing(sqlite3.connect(session.path)) as db:
            db.executescript(
                """CREATE TABLE old (seq INTEGER PRIMARY KEY, task INTEGER, attempt INTEGER, state INTEGER,
                                     ts REAL, worker INTEGER);
                   INSERT INTO old SELECT seq, task, attempt, state, ts, worker FROM task_events;
                   DROP VIEW task_states; DROP VIEW task_events; DROP TABLE task_steps;
                   ALTER TABLE old RENAME TO task_events;
                   UPDATE meta SET value = '4' WHERE key = 'schema_version';"""
            )
        opened = Source(session.path)
        opened.refresh()
        assert not opened.problem
        assert opened.session.counts[TaskState.FINISHED] == 3
        told = Counter(one.state for one in story(session.path, 0.0, float("inf"), 100) if one.kind == "task")
        assert told == {"1": 3, "2": 3, "8": 3, "11": 3}
        assert len(list(all_tasks(session.path))) == 1 + 3


def test_a_past_moment_is_shown_as_it_was_then() -> None:
    with FakeSession() as session:
        task = session.submit("f")
        session.enter(task, TaskState.RUNNING, worker=2, ts=session.began + 5)
        session.enter(task, TaskState.FINISHED, worker=2, ts=session.began + 15)
        then = Source(session.path, until=session.began + 10)
        while then.refresh():
            pass
        assert [execution.task for execution in then.session.running()] == [task]
        now = Source(session.path)
        now.refresh()
        assert now.session.counts[TaskState.FINISHED] == 1


@given(steps, st.integers(0, 60))
@settings(deadline=None, max_examples=15)
def test_every_moment_is_the_plain_replay_of_what_was_before(steps: list, cut: int) -> None:
    rows = as_rows(steps)
    folder = Path(tempfile.mkdtemp(prefix="minray-source-"))
    try:
        writer = EventWriter(folder / "session.db")
        tasks = [
            (task, "", name, None, 1, 1.0, 0.0, "NORMAL_TASK", None, None) for task, name in NAMES.items()
        ]
        workers = [(number, "", node, pid, kind) for number, node, pid, kind in WORKERS]
        writer.write({"workers": workers, "tasks": tasks, "task_steps": one_step_each(rows)})
        writer.close()
        then = Source(folder / "session.db", until=100.0 + cut)
        while then.refresh():
            pass
        before = [row for row in rows if row[3] <= 100.0 + cut]
        assert snapshot(then.session) == snapshot(session_of(before))
    finally:
        shutil.rmtree(folder)


def test_rows_that_make_no_sense_are_called_damaged() -> None:
    with FakeSession() as session:
        session.write(task_steps=one_step_each([(1, 0, 99, 1.0, 2)]))
        followed = Source(session.path)
        followed.refresh()
        assert "damaged" in followed.problem


def test_all_who_look_at_a_session_share_one_source() -> None:
    with FakeSession() as session:
        shelf = Shelf()
        first, second = shelf.take(session.path), shelf.take(session.path)
        assert first is second
        shelf.put_back(first)
        session.run("f", worker=2, seconds=0.1)
        shelf.refresh()
        assert second.session.counts[TaskState.FINISHED] == 1
        shelf.put_back(second)
        assert shelf.take(session.path) is not first
