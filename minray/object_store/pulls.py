"""Objects on their way from other nodes to this one, decided purely: one copy, however many wait for it.

::

    Locate, Locate, ... -> look up who has it -> ask the store for room -> a job: copy it -> sealed
                                ^                                           |                    |
                                '------ nobody else to try <---- it failed -'     all who wait are answered

A pull that fails is tried with the next holder.  When none is left the object is looked up again, with the
copies that could not be had; if it is lost, those who wait are told so, and ask for its value anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..wire.messages import CreateSegment, Holders, Message, Reply
from .ports import User
from .room import Place, StoreLog, StoreRoom


class PullJob(NamedTuple):
    """Copy an object from another node; what comes of it is "" (done), or why it failed."""

    object_id: bytes
    node: int  # whose copy it is
    socket: str  # the path of the socket where it is to be had
    source: str  # its name there
    target: str  # and here
    size: int
    recycled: bool  # whether the file exists here already, in full size


class _Pull:
    """One object that is wanted here."""

    __slots__ = ("failed", "holders", "recycled", "size", "target", "waiting")

    def __init__(self, waiting: list[tuple[User, int]], failed: list[str]) -> None:
        self.waiting = waiting  # who asked, and with which request
        self.failed = failed  # copies that could not be had
        self.holders: list[tuple[int, str, str]] = []  # still to be tried
        self.size = 0
        self.target = ""  # the file here, once there is room
        self.recycled = False


@dataclass(eq=False)
class Pulls:
    """All pulls of one node.

    Args:
        room: the node's store.
        log: where events go.
        look_up: finds out who has an object, given the copies that could not be had; calls `found`.
        copied: told of an object's new place here; False if it is not needed any more.
    """

    _room: StoreRoom
    _log: StoreLog
    _look_up: Callable[[bytes, tuple[str, ...]], None]
    _copied: Callable[[Place], bool]

    def __post_init__(self) -> None:
        self.jobs: list[PullJob] = []  # outbox
        # To the store, this is one more process that writes objects.
        self.channel = self
        self.creating: dict[bytes, str] = {}
        self.task_number: int | None = None
        self._pulls: dict[bytes, _Pull] = {}
        self._asked: dict[int, bytes] = {}  # objects for which it was asked for room, by request
        self._requests = 0

    def __len__(self) -> int:
        return len(self._pulls)

    def want(self, client: User, request: int, object_id: bytes, failed: tuple[str, ...] = ()) -> None:
        """A process needs an object that is not here; it is answered with the place, or with None."""
        if object_id in self._pulls:
            self._pulls[object_id].waiting.append((client, request))
        else:
            self._pulls[object_id] = _Pull([(client, request)], list(failed))
            self._look_up(object_id, failed)

    def fetch(self, object_id: bytes) -> None:
        """An object that is not here will be needed; nobody waits for it yet."""
        if object_id not in self._pulls:
            self._pulls[object_id] = _Pull([], [])
            self._look_up(object_id, ())

    def found(self, message: Holders) -> None:
        """These nodes have it; or nobody has."""
        pull = self._pulls.get(message.object_id)
        if pull is None:
            return
        pull.holders = [holder for holder in message.holders if holder[2] not in pull.failed]
        pull.size = message.size
        if not pull.holders:
            if pull.target:
                self._room.discard(message.object_id, self.creating.pop(message.object_id))
            self._answer(message.object_id, None)
        elif pull.target:
            self._begin(message.object_id, pull)
        else:
            self._requests += 1
            self._asked[self._requests] = message.object_id
            self._room.ask(self, CreateSegment(self._requests, message.object_id, message.size))

    def send(self, message: Message) -> None:
        """What the store says to those who write into it: here is room."""
        if isinstance(message, Reply):
            object_id = self._asked.pop(message.request)
            pull = self._pulls[object_id]
            pull.target, pull.recycled = message.value
            self._begin(object_id, pull)

    def _begin(self, object_id: bytes, pull: _Pull) -> None:
        node, socket, source = pull.holders.pop(0)
        self.jobs.append(PullJob(object_id, node, socket, source, pull.target, pull.size, pull.recycled))

    def take_jobs(self) -> list[PullJob]:
        """Hand over what is to be copied."""
        jobs, self.jobs = self.jobs, []
        return jobs

    def done(self, job: PullJob, outcome: str, started: float, ended: float) -> None:
        """A copy is complete, or has failed."""
        pull = self._pulls[job.object_id]
        self._log.transfer(job.object_id, job.node, started, ended, job.size, outcome)
        if outcome:
            pull.failed.append(job.source)
            if pull.holders:
                self._begin(job.object_id, pull)
            else:
                self._look_up(job.object_id, tuple(pull.failed))
            return
        del self.creating[job.object_id]
        place = job.object_id, job.target, job.size
        if self._copied(place):
            self._answer(job.object_id, place)
        else:
            self._room.discard(job.object_id, job.target)
            self._answer(job.object_id, None)

    def _answer(self, object_id: bytes, place: Any) -> None:  # noqa: ANN401 - a place or None
        for client, request in self._pulls.pop(object_id).waiting:
            client.channel.send(Reply(request, place, ""))
