"""The leak check itself must catch leaks, or all that it proves is worth nothing."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from leaks import Footprint


@pytest.fixture
def before(minray_home: Path) -> Footprint:
    return Footprint.take(minray_home)


def test_a_clean_test_leaves_nothing(before: Footprint, minray_home: Path) -> None:
    assert before.leaks(minray_home) == []


def test_a_child_process_is_caught(before: Footprint, minray_home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        (found,) = before.leaks(minray_home)
        assert found.startswith(f"process {child.pid}: ")
    assert before.leaks(minray_home) == []


def test_an_orphan_is_caught(before: Footprint, minray_home: Path) -> None:
    start_and_leave = (
        "import subprocess, sys; quiet = subprocess.DEVNULL;"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0, stdout=quiet, stderr=quiet);"
        "print(child.pid)"
    )
    read_end, write_end = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", start_and_leave], stdin=read_end, capture_output=True, text=True, check=True
    )
    os.close(read_end)
    (found,) = before.leaks(minray_home)
    os.close(write_end)
    assert found.startswith(f"process {int(done.stdout)}: ")
    assert before.wait_until_clean(minray_home) == []


def test_a_socket_is_caught(before: Footprint, minray_home: Path) -> None:
    with socket.socket():
        (found,) = before.leaks(minray_home)
    assert found.startswith("open socket of the test process fd")


def test_a_thread_that_keeps_the_process_from_ending_is_caught(before: Footprint, minray_home: Path) -> None:
    gate = threading.Event()
    threading.Thread(target=gate.wait, name="watchman", daemon=True).start()
    waiting = threading.Thread(target=gate.wait, name="doorkeeper")
    waiting.start()
    found = before.leaks(minray_home)
    gate.set()
    waiting.join()
    assert found == ["thread doorkeeper"]


def test_a_file_is_caught_and_a_recording_is_not(before: Footprint, minray_home: Path) -> None:
    session = minray_home / "session_of_a_test"
    session.mkdir()
    (session / "session.db").touch()
    assert before.leaks(minray_home) == []
    (session / "lock").touch()
    assert before.leaks(minray_home) == [f"file {session.name}/lock"]
    shutil.rmtree(session)


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="this system has no /dev/shm")
def test_shared_memory_of_a_dead_driver_is_caught(before: Footprint, minray_home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as driver:
        pass
    entry = Path(f"/dev/shm/minray-{os.getuid()}-session_test_{driver.pid}")
    entry.mkdir()
    assert before.leaks(minray_home) == [f"shared memory {entry}"]
    entry.rmdir()
