"""Who uses how much of the object store: bookkeeping, decided purely.

::

    create -> live (being written, then sealed) --free--> retired -> may be viewed still? --no--> pool
                ^                                                                                  |
                '--------------------- used again for an object of about its size -----------------+
                                                                     idle, or room is short ------'--> leaving

All segments together, those in the pool included, never take more than the store's capacity.
"""

from bisect import bisect_left, insort
from typing import Any

from .segments import FILES_OF_A_NODE, is_spilled, spilled_name


class Segment:
    """A piece of shared memory, over all its uses."""

    __slots__ = ("capacity", "freed", "number", "size", "use", "warm")

    def __init__(self, number: int, capacity: int) -> None:
        self.number = number
        self.use = 1
        self.capacity = capacity
        self.size = 0  # of the object in it
        self.warm: set[Any] = set()  # processes that have written it before: they do so fastest
        self.freed = 0.0  # when it came into the pool

    @property
    def name(self) -> str:
        """Its file, for this use; see `segments`."""
        return f"{self.number}.{self.use}"

    @property
    def next_name(self) -> str:
        """Its file, for the use after this one."""
        return f"{self.number}.{self.use + 1}"

    def fits(self, size: int) -> bool:
        """Whether an object of this size fits and leaves little unused."""
        return size <= self.capacity <= size + size // 8


class StoreBook:
    """The store's segments.

    Args:
        capacity: bytes that all segments together may take.
        node: the number of the node, so that no two nodes give a file the same name.

    Example:
        >>> book = StoreBook(100)
        >>> book.create(60, "driver").name, book.create(60, "driver")
        ('1.1', None)
    """

    def __init__(self, capacity: int, node: int = 0) -> None:
        self.capacity = capacity
        self.used = 0  # bytes of the objects
        self.taken = 0  # bytes of all segments
        self.retired: list[Segment] = []  # freed; it is not known yet whether they are still viewed
        self.viewed: list[Segment] = []  # freed; when last looked at, somebody had a view
        self.leaving: dict[str, Segment] = {}  # on their way back to the system
        self.spilled = 0  # bytes of the objects on disk
        self._live: dict[str, Segment] = {}
        self._on_disk: dict[str, int] = {}  # sizes by file name
        self._pool: list[Segment] = []  # the smallest first
        self._numbers = node * FILES_OF_A_NODE

    @property
    def unused(self) -> int:
        """How many segments hold no object: they are to be given back if that stays so."""
        return len(self._pool) + len(self.viewed)

    @property
    def room(self) -> int:
        """Bytes that are free now or about to be."""
        return self.capacity - self.taken + sum(segment.capacity for segment in self.leaving.values())

    def create(self, size: int, writer: Any) -> Segment | None:  # noqa: ANN401
        """Grant a segment for a new object; None if there is no room right now.

        Args:
            size: bytes of the object.
            writer: the process that will write it, or None.
        """
        segment = self._from_pool(size, writer)
        if segment is None:
            if self.taken + size > self.capacity:
                return None
            self._numbers += 1
            segment = Segment(self._numbers, size)
            self.taken += size
        segment.size = size
        if writer is not None:
            segment.warm.add(writer)
        self.used += size
        self._live[segment.name] = segment
        return segment

    def _from_pool(self, size: int, writer: Any) -> Segment | None:  # noqa: ANN401
        """The best segment of the pool: one that the writer knows, or else the smallest that fits."""
        start = bisect_left(self._pool, size, key=_capacity)
        best = None
        for place in range(start, min(start + 8, len(self._pool))):
            segment = self._pool[place]
            if not segment.fits(size):
                break
            if best is None or writer in segment.warm:
                best = place
                if writer in segment.warm:
                    break
        return None if best is None else self._pool.pop(best)

    def size(self, name: str) -> int:
        """The size in bytes of the object in a segment."""
        return self._on_disk[name] if is_spilled(name) else self._live[name].size

    def create_on_disk(self, size: int) -> str:
        """A file on disk for an object; return its name."""
        self._numbers += 1
        name = spilled_name(self._numbers)
        self._on_disk[name] = size
        self.spilled += size
        return name

    def free_on_disk(self, name: str) -> None:
        """The object in this file is not needed any more."""
        self.spilled -= self._on_disk.pop(name)

    def free(self, name: str) -> int:
        """The object in this segment is not needed any more; return its size."""
        segment = self._remove_object(name)
        self.retired.append(segment)
        return segment.size

    def discard(self, name: str) -> Segment:
        """The segment may not be written to the end: it leaves."""
        segment = self._remove_object(name)
        self.leaving[name] = segment
        return segment

    def take_retired(self) -> list[Segment]:
        """The segments freed since the last call: find out whether they are viewed."""
        retired, self.retired = self.retired, []
        return retired

    def take_viewed(self, size: int | None = None) -> list[Segment]:
        """Segments that were viewed, of about this size or of any: look again."""
        taken = [segment for segment in self.viewed if size is None or segment.fits(size)]
        self.viewed = [segment for segment in self.viewed if segment not in taken]
        return taken

    def _remove_object(self, name: str) -> Segment:
        segment = self._live.pop(name)
        self.used -= segment.size
        return segment

    def recycle(self, segment: Segment, now: float) -> None:
        """Nobody views this segment any more, and it has its next name now."""
        segment.use += 1
        segment.freed = now
        insort(self._pool, segment, key=_capacity)

    def clear_pool(self, now: float, seconds: float) -> list[Segment]:
        """Give back what has not been used for so long; return those segments."""
        old = [segment for segment in self._pool if now - segment.freed >= seconds]
        if old:
            self._pool = [segment for segment in self._pool if now - segment.freed < seconds]
        return self._leave(old)

    def make_room(self, size: int) -> list[Segment]:
        """Give back so much of the pool, the longest unused first, that an object of this size may fit."""
        room = self.room
        leave = []
        for segment in sorted(self._pool, key=lambda segment: segment.freed):
            if room >= size:
                break
            room += segment.capacity
            leave.append(segment)
            self._pool.remove(segment)
        return self._leave(leave)

    def _leave(self, segments: list[Segment]) -> list[Segment]:
        self.leaving.update((segment.name, segment) for segment in segments)
        return segments

    def removed(self, segment: Segment) -> None:
        """The system has the segment's memory back."""
        self.leaving.pop(segment.name, None)
        self.taken -= segment.capacity


def _capacity(segment: Segment) -> int:
    return segment.capacity
