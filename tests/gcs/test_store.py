"""The event store: one writer, readers at any time, and a file that stays whole whatever happens."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minray.gcs.schema import COLUMNS, FINAL_STATES, SCHEMA, SCHEMA_VERSION, TaskState, single_steps
from minray.gcs.store import EventWriter, add_meta, connect_readonly, fold, read_meta

EXAMPLES: dict[str, tuple[Any, ...]] = {
    "meta": ("key", "value"),
    "nodes": (0, "id", "127.0.0.1", "{}"),
    "node_events": (0, "ALIVE", 1.0, ""),
    "workers": (1, "id", 0, 4711, "WORKER"),
    "worker_events": (1, "IDLE", 1.0, ""),
    "tasks": (1, "id", "f", None, 1, 1.0, 1.0, "NORMAL_TASK", None, 1),
    "task_specs": (1, 1, "f", '{"CPU": 1.0}', None),
    "task_steps": (1, 0, int(TaskState.RUNNING), 1.0, 1, 0.0, 0.0),
    "task_deps": (2, "object", 1),
    "task_errors": (1, 0, 1.0, "ValueError", "no", "Traceback"),
    "actors": (1, "id", "Counter", "", "", 0, 0, 1, 1, "{}"),
    "actor_events": (1, "ALIVE", 1.0, 0, 1, ""),
    "object_events": ("object", 0, "SEALED", 5, 1.0, 1),
    "object_references": ("object", 1.0, 2),
    "transfers": ("object", 0, 1, 1.0, 2.0, 5, ""),
    "api_calls": (1, None, "get", 1.0, 2.0, 1, 1, 1, None),
    "placement_groups": ("ab", "", "PACK", '[{"CPU": 1.0}]', 1, 1, 0, 10.0),
    "placement_group_events": ("ab", "CREATED", 10.0, "FINISHED"),
    "logs": (1.0, 1, 1, "stdout", "hello"),
    "experiments": (1.0, "name", "local", 1.0, 2.0, ""),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder? with #odd 100% name" / "session.db"


@pytest.fixture
def writer(path: Path) -> Iterator[EventWriter]:
    path.parent.mkdir()
    writer = EventWriter(path)
    yield writer
    writer._db.close()


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(connect_readonly(path)) as db:
        return db.execute(sql).fetchall()


# --- the schema --------------------------------------------------------------------------------------


def test_the_schema_and_the_numbers_of_columns_agree() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == set(COLUMNS) | {"state_names"}
        for table, count in COLUMNS.items():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            assert len([name for name in columns if name != "seq"]) == count, table


def test_states_have_rays_names_and_numbers() -> None:
    names = {
        "PENDING_ARGS_AVAIL": 1,
        "PENDING_NODE_ASSIGNMENT": 2,
        "SUBMITTED_TO_WORKER": 5,
        "PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY": 7,
        "RUNNING": 8,
        "RUNNING_IN_RAY_GET": 9,
        "RUNNING_IN_RAY_WAIT": 10,
        "FINISHED": 11,
        "FAILED": 12,
    }
    assert {state.name: state.value for state in TaskState} == names
    assert FINAL_STATES == (TaskState.FINISHED, TaskState.FAILED)


def test_the_states_are_named_in_the_store_for_people(writer: EventWriter, path: Path) -> None:
    writer.write({"tasks": [EXAMPLES["tasks"]], "task_steps": [EXAMPLES["task_steps"]]})
    assert ask(path, "SELECT name, state, worker FROM task_states") == [("f", "RUNNING", 1)]
    assert len(ask(path, "SELECT * FROM state_names")) == len(TaskState)


def test_there_is_an_example_of_every_table() -> None:
    assert {table: len(row) for table, row in EXAMPLES.items()} == COLUMNS


def test_the_view_of_events_takes_the_rows_of_steps_apart(writer: EventWriter, path: Path) -> None:
    queued, ended, alone = (
        (1, 0, int(TaskState.PENDING_NODE_ASSIGNMENT), 2.0, None, 0.0, 1.0),
        (1, 0, int(TaskState.FINISHED), 5.0, 7, 3.0, 4.0),
        (2, 1, int(TaskState.RUNNING), 5.0, 8, 0.0, 0.0),
    )
    writer.write({"task_steps": [queued, ended, alone]})
    assert ask(path, "SELECT task, attempt, state, ts, worker FROM task_events ORDER BY seq") == [
        *((1, 0, 1, 1.0, None), (1, 0, 2, 2.0, None)),
        *((1, 0, 5, 3.0, 7), (1, 0, 8, 4.0, 7), (1, 0, 11, 5.0, 7)),
        (2, 1, 8, 5.0, 8),
    ]
    apart = [step for row in (queued, ended, alone) for step in single_steps(row)]
    assert apart == ask(path, "SELECT task, attempt, state, ts, worker FROM task_events ORDER BY seq")
    assert ask(path, "SELECT step FROM task_events ORDER BY seq") == [(1,), (1,), (2,), (2,), (2,), (3,)]
    assert len(set(ask(path, "SELECT seq FROM task_events"))) == 6


# --- writing and reading -----------------------------------------------------------------------------


def test_rows_of_every_table_can_be_read_while_the_writer_is_open(writer: EventWriter, path: Path) -> None:
    writer.write({table: [row] for table, row in EXAMPLES.items()})
    for table, row in EXAMPLES.items():
        found = ask(path, f"SELECT * FROM {table}")
        assert row in [line[-len(row) :] for line in found]


def test_a_new_store_says_its_version(writer: EventWriter, path: Path) -> None:
    assert read_meta(path) == {"schema_version": str(SCHEMA_VERSION)}


def test_rows_are_numbered_in_the_order_of_writing(writer: EventWriter, path: Path) -> None:
    for number in range(3):
        writer.write({"logs": [(1.0, 1, None, "stdout", f"{number} {line}") for line in range(2)]})
    numbers = ask(path, "SELECT seq, text FROM logs ORDER BY seq")
    assert [text for _, text in numbers] == ["0 0", "0 1", "1 0", "1 1", "2 0", "2 1"]
    assert [seq for seq, _ in numbers] == sorted({seq for seq, _ in numbers})


def test_what_is_known_by_a_key_is_replaced(writer: EventWriter, path: Path) -> None:
    writer.write({"meta": [("key", "old")]})
    writer.write({"meta": [("key", "new")]})
    assert read_meta(path)["key"] == "new"


def test_a_reader_sees_whole_batches_only(writer: EventWriter, path: Path) -> None:
    """Each batch has a row in two tables; no reader may ever see one without the other."""
    stop = threading.Event()
    counts: list[tuple[int, int]] = []

    def read() -> None:
        with contextlib.closing(connect_readonly(path)) as db:
            while not stop.is_set():
                sql = "SELECT (SELECT count(*) FROM logs), (SELECT count(*) FROM experiments)"
                counts.append(db.execute(sql).fetchone())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(200):
        writer.write({"logs": [EXAMPLES["logs"]], "experiments": [EXAMPLES["experiments"]]})
    stop.set()
    for reader in readers:
        reader.join()
    assert counts
    assert all(logs == experiments for logs, experiments in counts)
    assert ask(path, "SELECT count(*) FROM logs") == [(200,)]


def test_a_reader_cannot_write(writer: EventWriter, path: Path) -> None:
    with contextlib.closing(connect_readonly(path)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM meta")


def test_reading_does_not_make_a_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect_readonly(tmp_path / "none.db")
    assert read_meta(tmp_path / "none.db") == {}
    assert list(tmp_path.iterdir()) == []


def test_something_that_is_no_database_has_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "session.db").write_text("This is a text, and a rather long one at that. " * 50)
    assert read_meta(tmp_path / "session.db") == {}


# --- when something goes wrong -----------------------------------------------------------------------


def test_a_batch_that_fails_is_not_written_at_all_and_the_next_one_is(
    writer: EventWriter, path: Path
) -> None:
    with pytest.raises(sqlite3.Error):
        writer.write({"logs": [EXAMPLES["logs"]], "experiments": [("too few",)]})
    assert ask(path, "SELECT count(*) FROM logs") == [(0,)]
    writer.write({"logs": [EXAMPLES["logs"]]})
    assert ask(path, "SELECT count(*) FROM logs") == [(1,)]


def test_text_that_is_no_valid_unicode_is_stored_as_well_as_it_can_be(
    writer: EventWriter, path: Path
) -> None:
    """A task may print the name of a file that is not UTF-8."""
    writer.write({"logs": [EXAMPLES["logs"], (1.0, 1, 1, "stdout", "caf\udce9.txt")]})
    assert ask(path, "SELECT text FROM logs ORDER BY seq") == [("hello",), ("caf\\udce9.txt",)]


# --- one file at the end -----------------------------------------------------------------------------


def test_a_closed_store_is_one_file_with_everything_in_it(path: Path) -> None:
    path.parent.mkdir()
    writer = EventWriter(path)
    writer.write({"logs": [EXAMPLES["logs"]]})
    writer.close()
    assert list(path.parent.iterdir()) == [path]
    assert ask(path, "SELECT text FROM logs") == [("hello",)]


def test_a_store_whose_writer_was_killed_is_folded_into_one_file(path: Path) -> None:
    path.parent.mkdir()
    writer = EventWriter(path)
    writer.write({"logs": [EXAMPLES["logs"]]})
    beside = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert len(beside) == 3, "database, write-ahead log, index"
    writer._db.close()
    for name, content in beside.items():  # as a kill would have left it
        (path.parent / name).write_bytes(content)
    fold(path)
    assert list(path.parent.iterdir()) == [path]
    assert ask(path, "SELECT text FROM logs") == [("hello",)]


def test_folding_what_is_not_there_or_broken_is_harmless(tmp_path: Path) -> None:
    fold(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "broken.db").write_text("no database " * 500)
    fold(tmp_path / "broken.db")


def test_something_can_be_added_once_the_writer_is_gone(path: Path) -> None:
    path.parent.mkdir()
    EventWriter(path).close()
    add_meta(path, "end_reason", "killed")
    assert read_meta(path)["end_reason"] == "killed"
