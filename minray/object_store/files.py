"""What the scheduler's process does with the files of the object store.

Taking a segment out of use is quick and done at once.  What may take long is done by a thread (see `Jobs`),
in order, so that the loop never waits for it: giving memory back to the system (20 ms for a gigabyte), and
all that touches a disk.  The thread runs hardly anything but system calls, which need no interpreter.
"""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from ..wire.config import STORE_SHARE_OF_MEMORY
from ..wire.jobs import Jobs
from .book import Segment
from .room import GONE, REMOVE, RESTORE, SPILL, VIEWED, Job
from .segments import StoreFolders

_COPY_BYTES = 1024 * 1024


def total_memory() -> int:
    """The machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def store_capacity(folder: Path, asked: int | None) -> int:
    """How many bytes the object store may use: what was asked for, at most what the system can give."""
    wanted = asked or int(total_memory() * STORE_SHARE_OF_MEMORY)
    return min(wanted, shutil.disk_usage(folder).free)


class StoreFiles(Jobs[Job, tuple[Job, str]]):
    """The store's files; what comes of a job is told together with the job (see `Job`).

    Args:
        folders: where they are.
    """

    def __init__(self, folders: StoreFolders) -> None:
        super().__init__(self._do, "store-files")
        self._folders = folders

    def retire(self, segment: Segment) -> bool:
        """Give a freed segment its next name, if nobody has a view of it.

        Raises:
            FileNotFoundError: somebody has removed the file.
        """
        path = self._folders.file(segment.name)
        fd = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(path, self._folders.file(segment.next_name))
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    # --- in the thread ------------------------------------------------------------------------------

    def _do(self, job: Job) -> tuple[Job, str]:
        does = {REMOVE: self._remove, SPILL: self._spill, RESTORE: self._restore}
        try:
            return job, does[job.kind](job)
        except OSError as error:
            return job, str(error)

    def _remove(self, job: Job) -> str:
        with contextlib.suppress(FileNotFoundError):
            self._folders.path(job.source).unlink()
        return ""

    def _spill(self, job: Job) -> str:
        """Copy an object to the disk; not one that somebody views, as its memory would stay in use."""
        target = self._folders.path(job.target)
        try:
            source = self._folders.path(job.source).open("rb")
        except FileNotFoundError:
            return GONE
        with source:
            try:
                fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until it is copied, readers wait
            except BlockingIOError:
                return VIEWED
            try:
                _copy(source, target, job.size)
            except OSError:
                target.unlink(missing_ok=True)
                raise
        return ""

    def _restore(self, job: Job) -> str:
        """Copy an object back into memory."""
        with self._folders.path(job.source).open("rb") as source:
            _copy(source, self._folders.path(job.target), job.size)
        return ""


def _copy(source: BinaryIO, target: Path, size: int) -> None:
    """Copy so many bytes into a file, new or not."""
    buffer = memoryview(bytearray(min(size, _COPY_BYTES)))
    with open(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        while size:
            read = source.readinto(buffer[:size])  # type: ignore[attr-defined]
            if not read:
                raise OSError("the file is shorter than the object")
            file.write(buffer[:read])
            size -= read
