"""Objects on a socket between nodes: what arrives is what was sent, or an error says that it did not."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minray.object_store import transfers
from minray.object_store.pulls import PullJob
from minray.object_store.segments import StoreFolders
from minray.object_store.transfers import Transfers, pull
from runtime_tools import wait_until


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Transfers]:
    """A node whose objects can be had."""
    folders = StoreFolders(tmp_path / "memory", tmp_path / "disk")
    for folder in folders:
        folder.mkdir()
    made = Transfers(folders, tmp_path / "o", lambda name: name)
    yield made
    made.close()


@pytest.fixture
def target(tmp_path: Path) -> StoreFolders:
    """The folders of the node that needs them."""
    folders = StoreFolders(tmp_path / "memory here", tmp_path / "disk here")
    for folder in folders:
        folder.mkdir()
    return folders


def job(source: Transfers, name: str, size: int) -> PullJob:
    return PullJob(b"x" * 28, 1, str(source.path), name, "1.1", size, False)


@pytest.mark.parametrize("size", [1, 4095, 3_000_001])
@pytest.mark.parametrize("by_the_system", [True, False])
def test_what_arrives_is_what_was_sent(
    source: Transfers, target: StoreFolders, tmp_path: Path, size: int, by_the_system: bool
) -> None:
    data = os.urandom(size)
    (tmp_path / "memory" / "1000000001.1").write_bytes(data + b"more, of an object that was there before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfers, "MANY_BYTES", 1_000_000)  # so that the largest comes in parts
        if not by_the_system:
            patch.delattr(os, "splice", raising=False)
        pull(job(source, "1000000001.1", size), target)
    assert target.path("1.1").read_bytes() == data


def test_an_object_that_is_not_there_is_an_error(source: Transfers, target: StoreFolders) -> None:
    with pytest.raises(OSError, match="not there"):
        pull(job(source, "1000000001.1", 10), target)


def test_a_node_that_is_gone_is_an_error(source: Transfers, target: StoreFolders) -> None:
    with pytest.raises(OSError, match="No such file"):
        pull(job(source, "1000000001.1", 10)._replace(socket="/nowhere"), target)


def test_a_transfer_that_breaks_off_is_an_error(tmp_path: Path, target: StoreFolders) -> None:
    path = tmp_path / "breaks"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def break_off() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall((1000).to_bytes(8, "big") + b"only so much")

        thread = threading.Thread(target=break_off)
        thread.start()
        with pytest.raises(OSError, match=transfers._BROKE_OFF):
            pull(PullJob(b"x" * 28, 1, str(path), "1000000001.1", "1.1", 1000, False), target)
        thread.join()


def test_jobs_are_done_by_threads_that_report(
    source: Transfers, target: StoreFolders, tmp_path: Path
) -> None:
    (tmp_path / "memory" / "1000000001.1").write_bytes(b"hello")
    here = Transfers(target, tmp_path / "here", lambda name: name)
    here.do([job(source, "1000000001.1", 5), job(source, "1000000002.1", 5)])
    results = []

    def both_are_done() -> bool:
        results.extend(here.take_results())
        return len(results) == 2

    wait_until(both_are_done)
    assert {result[0].source: bool(result[1]) for result in results} == {
        "1000000001.1": False,
        "1000000002.1": True,
    }
    here.close()
