"""The object store: immutable objects in memory that all processes of a node share.

An object is one *segment*: a file in /dev/shm (where the system has no such place, a file in the session
directory).  The process that makes the object creates the segment and writes it; once it is sealed nobody
writes again, and any process maps it read-only.  A NumPy array that `get` returns is a view of that
mapping: nothing is copied, however many processes look at it.

    create (scheduler grants room) -> write (worker or driver) -> seal -> map, map, ... -> free

Who may have how much is the scheduler's bookkeeping: `StoreBook`.  A freed segment's file is unlinked at
once; the system keeps its memory for as long as somebody still looks at an array in it.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreBook:
    """Who uses how much of the store; the scheduler's side, without any I/O.

    Args:
        capacity: bytes that all objects together may use.

    Example:
        >>> book = StoreBook(100)
        >>> book.create("a", 60), book.create("b", 60)
        (True, False)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0
        self._sizes: dict[str, int] = {}

    def create(self, name: str, size: int) -> bool:
        """Reserve room for a segment; False if there is not enough."""
        if self.used + size > self.capacity:
            return False
        self._sizes[name] = size
        self.used += size
        return True

    def size(self, name: str) -> int:
        """The segment's size in bytes."""
        return self._sizes[name]

    def free(self, name: str) -> int:
        """Give a segment's room back; return its size (0 if there is no such segment)."""
        size = self._sizes.pop(name, 0)
        self.used -= size
        return size


@contextmanager
def new_segment(path: Path, size: int) -> Iterator[memoryview]:
    """Create a segment and write it.

    Args:
        path: the file; its folder exists, the file does not.
        size: bytes, at least 1.

    Yields:
        Writable memory of that size, zeroed.

    Raises:
        OSError: there is no room (ENOSPC) or the folder is not writable. Nothing is left behind.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _claim(fd, size)
        mapping = mmap.mmap(fd, size)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(fd)
    view = memoryview(mapping)
    try:
        yield view
    except BaseException:
        path.unlink()
        raise
    finally:
        view.release()
        mapping.close()


def _claim(fd: int, size: int) -> None:
    """Get the memory now: a store into a mapping of a full /dev/shm would be a SIGBUS, not an error."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    zeros = bytes(1024 * 1024)
    written = 0
    while written < size:  # when there is little room, a part is written before the error comes
        written += os.pwrite(fd, zeros[: size - written], written)


def map_segment(path: Path) -> memoryview:
    """Map a sealed segment read-only; the mapping lives as long as anything that views it.

    Raises:
        FileNotFoundError: the object has been freed.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        return memoryview(mmap.mmap(fd, 0, prot=mmap.PROT_READ))
    finally:
        os.close(fd)
