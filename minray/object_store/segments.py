"""The object store: immutable objects in memory that all processes of a node share.

An object lies in one *segment*: a file in /dev/shm (where the system has no such place, a file in the session
directory).  Its writer writes it once; from then on any process maps it read-only.  A NumPy array that `get`
returns is a view of that mapping: nothing is copied, however many processes look at it::

    create (scheduler grants a segment) -> write -> seal -> map, map, ... -> free
                 ^                                                            |
                 '------- pool: once nobody has a view of it any more <-------'

Fresh memory is dear, because the system clears each page that it hands out, so segments are used again.
That is safe because **the system counts the views**: a reader holds a shared lock (`flock`) on the segment's
file for as long as its mapping lives, which is as long as any array made from it.  When a reader dies the
lock goes with it; a process that it forks shares the lock.  Only who gets the exclusive lock may use the
segment again.

A segment's name is `number.use`, such as `12.3`.  It gets a new one with every use, so whoever comes too
late finds nothing rather than somebody else's object.  An object for which there was no room in memory lies
in a file of the session directory, such as `spilled-7`.  No two nodes use the same name, and a process sees
the files of its own node only; so who looks for an object that is elsewhere finds no file and asks.
"""

import errno
import fcntl
import mmap
import os
import resource
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from ..wire.config import WARM_BYTES, WARM_SEGMENTS
from .ports import Data

ResultT = TypeVar("ResultT")

# Have the page table filled at once: a fault for each page would cost twice as much as the copying.
_POPULATE = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)

_SPILLED = "spilled-"

# Stands for the file of an object that has none at the moment.
NOWHERE = "0.0"

# The numbers in the names of files say on which node they are: each node counts from a multiple of this.
FILES_OF_A_NODE = 1_000_000_000


def spilled_name(number: int) -> str:
    """The name of a file on disk."""
    return f"{_SPILLED}{number}"


def node_of(name: str) -> int:
    """The number of the node on which this file is.

    Example:
        >>> node_of("12.3"), node_of("2000000001.1")
        (0, 2)
    """
    return int(name.removeprefix(_SPILLED).partition(".")[0]) // FILES_OF_A_NODE


def is_spilled(name: str) -> bool:
    """Whether a name is that of a file on disk."""
    return name.startswith(_SPILLED)


class StoreFolders(NamedTuple):
    """The two folders."""

    memory: Path
    disk: Path

    def path(self, name: str) -> Path:
        """The file of this name."""
        return Path(self.file(name))

    def file(self, name: str) -> str:
        """The same as text, which costs less."""
        return f"{self.disk if is_spilled(name) else self.memory}/{name}"


class ObjectStore:
    """The store as a driver or worker sees it: it writes and maps segments.

    Args:
        folders: where the segments are.

    Example:
        >>> store.write("1.1", False, serialize(array))
        >>> deserialize(store.read("1.1", size))
    """

    def __init__(self, folders: StoreFolders) -> None:
        self.path = folders.path
        self._file = folders.file
        self._views: WeakValueDictionary[str, mmap.mmap] = WeakValueDictionary()
        self._warm: OrderedDict[str, mmap.mmap] = OrderedDict()  # by segment number: mappings to write into

    def write(self, name: str, recycled: bool, data: Data) -> None:
        """Write an object into the segment that the scheduler has granted.

        Args:
            name: the segment.
            recycled: whether it exists already, in full size.
            data: what to write.

        Raises:
            OSError: there is no room (ENOSPC). Never a SIGBUS: all memory that is mapped here exists already.
        """
        warm = self._warm_mapping(name) if recycled and data.size >= WARM_BYTES else None
        if warm is not None:
            with memoryview(warm) as memory:
                data.write_into(memory)
            return
        # The system copies into new pages without clearing them first: twice as fast as through a mapping.
        flags = os.O_WRONLY | os.O_CREAT if recycled else os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(self._file(name), flags, 0o600), "wb") as file:
            data.write_to(file)

    def _warm_mapping(self, name: str) -> mmap.mmap | None:
        """This process's writable mapping of a segment: kept, as its page table is half of the cost."""
        number = number_of(name)
        mapping = self._warm.pop(number, None)
        if not os.path.exists(self._file(name)):  # somebody has deleted it
            return None
        if mapping is None:
            fd = _with_more_descriptors(lambda: os.open(self._file(name), os.O_RDWR))
            try:
                mapping = _with_more_descriptors(lambda: mmap.mmap(fd, 0, flags=_POPULATE))
            except OSError:  # too many mappings: writing works without
                return None
            finally:
                os.close(fd)
            if len(self._warm) >= WARM_SEGMENTS:
                self._warm.popitem(last=False)
        self._warm[number] = mapping
        return mapping

    def forget(self, numbers: tuple[str, ...]) -> None:
        """These segments are gone: let go of what is kept for writing into them."""
        for number in numbers:
            self._warm.pop(number, None)

    def read(self, name: str, size: int) -> memoryview:
        """Map a sealed segment read-only; the mapping lives as long as anything that views it.

        Raises:
            FileNotFoundError: the object is not there (any more).
        """
        mapping = self._views.get(name)
        if mapping is None:
            mapping = _with_more_descriptors(lambda: self._map(name, size))
            self._views[name] = mapping
        return memoryview(mapping)

    def _map(self, name: str, size: int) -> mmap.mmap:
        path = self._file(name)
        fd = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
            os.stat(path)  # was it taken away before we had the lock? From now on it cannot be.
            return mmap.mmap(fd, size, prot=mmap.PROT_READ)  # keeps the file open, and so the lock
        finally:
            os.close(fd)


def number_of(name: str) -> str:
    """The part of a segment's name that stays the same when it is used again."""
    return name.partition(".")[0]


def _with_more_descriptors(action: Callable[[], ResultT]) -> ResultT:
    """Do something that opens files; if there are too many, allow ourselves as many as the system lets us."""
    try:
        return action()
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return action()
