"""How objects travel between nodes: over a socket, in chunks, by threads that do little but system calls.

Each node with company listens on a socket of its own for those who want copies of its objects::

    puller (thread) --request: which file--> server (thread of the node that has it)
                    <--size, then the bytes--

The server holds the object's file with the same shared lock as any reader (see `object_store`), so nobody
uses it for something else in the meantime.  The puller writes straight into a file of its own node's store.
"""

import contextlib
import fcntl
import marshal
import mmap
import os
import queue
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .config import TRANSFER_BYTES, TRANSFER_SECONDS
from .pulls import PullJob
from .store_folders import StoreFolders

_SIZE = struct.Struct(">Q")
_PULLERS = 2


class Transfers:
    """One node's traffic of objects with other nodes.

    Args:
        folders: where the node's objects are.
        path: of the socket to listen on.
        resolve: the file in which an object is now that others know by this name.
    """

    def __init__(self, folders: StoreFolders, path: Path, resolve: Callable[[str], str]) -> None:
        self.path = path
        self.wake, self._waker = socket.socketpair()
        self.wake.setblocking(False)
        self._waker.setblocking(False)
        self._folders = folders
        self._resolve = resolve
        self._results: deque[tuple[PullJob, str, float, float]] = deque()
        self._jobs: queue.SimpleQueue[PullJob] = queue.SimpleQueue()
        self._pullers = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(128)
        threading.Thread(target=self._serve, name="object-server", daemon=True).start()

    def do(self, jobs: list[PullJob]) -> None:
        """Have these objects copied to this node."""
        for job in jobs:
            self._jobs.put(job)
            if self._pullers < _PULLERS:
                self._pullers += 1
                threading.Thread(target=self._work, name="object-puller", daemon=True).start()

    def take_results(self) -> list[tuple[PullJob, str, float, float]]:
        """What has come of the jobs since the last call: the job, the outcome, when it began and ended."""
        with contextlib.suppress(BlockingIOError):
            self.wake.recv(4096)
        return [self._results.popleft() for _ in range(len(self._results))]

    # --- pulling (in threads) -----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            started, outcome = time.time(), ""
            try:
                pull(job, self._folders)
            except OSError as error:
                outcome = str(error) or type(error).__name__
            self._results.append((job, outcome, started, time.time()))
            with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
                self._waker.send(b"!")

    # --- serving (in threads) -----------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, EOFError, ValueError):
            connection.settimeout(TRANSFER_SECONDS)
            name, size = marshal.loads(connection.recv(4096))
            with self._open(name) as file:
                connection.sendall(_SIZE.pack(size))
                connection.sendfile(file, 0, size)

    def _open(self, name: str) -> BinaryIO:
        """Open an object's file so that it stays what it is; it may be spilled just now, hence two tries."""
        for last_try in (False, True):
            path = self._folders.path(self._resolve(name))
            with contextlib.suppress(FileNotFoundError):
                file = path.open("rb")
                fcntl.flock(file, fcntl.LOCK_SH)
                if path.exists():
                    return file
                file.close()
            if last_try:
                break
        raise FileNotFoundError(name)


def pull(job: PullJob, folders: StoreFolders) -> None:
    """Copy an object from another node.

    Raises:
        OSError: it is not there, the other node is gone, or there is no room.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TRANSFER_SECONDS)
        connection.connect(job.socket)
        connection.sendall(marshal.dumps((job.source, job.size)))
        header = connection.recv(_SIZE.size, socket.MSG_WAITALL)
        if len(header) < _SIZE.size:
            raise OSError("the object is not there any more")
        target = folders.path(job.target)
        fd = os.open(target, os.O_RDWR | os.O_CREAT, 0o600)
        with open(fd, "r+b") as file:
            if job.recycled and os.fstat(fd).st_size >= job.size:
                with mmap.mmap(fd, job.size) as mapping, memoryview(mapping) as view:
                    _receive(connection, view)
            else:
                _receive_into_file(connection, file, job.size)


def _receive(connection: socket.socket, view: memoryview) -> None:
    while view:
        count = connection.recv_into(view[:TRANSFER_BYTES])
        if not count:
            raise OSError("the transfer broke off")
        view = view[count:]


def _receive_into_file(connection: socket.socket, file: BinaryIO, size: int) -> None:
    """Write into new pages, which the system need not clear first, as it would for a mapping."""
    buffer = memoryview(bytearray(min(size, TRANSFER_BYTES)))
    while size:
        count = connection.recv_into(buffer[:size])
        if not count:
            raise OSError("the transfer broke off")
        file.write(buffer[:count])
        size -= count
