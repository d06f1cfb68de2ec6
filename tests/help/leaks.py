"""Finds what a test left behind: processes, shared memory, files, and sockets and threads of our own.

::

    before = Footprint.take(home)  ->  the test  ->  before.wait_until_clean(home)

Every process that a test run starts inherits the run's marker in its environment, so even one whose
parent died and that hides under another parent is recognised; other people's sessions on the same
machine never are.
"""

import gc
import os
import stat
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKER = "MINRAY_TEST_RUN"
PATIENCE = 20.0  # seconds within which everything must be gone; only a failing test waits that long


def mark_this_run() -> None:
    """Give all processes that will be started from here on this run's marker."""
    os.environ[MARKER] = uuid.uuid4().hex


@dataclass(frozen=True)
class Footprint:
    """What exists outside our own memory at one moment, for the things that tests may leak."""

    processes: frozenset[int]
    shared_memory: frozenset[str]
    files: frozenset[str]
    sockets: frozenset[str]
    threads: frozenset[threading.Thread]

    @classmethod
    def take(cls, home: Path) -> "Footprint":
        """Look around now; ``home`` is the MINRAY_HOME of the test run."""
        return cls(
            frozenset(process.pid for process in _our_processes()),
            frozenset(_shared_memory()),
            frozenset(str(path.relative_to(home)) for path in _all_paths(home)),
            frozenset(_open_sockets()),
            # Daemons end with the process; the others keep it from ending.
            frozenset(thread for thread in threading.enumerate() if not thread.daemon),
        )

    def leaks(self, home: Path, *, own_sockets: bool = True) -> list[str]:
        """What is there now, was not there at this footprint, and should not have stayed.

        Not counted: children of processes that were there before (a browser, or a runtime that a whole
        test module shares), files of sessions that were running before, and finished recordings.
        """
        now = Footprint.take(home)
        found = [
            f"process {pid}: {_describe(pid)}"
            for pid in sorted(now.processes - self.processes)
            if not _has_ancestor_in(pid, self.processes)
        ]
        found += [f"shared memory /dev/shm/{name}" for name in sorted(now.shared_memory - self.shared_memory)]
        found += [f"file {path}" for path in sorted(now.files - self.files) if not self._may_stay(path)]
        found += [f"thread {thread.name}" for thread in now.threads - self.threads]
        if own_sockets:
            opened = sorted(now.sockets - self.sockets)
            found += [f"open socket of the test process {name}" for name in opened]
        return found

    def wait_until_clean(self, home: Path, *, own_sockets: bool = True) -> list[str]:
        """Give processes that are on their way out the time to go, and return what stays."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.leaks(home, own_sockets=own_sockets)) and time.monotonic() < deadline:
            gc.collect()  # a socket held only by a dead reference cycle is no leak
            time.sleep(0.05)
        return found

    def _may_stay(self, path: str) -> bool:
        session, _, rest = path.partition(os.sep)
        if f"{session}{os.sep}lock" in self.files:
            return True
        return session.startswith("session_") and rest in ("", "session.db")


# Processes of others, with when they began: who was seen twice without our marker does not get it any more.
_strangers: Counter[tuple[int, float]] = Counter()


def _our_processes() -> Iterator[psutil.Process]:
    """All live processes of this test run but the test process itself."""
    marker = os.environ[MARKER]
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            known = process.pid, process.create_time()
            if process.pid not in ours and _strangers[known] > 1:
                continue
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.pid in ours or process.environ().get(MARKER) == marker:
                yield process
            else:
                _strangers[known] += 1
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _has_ancestor_in(pid: int, pids: frozenset[int]) -> bool:
    try:
        return any(parent.pid in pids for parent in psutil.Process(pid).parents())
    except psutil.NoSuchProcess:
        return True  # gone while we looked


def _describe(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:200]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "(gone)"


def _shared_memory() -> Iterator[str]:
    """Entries of minray in /dev/shm, less those of other people's running sessions.

    An entry is named after its session and that after the driver's process id, which tells a leak (the
    driver is dead, or it is one of ours) from a session that somebody else is running right now.
    """
    paths = list(Path("/dev/shm").glob("minray-*")) if Path("/dev/shm").is_dir() else []
    ours = {process.pid for process in _our_processes()} | {os.getpid()} if paths else set()
    for path in paths:
        _, _, driver = path.name.rpartition("_")
        if not driver.isdigit() or int(driver) in ours or not psutil.pid_exists(int(driver)):
            yield path.name


def _all_paths(home: Path) -> Iterator[Path]:
    return (Path(folder, name) for folder, dirs, files in os.walk(home) for name in dirs + files)


def _open_sockets() -> Iterator[str]:
    """The sockets this very process holds, by file descriptor and inode."""
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue  # the descriptor that listed the folder
        if stat.S_ISSOCK(status.st_mode):
            yield f"fd {name} inode {status.st_ino}"
