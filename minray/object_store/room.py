"""Who gets room in the object store, and what goes to the disk to make it: decided purely.

A process asks for room before it writes an object.  Freed segments are used again; when all room is taken,
the objects that nobody has used for longest are *spilled*: copied into files on disk, and their memory is
free.  One that is asked for again is *restored* if there is room, else it is read from its file::

    ask -> a segment of the pool, or a fresh one ---------------------------------------> granted
        -> no room: give back the pool, spill what was used longest ago, and wait for it --^
        -> nothing is left to spill, or it is larger than the whole store: a file on disk -^

What takes time (see `Job`) is done elsewhere; requests wait in order until it is done.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ..wire.config import DISK_PAUSE_SECONDS, POOL_SECONDS
from ..wire.messages import CreateSegment, ForgetSegments, Reply
from .book import Segment, StoreBook
from .ports import Clock, User
from .segments import is_spilled
from .spill_notice import SpillNotice, first_notice

REMOVE, SPILL, RESTORE = "remove", "spill", "restore"
VIEWED, GONE = "viewed", "gone"  # what may come of spilling: somebody looks at it; it was freed before

Place = tuple[bytes, str, int]  # object id, name of its file, size in bytes: the payload of a STORED value


class Job(NamedTuple):
    """Something to be done with files; what comes of it is "" (done), VIEWED, GONE, or why it failed."""

    kind: str  # REMOVE, SPILL or RESTORE
    source: str
    target: str = ""
    size: int = 0
    object_id: bytes = b""


class StoreLog:
    """Adds to the rows that the node's process gathers.

    Args:
        rows: by table; see `gcs.schema`. An absent table has to be there as soon as it is asked for.
        clock: says which time the rows get.
        node: the number of the node that is told of.
    """

    def __init__(self, rows: dict[str, list[tuple[Any, ...]]], clock: Clock, node: int = 0) -> None:
        self.clock, self.node, self._rows = clock, node, rows

    def stored_object(self, object_id: bytes, state: str, size: int, task: int | None) -> None:
        """An object in the store is CREATED, SEALED, SPILLED, RESTORED, FREED or LOST."""
        row = (object_id.hex(), self.node, state, size, self.clock.now, task)
        self._rows["object_events"].append(row)

    def references(self, object_id: bytes, count: int) -> None:
        """So many processes and tasks refer to an object in the store now."""
        self._rows["object_references"].append((object_id.hex(), self.clock.now, count))

    def transfer(
        self, object_id: bytes, source: int, started: float, ended: float, size: int, outcome: str
    ) -> None:
        """An object was copied from another node to this one, or could not be."""
        self._rows["transfers"].append((object_id.hex(), source, self.node, started, ended, size, outcome))


class StoreRoom:
    """The room of one node's object store.

    Args:
        capacity: bytes of memory that the objects may use.
        log: where events go.
        moved: called with an object's old and new place; False if it is not at the old one any more.
    """

    def __init__(self, capacity: int, log: StoreLog, moved: Callable[[Place, Place], bool]) -> None:
        self.book = StoreBook(capacity, log.node)
        self._log, self._moved = log, moved
        self.jobs: list[Job] = []  # outbox: what is to be done with files; see `take_jobs`
        self.creates: deque[tuple[User, CreateSegment]] = deque()  # wait for room, and for `settle`
        self._sealed: OrderedDict[str, Place] = OrderedDict()  # what may be spilled, the longest unused first
        self._spilling: dict[str, Place] = {}
        self._stays: set[str] = set()  # what could not be spilled for those who wait now
        self._notice: SpillNotice | None = None  # once something was spilled
        self._disk_failed = 0.0  # when the disk last took no object
        self._restoring: dict[bytes, list[tuple[User, int]]] = {}  # and whom to tell where it is then

    @property
    def restless(self) -> bool:
        """Whether time alone may change something."""
        return bool(self.book.unused)

    @property
    def share_used(self) -> float:
        """The share of the memory that objects take, from 0 to 1."""
        return self.book.used / max(1, self.book.capacity)

    # --- objects come and go ------------------------------------------------------------------------

    def ask(self, client: User, message: CreateSegment) -> None:
        """A process wants to write an object; `settle` answers."""
        self.creates.append((client, message))

    def sealed(self, place: Place, task: int | None) -> None:
        """The object is written."""
        object_id, name, size = place
        self._log.stored_object(object_id, "SEALED", size, task)
        if is_spilled(name):
            self._note_spilled(object_id, size, task)
        else:
            self._sealed[name] = place

    def size(self, name: str) -> int:
        """The size in bytes of the object in a file."""
        return self.book.size(name)

    def used(self, place: Place) -> None:
        """Somebody is going to read the object."""
        if place[1] in self._sealed:
            self._sealed.move_to_end(place[1])

    def free(self, place: Place, why: str = "FREED") -> None:
        """Nobody refers to the object any more; or it is LOST."""
        object_id, name, size = place
        self._log.stored_object(object_id, why, size, None)
        if is_spilled(name):
            self._remove_file(name)
        else:
            self._sealed.pop(name, None)
            self.book.free(name)

    def discard(self, object_id: bytes, name: str) -> None:
        """What was to be written there will never be an object."""
        self._log.stored_object(object_id, "FREED", self.book.size(name), None)
        if is_spilled(name):
            self._remove_file(name)
        else:
            self._remove([self.book.discard(name)])

    def forget(self, client: User) -> None:
        """A process is gone: it waits for nothing."""
        self.creates = deque(waiting for waiting in self.creates if waiting[0] is not client)

    # --- room ---------------------------------------------------------------------------------------

    def settle(self, retire: Callable[[Segment], bool]) -> None:
        """Use freed segments again, and answer those who wait for room.

        Args:
            retire: tries to take a segment out of use; False if somebody still has a view of it.
        """
        if self.book.retired:
            self._retire(self.book.take_retired(), retire)
        while self.creates:
            client, message = self.creates[0]
            if message.on_disk or message.size > self.book.capacity:
                name, recycled = self.book.create_on_disk(message.size), False
            else:
                segment = self._find_segment(message.size, client, retire)
                if segment is not None:
                    name, recycled = segment.name, segment.use > 1
                elif self._make_room(message.size):
                    return
                else:
                    name, recycled = self.book.create_on_disk(message.size), False
            self.creates.popleft()
            client.creating[message.object_id] = name
            self._log.stored_object(message.object_id, "CREATED", message.size, client.task_number)
            client.channel.send(Reply(message.request, (name, recycled), ""))
        self._stays.clear()

    def _find_segment(
        self, size: int, client: User | None, retire: Callable[[Segment], bool]
    ) -> Segment | None:
        """A segment for an object; None if there is no room, or none yet."""
        if any(segment.fits(size) for segment in self.book.viewed):
            self._retire(self.book.take_viewed(size), retire)
        segment = self.book.create(size, client)
        if segment is None and self.book.viewed:
            self._retire(self.book.take_viewed(), retire)
            segment = self.book.create(size, client)
        return segment

    def _retire(self, segments: list[Segment], retire: Callable[[Segment], bool]) -> None:
        for segment in segments:
            try:
                unused = retire(segment)
            except FileNotFoundError:
                self.book.removed(segment)
                continue
            except OSError:  # such as too many open files: later
                unused = False
            if unused:
                self.book.recycle(segment, self._log.clock.now)
            else:
                self.book.viewed.append(segment)

    def _make_room(self, size: int) -> bool:
        """Give back the pool and spill as much as is needed; False if there is nothing to wait for."""
        self._remove(self.book.make_room(size))
        missing = size - self.book.room - sum(place[2] for place in self._spilling.values())
        disk_works = self._log.clock.now - self._disk_failed >= DISK_PAUSE_SECONDS
        for name, place in self._sealed.items():
            if missing <= 0 or not disk_works:
                break
            if name not in self._stays and name not in self._spilling:
                missing -= place[2]
                self._spilling[name] = place
                target = self.book.create_on_disk(place[2])
                self.jobs.append(Job(SPILL, name, target, place[2], place[0]))
        return bool(self._spilling or self.book.leaving)

    def _remove(self, segments: list[Segment]) -> None:
        """Give memory back to the system."""
        for segment in segments:
            self.jobs.append(Job(REMOVE, segment.name))
            for client in segment.warm:
                client.channel.send(ForgetSegments((str(segment.number),)))

    def _remove_file(self, name: str) -> None:
        self.book.free_on_disk(name)
        self.jobs.append(Job(REMOVE, name))

    def tick(self, retire: Callable[[Segment], bool]) -> None:
        """Give back what has not been used for some time."""
        self._retire(self.book.take_viewed(), retire)
        self._remove(self.book.clear_pool(self._log.clock.now, POOL_SECONDS))

    # --- places -------------------------------------------------------------------------------------

    def locate(self, client: User, request: int, place: Place) -> None:
        """Tell a process where an object is; if that is on disk, first restore it if there is room."""
        object_id, name, size = place
        if is_spilled(name) and object_id not in self._restoring:
            segment = self.book.create(size, None) if size <= self.book.capacity else None
            if segment is None:
                client.channel.send(Reply(request, place, ""))
                return
            self._restoring[object_id] = []
            self.jobs.append(Job(RESTORE, name, segment.name, size, object_id))
        if object_id in self._restoring:
            self._restoring[object_id].append((client, request))
        else:
            client.channel.send(Reply(request, place, ""))

    # --- what the jobs have come to -----------------------------------------------------------------

    def take_jobs(self) -> list[Job]:
        """Hand over what is to be done with files."""
        jobs, self.jobs = self.jobs, []
        return jobs

    def done(self, results: list[tuple[Job, str]]) -> None:
        """Take in what has come of jobs."""
        for job, outcome in results:
            if job.kind == SPILL:
                self._spilled(job, outcome)
            elif job.kind == RESTORE:
                self._restored(job, outcome)
            elif not is_spilled(job.source):
                self.book.removed(self.book.leaving[job.source])

    def _spilled(self, job: Job, outcome: str) -> None:
        place = self._spilling.pop(job.source)
        if outcome:  # it stays where it is
            self.book.free_on_disk(job.target)
            self._stays.add(job.source)
            if outcome not in (VIEWED, GONE):
                self._disk_failed = self._log.clock.now
            self.used(place)
        elif self._moved(place, (job.object_id, job.target, job.size)):
            del self._sealed[job.source]
            self.book.free(job.source)
            self._note_spilled(job.object_id, job.size, None)
        else:  # it was freed in the meantime
            self._remove_file(job.target)

    def _note_spilled(self, object_id: bytes, size: int, task: int | None) -> None:
        self._log.stored_object(object_id, "SPILLED", size, task)
        if self._notice is None:
            self._notice = SpillNotice(first_notice())
        self._notice.spilled(size)

    def take_notice(self) -> str:
        """What to tell the user now of what was spilled; mostly nothing."""
        return "" if self._notice is None else self._notice.take()

    def _restored(self, job: Job, outcome: str) -> None:
        old, new = (job.object_id, job.source, job.size), (job.object_id, job.target, job.size)
        if not outcome and self._moved(old, new):
            self._sealed[job.target] = new
            self._remove_file(job.source)
            self._log.stored_object(job.object_id, "RESTORED", job.size, None)
        else:
            new = old  # if it is gone, who asked will find out
            self._remove([self.book.discard(job.target)])
        for client, request in self._restoring.pop(job.object_id):
            client.channel.send(Reply(request, new, ""))
