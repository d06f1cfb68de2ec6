"""The GCS: stores what it is sent, answers when it has, and never lets a full disk stop the tasks."""

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from minray.gcs.process import GcsProcess
from minray.gcs.store import EventWriter, read_meta
from minray.wire.messages import Notice, Reply, StoreRows
from minray.wire.rpc import FrameReader, frame
from runtime_tools import rows

LOG = (1.0, 1, 1, "stdout", "hello")


class Scheduler:
    """The scheduler's end of the connection to a GCS that runs in a thread."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "session.db"
        self.sock, gcs = socket.socketpair()
        self._reader = FrameReader()
        config = {
            "session_dir": str(folder),
            "resources": {"CPU": 2.0},
            "node_info": {"NodeID": "ab", "NodeManagerAddress": "127.0.0.1"},
            "meta": {"session_name": "demo"},
        }

        def run() -> None:
            with closing(gcs):
                GcsProcess(config, gcs).run()

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def store(self, request: int, **tables: list[tuple[Any, ...]]) -> None:
        self.sock.sendall(frame([StoreRows(request, tables)]))

    def answers(self, count: int) -> list[Any]:
        """The next so many messages."""
        found: list[Any] = []
        while len(found) < count:
            found += self._reader.feed(self.sock.recv(4096))
        return found

    def end(self) -> None:
        """Close the connection, as a scheduler that stops does, and wait for the GCS to end."""
        self.sock.close()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(tmp_path)
    yield scheduler
    scheduler.end()


def test_rows_are_stored_before_the_answer_comes(scheduler: Scheduler) -> None:
    scheduler.store(0, logs=[LOG])
    scheduler.store(7, logs=[LOG])
    assert scheduler.answers(1) == [Reply(7, None, "")]
    assert rows("SELECT count(*) FROM logs", database=scheduler.database) == [(2,)]


def test_a_request_without_rows_is_answered_too(scheduler: Scheduler) -> None:
    scheduler.store(1)
    scheduler.store(2)
    assert scheduler.answers(2) == [Reply(1, None, ""), Reply(2, None, "")]


def test_the_recording_says_what_the_session_was_and_when_it_ended(scheduler: Scheduler) -> None:
    scheduler.store(1)
    scheduler.answers(1)
    assert "ended_at" not in read_meta(scheduler.database)
    scheduler.end()
    meta = read_meta(scheduler.database)
    assert meta["session_name"] == "demo"
    assert float(meta["ended_at"]) > 0
    ((resources, address),) = rows("SELECT resources, address FROM nodes", database=scheduler.database)
    assert (json.loads(resources), address) == ({"CPU": 2.0}, "127.0.0.1")
    states = rows("SELECT state FROM node_events ORDER BY seq", database=scheduler.database)
    assert states == [("ALIVE",), ("DEAD",)]


def test_a_finished_recording_is_one_file(scheduler: Scheduler) -> None:
    scheduler.end()
    assert list(scheduler.database.parent.iterdir()) == [scheduler.database]


def test_a_full_disk_is_told_once_and_what_comes_later_is_stored(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = EventWriter.write

    def full(writer: EventWriter, tables: dict[str, Any]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    scheduler.store(1)
    scheduler.answers(1)
    monkeypatch.setattr(EventWriter, "write", full)
    scheduler.store(2, logs=[LOG])
    scheduler.store(3, logs=[LOG])
    notice, *replies = scheduler.answers(3)
    assert isinstance(notice, Notice)
    assert "disk is full" in notice.text
    assert replies == [Reply(2, None, ""), Reply(3, None, "")]
    monkeypatch.setattr(EventWriter, "write", write)
    scheduler.store(4, logs=[LOG])
    assert scheduler.answers(1) == [Reply(4, None, "")]
    assert rows("SELECT count(*) FROM logs", database=scheduler.database) == [(1,)]
