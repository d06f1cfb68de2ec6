"""The rows about actors for the event store."""

import json

from ...wire.demand import UNIT
from ..tables.event_log import EventLog
from ..tables.records import Actor


class ActorLog:
    """Adds to the scheduler's rows.

    Args:
        log: all rows.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def new_actor(self, actor: Actor) -> None:
        """An actor is to be made."""
        spec = actor.spec
        resources = json.dumps({name: amount / UNIT for name, amount in actor.creation.spec.resources})
        names = (actor.id, spec.class_name, spec.name, spec.namespace)
        limits = (int(bool(spec.detached)), spec.max_restarts)
        origin = (actor.owner.number, actor.creation.number)
        self._log.rows["actors"].append((actor.number, *names, *limits, *origin, resources))
        self.changed(actor)

    def changed(self, actor: Actor, detail: str = "") -> None:
        """An actor is in another state."""
        worker = actor.worker.number if actor.worker else None
        row = (actor.number, str(actor.state), self._log.now, actor.restarts, worker, detail)
        self._log.rows["actor_events"].append(row)
