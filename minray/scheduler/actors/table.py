"""What the local scheduler knows of actors, decided purely: who they are, how they are, which call is next.

An actor is a worker process that holds an object of the user's.  Its life::

    DEPENDENCIES_UNREADY -> PENDING_CREATION -> ALIVE -------------------------> DEAD
     (the constructor's      (resources and a     |  worker died, may restart     killed, exited, no
      arguments are not       worker)             v                               reference is left, ...
      there yet)                 ^----------- RESTARTING

Its calls are tasks.  Each caller's calls stand in a line of their own, so that they start in the order in
which that caller made them; all that are ready travel to the worker at once and are `running` from then on.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...gcs.schema import ActorState
from ...wire.ids import actor_object
from ...wire.messages import CreateActor
from ..tables.queue import Demand
from ..tables.records import Client, Task
from ..tables.worker_pool import Worker

# So many dead actors are remembered, to be able to say what they died of.
MOST_DEAD_KEPT = 10_000


class Lines:
    """The calls of an actor that are not with its worker: one line a caller.

    Args:
        in_order: whether a call whose arguments are not there yet holds up those behind it.
    """

    def __init__(self, in_order: bool) -> None:
        self._in_order = in_order
        self._lines: dict[int, deque[Task]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def push(self, call: Task) -> None:
        """Add a call at the end of its caller's line."""
        call.in_line = True
        self._lines.setdefault(call.owner.number, deque()).append(call)

    def push_front(self, calls: list[Task]) -> None:
        """Put calls back that are to be run again, ahead of what waits, in their order."""
        for call in reversed(calls):
            call.in_line = True
            self._lines.setdefault(call.owner.number, deque()).appendleft(call)

    def discard(self, call: Task) -> bool:
        """Take a call out; False if it does not stand here."""
        if not call.in_line:
            return False
        call.in_line = False
        line = self._lines[call.owner.number]
        line.remove(call)
        if not line:
            del self._lines[call.owner.number]
        return True

    def is_next(self, call: Task) -> bool:
        """Whether a new call could go at once, since none of its caller's is ahead of it."""
        return not call.missing and (not self._in_order or call.owner.number not in self._lines)

    def take_ready(self) -> list[Task]:
        """Take out all calls that may go to the worker now."""
        taken: list[Task] = []
        for caller, line in list(self._lines.items()):
            if self._in_order:
                while line and not line[0].missing:
                    taken.append(line.popleft())
            else:
                taken += [call for call in line if not call.missing]
                line = self._lines[caller] = deque(call for call in line if call.missing)
            if not line:
                del self._lines[caller]
        for call in taken:
            call.in_line = False
        return taken

    def take_all(self) -> list[Task]:
        """Take out all calls: the actor is dead."""
        calls = [call for line in self._lines.values() for call in line]
        self._lines.clear()
        for call in calls:
            call.in_line = False
        return calls


@dataclass(eq=False, slots=True)
class Actor:
    """One actor."""

    spec: CreateActor
    number: int
    owner: Client
    creation: Task
    lines: Lines
    restarts_left: int
    restarts: int = 0
    state: ActorState = ActorState.DEPENDENCIES_UNREADY
    worker: Worker | None = None
    running: OrderedDict[bytes, Task] = field(default_factory=OrderedDict)  # calls that are with the worker
    unreferenced: bool = False  # nobody refers to it any more: it ends when its calls are done
    name_is_free: bool = False  # it was ended on purpose, by others
    exit_reason: str = ""  # its process said that it ends, and why
    death: bytes = b""  # the error that all further calls raise, serialized
    shown_as: str = ""  # its `repr`, if its class has one of its own

    @property
    def object_id(self) -> bytes:
        """The object that stands for the actor: references to it keep the actor alive."""
        return actor_object(self.spec.actor_id)

    @property
    def id(self) -> str:
        """The actor's id in hexadecimal."""
        return self.spec.actor_id.hex()

    @property
    def one_at_a_time(self) -> bool:
        """Whether its calls run one after the other, in the worker's main thread."""
        return self.spec.in_order

    @property
    def lifetime_demand(self) -> Demand:
        """What it holds as long as it lives."""
        return self.creation.spec.resources

    @property
    def idle(self) -> bool:
        """Whether it has no calls left."""
        return not self.running and not self.lines

    def forget_plans(self) -> None:
        """It will not be made again: let go of its constructor's arguments, which may be large."""
        self.creation.spec = self.creation.spec._replace(args=b"", refs=(), contained=())
        handle = self.spec.handle if self.spec.name else b""  # whoever asks for the name may get it still
        self.spec = self.spec._replace(task=(), handle=handle)

    def may_restart(self) -> bool:
        """Whether it is to be made again when its process dies."""
        return self.restarts_left != 0 and not self.exit_reason and not self.unreferenced


class ActorTable:
    """All actors of a node, by id and by name."""

    def __init__(self) -> None:
        self._actors: dict[bytes, Actor] = {}
        self._names: dict[tuple[str, str], Actor] = {}
        self._dead: deque[bytes] = deque()
        self._last_number = 0

    def next_number(self) -> int:
        """A number for a new actor in the event store."""
        self._last_number += 1
        return self._last_number

    def add(self, actor: Actor) -> None:
        """There is a new actor; its name, if it has one, is free."""
        self._actors[actor.spec.actor_id] = actor
        if actor.spec.name:
            self._names[actor.spec.namespace, actor.spec.name] = actor

    def get(self, actor_id: bytes) -> Actor | None:
        """The actor, dead or alive; None if nobody remembers it."""
        return self._actors.get(actor_id)

    def holder(self, namespace: str, name: str) -> Actor | None:
        """The actor that has this name, so that no other can; it may be dead."""
        return self._names.get((namespace, name))

    def free_name(self, actor: Actor) -> None:
        """Let others have the actor's name, if it has one still."""
        if self.holder(actor.spec.namespace, actor.spec.name) is actor:
            del self._names[actor.spec.namespace, actor.spec.name]

    def bury(self, actor: Actor) -> None:
        """The actor is dead for good.

        As in Ray, one that died by itself keeps its name while somebody refers to it, unless it is detached.
        """
        if actor.spec.detached or actor.name_is_free or actor.unreferenced:
            self.free_name(actor)
        self._dead.append(actor.spec.actor_id)
        if len(self._dead) > MOST_DEAD_KEPT:
            oldest = self._dead.popleft()
            self.free_name(self._actors[oldest])
            del self._actors[oldest]

    def names(self) -> list[tuple[str, str]]:
        """(namespace, name) of all named actors that live."""
        return [key for key, actor in self._names.items() if actor.state != ActorState.DEAD]

    def owned_by(self, owner: Client) -> Iterable[Actor]:
        """The actors that end with a process: those that it made; with a driver, those of its program."""
        return [
            actor
            for actor in self._actors.values()
            if (actor.owner is owner or actor.creation.job == owner.number)
            and not actor.spec.detached
            and actor.state != ActorState.DEAD
        ]
