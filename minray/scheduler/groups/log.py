"""The rows about placement groups for the event store."""

import json

from ...wire.demand import UNIT
from ..tables.event_log import EventLog
from ..tables.records import Client
from .policy import Group


class GroupLog:
    """Adds to the scheduler's rows.

    Args:
        log: all rows.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def new_group(self, group: Group, creator: Client) -> None:
        """There is a new placement group."""
        bundles = [{name: amount / UNIT for name, amount in bundle} for bundle in group.bundles]
        row = (group.group_id, group.name, group.strategy, json.dumps(bundles), creator.number)
        known = (creator.job, int(group.job == 0), self._log.now)
        self._log.rows["placement_groups"].append((*row, *known))
        self.changed(group)

    def changed(self, group: Group) -> None:
        """A placement group is PENDING, CREATED or REMOVED."""
        row = (group.group_id, group.state, self._log.now, group.scheduling_state)
        self._log.rows["placement_group_events"].append(row)
