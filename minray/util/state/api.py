"""The questions: `list_*`, `get_*` and `summarize_*`.

Source: https://docs.ray.io/en/latest/ray-observability/reference/api.html.

All functions take `address`: None or "auto" for the session that this process is in, else a recording: the
path of a session.db, of its folder, or that folder's name.  Their `timeout` (seconds) and
`raise_on_missing_output` are Ray's; nothing here takes long or leaves anything out, so they make no
difference.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from ...core_worker import current
from ...session import here
from . import summaries, tables
from .common import (
    DEFAULT_LIMIT,
    DEFAULT_RPC_TIMEOUT,
    RAY_MAX_LIMIT_FROM_API_SERVER,
    ActorState,
    ClusterEventState,
    Filter,
    JobState,
    NodeState,
    ObjectState,
    PlacementGroupState,
    RuntimeEnvState,
    StateSchema,
    TaskState,
    WorkerState,
)
from .exception import RayStateApiException
from .filters import checked, matches
from .source import opened

SchemaT = TypeVar("SchemaT", bound=StateSchema)
Filters = list[Filter] | None


def _made(schema: type[SchemaT], row: tables.Row, detail: bool) -> SchemaT:
    """An answer, with those of the row's columns that it is to have."""
    return schema(**{name: row.get(name) for name in schema.list_columns(detail)})


def _check_limit(limit: int) -> None:
    if limit > RAY_MAX_LIMIT_FROM_API_SERVER:
        raise RayStateApiException(
            f"Given limit {limit} exceeds the supported limit {RAY_MAX_LIMIT_FROM_API_SERVER}. Use a lower "
            "limit, and filters to get at what you look for."
        )


def _list(
    schema: type[SchemaT],
    read: Callable[[sqlite3.Connection], list[tables.Row]],
    address: str | None,
    filters: Filters,
    limit: int,
    detail: bool,
) -> list[SchemaT]:
    """List things of which there are few enough to read all."""
    wanted = checked(filters, schema)
    _check_limit(limit)
    with opened(address) as db:
        rows = read(db)
    complete = [{**dict.fromkeys(schema.list_columns()), **row} for row in rows]
    return [_made(schema, row, detail) for row in complete if matches(row, wanted)][:limit]


def list_tasks(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[TaskState]:
    """Tasks in the order of their submission, one entry for each attempt.

    Args:
        address, timeout, raise_on_missing_output: see the module.
        filters: conditions that must all hold: tuples (column, "=" or "!=", value).
        limit: how many at most.
        detail: fill in all columns, as the times, the events and the error's message.

    Raises:
        RayStateApiException: a filter's column does not exist (also a ValueError), or there is no session.

    Example:
        >>> list_tasks(filters=[("state", "=", "FAILED")], detail=True)[0].error_message
        'division by zero...'
    """
    wanted = checked(filters, TaskState)
    _check_limit(limit)
    with opened(address) as db:
        return [_made(TaskState, row, detail) for row in tables.tasks(db, wanted, limit, detail)]


def list_actors(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[ActorState]:
    """Actors, dead ones too; arguments as in `list_tasks`."""
    return _list(ActorState, tables.actors, address, filters, limit, detail)


def list_workers(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[WorkerState]:
    """Drivers and workers, dead ones too; arguments as in `list_tasks`."""
    return _list(WorkerState, tables.workers, address, filters, limit, detail)


def list_nodes(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[NodeState]:
    """Nodes; arguments as in `list_tasks`."""
    return _list(NodeState, tables.nodes, address, filters, limit, detail)


def list_jobs(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[JobState]:
    """Jobs, one for each driver; arguments as in `list_tasks`."""
    return _list(JobState, tables.jobs, address, filters, limit, detail)


def list_placement_groups(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[PlacementGroupState]:
    """Placement groups, removed ones too; arguments as in `list_tasks`."""
    return _list(PlacementGroupState, tables.placement_groups, address, filters, limit, detail)


def list_objects(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[ObjectState]:
    """References to objects: in a running session, all; in a recording, what it left in the store.

    Arguments as in `list_tasks`.
    """
    live = address in (None, "auto")
    return _list(
        ObjectState, _live_objects if live else tables.stored_objects, address, filters, limit, detail
    )


def _live_objects(_db: sqlite3.Connection) -> list[tables.Row]:
    """What the scheduler knows of the objects that there are now."""
    core = current.connected_core()
    names = ("object_id", "object_size", "task_status", "reference_type", "type", "pid")
    common = {
        "attempt_number": 1,
        "call_site": "disabled",
        "ip": here.info.get("node_ip_address", ""),
    }
    return [{**common, **dict(zip(names, row, strict=True))} for row in core.query("object_report")]


def list_runtime_envs(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[RuntimeEnvState]:
    """Runtime environments that had to be built: minray builds none; arguments as in `list_tasks`."""
    return _list(RuntimeEnvState, lambda db: [], address, filters, limit, detail)


def list_cluster_events(
    address: str | None = None,
    filters: Filters = None,
    limit: int = DEFAULT_LIMIT,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    detail: bool = False,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> list[ClusterEventState]:
    """Events of the cluster's own: none on one node; arguments as in `list_tasks`."""
    return _list(ClusterEventState, lambda db: [], address, filters, limit, detail)


# --- one thing ---------------------------------------------------------------------------------------


def _only(found: list[SchemaT]) -> SchemaT | None:
    return found[0] if found else None


def get_task(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> TaskState | list[TaskState] | None:
    """The task with this id (hexadecimal); a list if it was tried more than once, None if there is none."""
    found = list_tasks(address, [("task_id", "=", getattr(id, "hex", lambda: id)())], detail=True)
    return found if len(found) > 1 else _only(found)


def get_actor(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> ActorState | None:
    """The actor with this id; None if there is none."""
    return _only(list_actors(address, [("actor_id", "=", id)], detail=True))


def get_node(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> NodeState | None:
    """The node with this id; None if there is none."""
    return _only(list_nodes(address, [("node_id", "=", id)], detail=True))


def get_worker(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> WorkerState | None:
    """The driver or worker with this id; None if there is none."""
    return _only(list_workers(address, [("worker_id", "=", id)], detail=True))


def get_job(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> JobState | None:
    """The job with this id; None if there is none."""
    return _only(list_jobs(address, [("job_id", "=", id)], detail=True))


def get_placement_group(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> PlacementGroupState | None:
    """The placement group with this id; None if there is none."""
    return _only(list_placement_groups(address, [("placement_group_id", "=", id)], detail=True))


def get_objects(
    id: str, address: str | None = None, timeout: int = DEFAULT_RPC_TIMEOUT, _explain: bool = False
) -> list[ObjectState]:
    """All references to the object with this id."""
    return list_objects(address, [("object_id", "=", id)], RAY_MAX_LIMIT_FROM_API_SERVER, detail=True)


# --- counts ------------------------------------------------------------------------------------------


def summarize_tasks(
    address: str | None = None,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> dict[str, Any]:
    """How many tasks of which function are in which state.

    Example:
        >>> summarize_tasks()["cluster"]["summary"]["square"]["state_counts"]
        {'FINISHED': 4}
    """
    with opened(address) as db:
        return summaries.of_tasks(tables.task_counts(db))


def summarize_actors(
    address: str | None = None,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> dict[str, Any]:
    """How many actors of which class are in which state."""
    return summaries.of_actors(list_actors(address, limit=RAY_MAX_LIMIT_FROM_API_SERVER))


def summarize_objects(
    address: str | None = None,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    raise_on_missing_output: bool = True,
    _explain: bool = False,
) -> dict[str, Any]:
    """How many objects there are, how large, and why they are kept."""
    return summaries.of_objects(list_objects(address, limit=RAY_MAX_LIMIT_FROM_API_SERVER))
