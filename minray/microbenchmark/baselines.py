"""What the machine itself can do, and what the system says of processes: numbers to compare with."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .benchmark import Benchmark, Reading

_MESSAGE = 120  # bytes, about as much as a small task needs


def machine_lines(scale: float) -> Iterator[Benchmark]:
    """Copying memory, and a message's way over four sockets."""
    yield _memcpy_line(int(100 * 1024 * 1024 * scale))
    with _EchoChain() as chain:
        yield Benchmark("raw 4-hop echo", "round trips/s", 1, chain.round_trip)


def _memcpy_line(length: int) -> Benchmark:
    # Not zeros: those pages would all be one.
    source = np.ones(length, dtype=np.int64)
    target = np.ones_like(source)
    return Benchmark("memcpy of 800 MB", "GB/s", source.nbytes / 1e9, lambda: np.copyto(target, source))


class _EchoChain:
    """This process, a relay and an echo: as many hops as a task's way to the worker and back, and no work."""

    def __enter__(self) -> "_EchoChain":
        self._mine, relays = socket.socketpair()
        relay_far, echos = socket.socketpair()
        self._children = [
            _fork(lambda: _relay(relays, relay_far), [self._mine, echos]),
            _fork(lambda: _echo(echos), [self._mine, relays, relay_far]),
        ]
        for sock in (relays, relay_far, echos):
            sock.close()
        return self

    def round_trip(self) -> None:
        self._mine.sendall(bytes(_MESSAGE))
        self._mine.recv(65536)

    def __exit__(self, *exc_info: object) -> None:
        self._mine.close()
        for pid in self._children:
            os.waitpid(pid, 0)


def _fork(work: object, closing: list[socket.socket]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            for sock in closing:
                sock.close()
            assert callable(work)
            work()
        finally:
            os._exit(0)
    return pid


def _relay(near: socket.socket, far: socket.socket) -> None:
    while data := near.recv(65536):
        far.sendall(data)
        near.sendall(far.recv(65536))


def _echo(sock: socket.socket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


def start_up_line(script: str) -> Benchmark:
    """Seconds from before the import to the first task's result.

    Args:
        script: the whole program; the last line that it prints is "seconds " and the number.
    """

    # As for everybody who has installed it: compiled once, at the first start, and not every time anew.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def run() -> Reading:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or "nothing was printed").splitlines()[-1])
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("seconds ")]
        return Reading(float(line.removeprefix("seconds ")))

    return Benchmark("start-up to first result", "s", 1, run)


def descendants(pid: int) -> list[int]:
    """All processes below this one (Linux only; elsewhere there seem to be none)."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(fields[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family[1:]


def pss_of_descendants() -> float:
    """The memory of all processes below this one in MB; shared pages are divided among those who share."""
    total = 0
    family = descendants(os.getpid())
    if not family:
        raise RuntimeError("there is no /proc here, or there are no further processes")
    for pid in family:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024
