"""What the local scheduler knows of actors, decided purely: who they are, how they are, which call is next.

An actor is a worker process that holds an object of the user's.  Its life::

    DEPENDENCIES_UNREADY -> PENDING_CREATION -> ALIVE -------------------------> DEAD
     (the constructor's      (resources and a     |  worker died, may restart     killed, exited, no
      arguments are not       worker)             v                               reference is left, ...
      there yet)                 ^----------- RESTARTING

Its calls are tasks.  Each caller's calls stand in a line of their own, so that they start in the order in
which that caller made them; all that are ready travel to the worker at once and are `running` from then on.
"""

from collections import deque
from collections.abc import Iterable

from ...gcs.schema import ActorState
from ..tables.records import Actor, Client

# So many dead actors are remembered, to be able to say what they died of.
MOST_DEAD_KEPT = 10_000


class ActorTable:
    """All actors of a node, by id and by name."""

    def __init__(self) -> None:
        self.by_id: dict[bytes, Actor] = {}  # dead or alive, as long as anybody remembers them
        self._names: dict[tuple[str, str], Actor] = {}
        self._dead: deque[bytes] = deque()
        self._last_number = 0

    def next_number(self) -> int:
        """A number for a new actor in the event store."""
        self._last_number += 1
        return self._last_number

    def add(self, actor: Actor) -> None:
        """There is a new actor; its name, if it has one, is free."""
        self.by_id[actor.spec.actor_id] = actor
        if actor.spec.name:
            self._names[actor.spec.namespace, actor.spec.name] = actor

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
            self.free_name(self.by_id[oldest])
            del self.by_id[oldest]

    def names(self) -> list[tuple[str, str]]:
        """(namespace, name) of all named actors that live."""
        return [key for key, actor in self._names.items() if actor.state != ActorState.DEAD]

    def owned_by(self, owner: Client) -> Iterable[Actor]:
        """The actors that end with a process: those that it made; with a driver, those of its program."""
        return [
            actor
            for actor in self.by_id.values()
            if (actor.owner is owner or actor.creation.job == owner.number)
            and not actor.spec.detached
            and actor.state != ActorState.DEAD
        ]
