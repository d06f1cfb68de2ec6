"""The rows that a node's store has for the event store: what became of objects, and where they travelled."""

from typing import Any

from .ports import Clock


class StoreLog:
    """Adds to the rows that the node's process gathers.

    Args:
        rows: by table; see `gcs.schema`. An absent table has to be there as soon as it is asked for.
        clock: says which time the rows get.
        node: the number of the node that is told of.
    """

    def __init__(self, rows: dict[str, list[tuple[Any, ...]]], clock: Clock, node: int = 0) -> None:
        self.clock = clock
        self.node = node
        self._rows = rows

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
