"""Actors and stored objects as they are now, in bounded memory."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .columns import Ring

KEEP_ACTORS = 2_000
KEEP_OBJECTS = 20_000
KEEP_USES = 4_000

IN_MEMORY, ON_DISK = ("CREATED", "SEALED", "RESTORED"), ("SPILLED",)
USE = np.dtype([("ts", "f8"), ("node", "u2"), ("memory", "f8"), ("disk", "f8")])


@dataclass(slots=True)
class KnownActor:
    """An actor, alive or not."""

    number: int
    class_name: str = "(unknown)"
    name: str = ""
    detached: bool = False
    task: int = 0  # that runs its constructor
    state: str = "DEPENDENCIES_UNREADY"
    since: float = 0.0
    restarts: int = 0
    worker: int | None = None
    detail: str = ""
    done: int = 0  # calls that have ended
    failed: int = 0


class ActorLives:
    """All actors of a session by number; of the dead, the newest."""

    def __init__(self) -> None:
        self.by_number: dict[int, KnownActor] = {}
        self.total = 0
        self._dead: deque[int] = deque()

    def get(self, number: int) -> KnownActor:
        """The actor of this number, made if it was unknown."""
        if number not in self.by_number:
            self.by_number[number] = KnownActor(number)
            self.total += 1
        return self.by_number[number]

    def add(self, rows: Iterable[tuple[int, str, str | None, int, int]]) -> None:
        """(actor, class name, name, detached, task of the constructor)."""
        for number, class_name, name, detached, task in rows:
            actor = self.get(number)
            actor.class_name, actor.name = class_name or "(unknown)", name or ""
            actor.detached, actor.task = bool(detached), task or 0

    def events(self, rows: Iterable[tuple[int, str, float, int, int | None, str | None]]) -> None:
        """(actor, state, ts, restarts, worker, detail)."""
        for number, state, ts, restarts, worker, detail in rows:
            actor = self.get(number)
            if state == "DEAD" and actor.state != "DEAD":
                self._dead.append(number)
                if len(self._dead) > KEEP_ACTORS:
                    self.by_number.pop(self._dead.popleft(), None)
            actor.state, actor.since, actor.restarts, actor.detail = state, ts, restarts or 0, detail or ""
            actor.worker = worker if worker is not None else actor.worker

    def ended(self, number: int, failed: bool) -> None:
        """A call of an actor has ended."""
        if actor := self.by_number.get(number):
            actor.done += 1
            actor.failed += failed


class Copy(NamedTuple):
    """An object on one node."""

    state: str
    size: int
    since: float
    task: int  # that made it; 0: the driver's `put`


@dataclass(slots=True)
class Use:
    """How full a node's store is."""

    memory: float = 0.0
    disk: float = 0.0
    count: int = 0
    peak: float = 0.0
    spilled: float = 0.0  # bytes that were ever spilled


@dataclass
class Holdings:
    """The object stores.

    Attributes:
        copies: by object id, and by node; only what is in a store now.
        counts: by object id, how many processes and tasks refer to it.
        uses: by node, how full its store is.
        history: the same over time.
        total: how many objects have ever been in a store.
        forgotten: how many that are in a store are not in `copies`.
    """

    copies: dict[str, dict[int, Copy]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    uses: dict[int, Use] = field(default_factory=dict)
    history: Ring = field(default_factory=lambda: Ring(USE, KEEP_USES))
    total: int = 0
    forgotten: int = 0

    def events(self, rows: Iterable[tuple[str, int, str, int | None, float, int | None]]) -> None:
        """(object id, node, state, size, ts, task)."""
        history = []
        for object_id, node, state, size, ts, task in rows:
            use = self.uses.setdefault(node, Use())
            nodes = self.copies.get(object_id, {})
            before = nodes.pop(node, None)
            if before is not None:
                _add(use, before, -1)
            if state in IN_MEMORY or state in ON_DISK:
                self._enter(object_id, nodes, node, before, Copy(state, size or 0, ts, task or 0), use)
            elif not nodes:
                self._drop(object_id)
            use.peak = max(use.peak, use.memory)
            history.append((ts, node, use.memory, use.disk))
        self.history.extend(history)

    def _enter(
        self, object_id: str, nodes: dict[int, Copy], node: int, before: Copy | None, copy: Copy, use: Use
    ) -> None:
        if copy.state in ON_DISK and (before is None or before.state not in ON_DISK):
            use.spilled += copy.size
        if before is None and not nodes:
            self.total += 1
        task = copy.task or (before.task if before else 0)
        nodes[node] = copy._replace(task=task, size=copy.size or (before.size if before else 0))
        _add(use, nodes[node], +1)
        self.copies[object_id] = nodes
        if len(self.copies) > KEEP_OBJECTS:
            self._drop(next(iter(self.copies)))
            self.forgotten += 1

    def references(self, rows: Iterable[tuple[str, float, int]]) -> None:
        """(object id, ts, count); may come before the object's own events."""
        self.counts |= {object_id: count for object_id, _, count in rows}
        while len(self.counts) > 2 * KEEP_OBJECTS:
            del self.counts[next(iter(self.counts))]

    def _drop(self, object_id: str) -> None:
        self.copies.pop(object_id, None)
        self.counts.pop(object_id, None)


def _add(use: Use, copy: Copy, sign: int) -> None:
    if copy.state in ON_DISK:
        use.disk += sign * copy.size
    else:
        use.memory += sign * copy.size
    use.count += sign
