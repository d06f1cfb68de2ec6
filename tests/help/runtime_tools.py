"""What the tests of the runtime share: sessions, gates that hold tasks, scripts, and event rows."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

import minray as ray
from minray.core_worker import current
from minray.gcs.store import connect_readonly
from minray.session import here

PATIENCE = 30.0  # seconds after which a condition that did not come true fails a test


@contextmanager
def session(**options: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - whatever init takes
    """A runtime with options of the test's own, shut down at the end whatever happens."""
    options.setdefault("include_dashboard", False)
    try:
        yield ray.init(**options)
    finally:
        ray.shutdown()


def wait_until(condition: Callable[[], object], what: str = "") -> None:
    """Return as soon as the condition is true; fail when it does not become so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what or condition}")
        time.sleep(0.01)


class Gate:
    """Holds tasks until the test opens it, so that a test decides which tasks run when.

    A gate is a folder: whoever waits leaves a file in it, and opening it is a file too, so a gate can be
    sent to any process.  Waiting sleeps in short steps and so can be cancelled at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"gate-{os.urandom(4).hex()}"
        self.folder.mkdir()

    def wait(self) -> int:
        """In a task: say that it has come here, wait for the gate to open, return the process id."""
        (self.folder / f"visitor-{os.getpid()}-{os.urandom(4).hex()}").touch()
        deadline = time.monotonic() + 2 * PATIENCE
        while not (self.folder / "open").exists():
            if time.monotonic() > deadline:
                raise TimeoutError("nobody opened the gate")
            time.sleep(0.005)
        return os.getpid()

    def open(self) -> None:
        """Let everybody through, now and later."""
        (self.folder / "open").touch()

    def visitors(self) -> int:
        """How many have come so far, waiting or gone through."""
        return len(list(self.folder.glob("visitor-*")))

    def wait_for_visitors(self, count: int = 1) -> None:
        """In the test: return when so many have come."""
        wait_until(lambda: self.visitors() >= count, f"{count} at the gate; {self.visitors()} came")


class Tally:
    """Counts, in any process, how often something happened: one line a time in one file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"tally-{os.urandom(4).hex()}"
        self.path.touch()

    def add(self, line: object = "") -> int:
        """Write a line; return how many there are now."""
        with self.path.open("a") as file:
            file.write(f"{line}\n")
        return len(self.lines())

    def lines(self) -> list[str]:
        """All lines so far."""
        return self.path.read_text().splitlines()


def session_dir() -> Path:
    """The directory of the running session."""
    assert here.session_dir is not None, "no session runs"
    return here.session_dir


def parts_of_the_runtime() -> list[psutil.Process]:
    """The session's supervisor and what it started: GCS, zygote, local scheduler; not the workers."""
    directory = str(session_dir())
    supervisors = [
        child for child in psutil.Process().children() if any(directory in part for part in child.cmdline())
    ]
    assert len(supervisors) == 1
    return supervisors + supervisors[0].children()


def event_store() -> Path:
    """The running session's ``session.db``."""
    return session_dir() / "session.db"


def rows(sql: str, *values: object, database: Path | None = None) -> list[tuple[Any, ...]]:
    """Ask the running session's event store (empty until the GCS has made it), or another one."""
    try:
        with closing(connect_readonly(database or event_store())) as connection:
            return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if "unable to open" in str(error) or "no such table" in str(error):
            return []
        raise


def wait_for_rows(sql: str, *values: object, count: int = 1) -> list[tuple[Any, ...]]:
    """Wait until the running session's event store answers with at least so many rows."""
    wait_until(lambda: len(rows(sql, *values)) >= count, f"{count} rows of {sql} {values}")
    return rows(sql, *values)


def stored_bytes() -> int:
    """How many bytes the running session's objects take in the object store."""
    assert current.core is not None, "no session runs"
    used: int = current.core.query("store_used")
    return used


def start_script(folder: Path, code: str, **env: str) -> "subprocess.Popen[str]":
    """Start Python on a file with this code, as a learner would, in a process group of its own."""
    script = folder / f"script_{os.urandom(4).hex()}.py"
    script.write_text(textwrap.dedent(code))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        start_new_session=True,
    )


def run_script(folder: Path, code: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run such a script to its end; the exit status is for the test to judge."""
    process = start_script(folder, code, **env)
    try:
        output, errors = process.communicate(timeout=2 * PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        raise AssertionError(f"the script hung; it had printed:\n{output}\n{errors}") from None
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def run_good_script(folder: Path, code: str, **env: str) -> str:
    """Run a script that must succeed; return what it printed on both streams, standard output first."""
    done = run_script(folder, code, **env)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@contextmanager
def in_thread(function: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run something beside the test, and wait for its end before going on."""
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()
