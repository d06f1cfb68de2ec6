"""How objects travel between nodes: over a socket, in chunks, by threads that do little but system calls.

Each node with company listens on a socket of its own for those who want copies of its objects::

    puller (thread) --request: which bytes of which file--> server (thread of the node that has it)
                    <--size, then the bytes--

The server holds the object's file with the same shared lock as any reader (see `segments`), so nobody
uses it for something else in the meantime.  The puller writes straight into a file of its own node's store.
"""

import contextlib
import fcntl
import marshal
import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from ..wire.config import MANY_BYTES, MOST_COPIERS, TRANSFER_BYTES, TRANSFER_SECONDS
from ..wire.jobs import Jobs
from .pulls import PullJob
from .segments import StoreFolders

_SIZE = struct.Struct(">Q")
_PATIENCE = struct.pack("ll", int(TRANSFER_SECONDS), 0)  # a `timeval`
_BROKE_OFF = "the transfer broke off"
_PULLERS = 2

# A job, what has come of it ("" is success), when it began and ended.
Pulled = tuple[PullJob, str, float, float]


class Transfers(Jobs[PullJob, Pulled]):
    """One node's traffic of objects with other nodes; its jobs are to copy objects to this node.

    Args:
        folders: where the node's objects are.
        path: of the socket to listen on.
        resolve: the file in which an object is now that others know by this name.
    """

    def __init__(self, folders: StoreFolders, path: Path, resolve: Callable[[str], str]) -> None:
        super().__init__(self._pull, "object-puller", _PULLERS)
        self.path, self._folders, self._resolve = path, folders, resolve
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(128)
        threading.Thread(target=self._serve, name="object-server", daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more, and pull nothing."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        super().close()

    def _pull(self, job: PullJob) -> Pulled:
        """Copy an object to this node (in a thread)."""
        started, outcome = time.time(), ""
        try:
            pull(job, self._folders)
        except OSError as error:
            outcome = str(error) or type(error).__name__
        return job, outcome, started, time.time()

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
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TRANSFER_BYTES)
            name, start, size = marshal.loads(connection.recv(4096))
            with self._open(name) as file:
                connection.sendall(_SIZE.pack(size))
                connection.sendfile(file, start, size)

    def _open(self, name: str) -> BinaryIO:
        """Open an object's file so that it stays what it is; it may be spilled just now, hence two tries."""
        for _ in range(2):
            path = self._folders.path(self._resolve(name))
            with contextlib.suppress(FileNotFoundError):
                file = path.open("rb")
                fcntl.flock(file, fcntl.LOCK_SH)
                if path.exists():
                    return file
                file.close()
        raise FileNotFoundError(name)


def pull(job: PullJob, folders: StoreFolders) -> None:
    """Copy an object from another node; a large one in several parts at once, as one CPU cannot copy faster.

    Raises:
        OSError: it is not there, the other node is gone, or there is no room.
    """
    parts = min(os.cpu_count() or 1, MOST_COPIERS) if job.size >= MANY_BYTES else 1
    share = -(-job.size // parts)
    file = os.open(folders.path(job.target), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        with ThreadPoolExecutor(parts) as threads:
            pulled = threads.map(lambda start: _pull_part(job, file, start, share), range(0, job.size, share))
            deque(pulled, maxlen=0)  # raises what one of them has raised
    finally:
        os.close(file)


def _pull_part(job: PullJob, file: int, start: int, share: int) -> None:
    size = min(share, job.size - start)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        connection.connect(job.socket)
        connection.sendall(marshal.dumps((job.source, start, size)))
        header = connection.recv(_SIZE.size, socket.MSG_WAITALL)
        if len(header) < _SIZE.size:
            raise OSError("the object is not there any more")
        receive = _splice if hasattr(os, "splice") else _copy
        receive(connection, file, start, size)


def _splice(connection: socket.socket, file: int, offset: int, size: int) -> None:
    """Have the system move the bytes: through a pipe, which takes over pages as they are, into the file."""
    outlet, inlet = os.pipe()
    try:
        with contextlib.suppress(OSError):  # the user may have too many pipes; then a smaller one will do
            fcntl.fcntl(inlet, fcntl.F_SETPIPE_SZ, TRANSFER_BYTES)
        end = offset + size
        while offset < end:
            count = os.splice(connection.fileno(), inlet, min(end - offset, TRANSFER_BYTES))
            if not count:
                raise OSError(_BROKE_OFF)
            while count:
                moved = os.splice(outlet, file, count, offset_dst=offset)
                offset += moved
                count -= moved
    finally:
        os.close(outlet)
        os.close(inlet)


def _copy(connection: socket.socket, file: int, offset: int, size: int) -> None:
    """The same where the system cannot: through a buffer of this process."""
    buffer = memoryview(bytearray(min(size, TRANSFER_BYTES)))
    end = offset + size
    while offset < end:
        count = connection.recv_into(buffer[: end - offset])
        if not count:
            raise OSError(_BROKE_OFF)
        os.pwrite(file, buffer[:count], offset)
        offset += count
