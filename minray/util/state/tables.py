"""What the state API knows, read from an event store: one function for each kind of thing.

Each returns rows as dictionaries with the columns of its class in `common`.  Tasks may be many, so their
filters and limit are part of the question to SQLite; the other tables are small.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

from ...gcs.schema import FINAL_STATES, TaskState
from ...gcs.store import connect_readonly
from ...wire.ids import JobID
from .common import Filter
from .filters import to_sql

Row = dict[str, Any]

# Ray's names for what a task failed of, by the class of the error; all others are the task's own exceptions.
ERROR_TYPES = {
    "WorkerCrashedError": "WORKER_DIED",
    "TaskCancelledError": "TASK_CANCELLED",
    "ActorDiedError": "ACTOR_DIED",
    "ActorUnavailableError": "ACTOR_UNAVAILABLE",
    "ActorUnschedulableError": "ACTOR_UNSCHEDULABLE_ERROR",
    "ActorPlacementGroupRemoved": "ACTOR_PLACEMENT_GROUP_REMOVED",
    "TaskPlacementGroupRemoved": "TASK_PLACEMENT_GROUP_REMOVED",
    "TaskUnschedulableError": "TASK_UNSCHEDULABLE_ERROR",
    "OutOfMemoryError": "OUT_OF_MEMORY",
    "NodeDiedError": "NODE_DIED",
    "RuntimeEnvSetupError": "RUNTIME_ENV_SETUP_FAILED",
    "ObjectLostError": "OBJECT_LOST",
    "OwnerDiedError": "OWNER_DIED",
}
_RUNS = (TaskState.RUNNING, TaskState.RUNNING_IN_RAY_GET, TaskState.RUNNING_IN_RAY_WAIT)
_WAITS = {TaskState.RUNNING_IN_RAY_GET.name, TaskState.RUNNING_IN_RAY_WAIT.name}
# Columns of TaskState that the table `tasks` has itself: filters on them can choose the tasks to look at.
_OF_THE_TASK = {"task_id", "name", "type"}
_HAVE_REPR = "SELECT 1 FROM actor_events WHERE state = 'ALIVE' AND detail <> '' LIMIT 1"

# The outermost loop is the one over `l`, so rows come in the order of their tasks.
_TASKS = """
    SELECT * FROM (
        SELECT l.task, l.attempt, t.task_id, l.attempt AS attempt_number,
               shown_name(t.name, k.function, r.detail) AS name, shown_state(s.state_name) AS state,
               job_hex(k.job) AS job_id, a.actor_id, t.type,
               coalesce(k.function, t.name) AS func_or_class_name,
               coalesce(p.task_id, driver_task(k.job)) AS parent_task_id,
               n.node_id, w.worker_id, w.pid AS worker_pid, error_type(e.error_type) AS error_type,
               'PYTHON' AS language, k.resources AS required_resources, k.group_id AS placement_group_id,
               NULL AS is_debugger_paused, e.message, e.traceback
        FROM (SELECT task, attempt, state, worker, max(seq) FROM task_steps WHERE {narrow}
              GROUP BY task, attempt) l
        CROSS JOIN tasks t USING (task) JOIN state_names s USING (state)
        LEFT JOIN task_specs k USING (spec) LEFT JOIN tasks p ON p.task = t.parent
        LEFT JOIN actors a ON a.actor = t.actor
        LEFT JOIN (SELECT actor, detail FROM actor_events WHERE state = 'ALIVE' AND detail <> ''
                   GROUP BY actor) r ON r.actor = t.actor AND t.type = 'ACTOR_TASK'
        LEFT JOIN workers w ON w.worker = l.worker LEFT JOIN nodes n ON n.node = w.node
        LEFT JOIN (SELECT task, attempt, error_type, message, traceback, max(seq) FROM task_errors
                   GROUP BY task, attempt) e ON e.task = l.task AND e.attempt = l.attempt)
    WHERE {condition} LIMIT ?
"""


def shown_state(name: str) -> str:
    """A task's state as Ray's state API tells it: one that waits in `get` or `wait` runs."""
    return "RUNNING" if name in _WAITS else name


def job_hex(job: int | None) -> str:
    """A job's id, from the number of its driver."""
    return JobID.from_int(job or 0).hex()


def driver_task(job: int | None) -> str:
    """The id that stands for what a driver does, as the parent of its tasks."""
    return "f" * 40 + job_hex(job)


def milliseconds(seconds: float | None) -> int | None:
    """A time as the state API gives it."""
    return None if seconds is None else int(seconds * 1000)


def error_type(name: str | None) -> str | None:
    """Ray's word for what a task failed of, from the name of the error's class."""
    return None if name is None else ERROR_TYPES.get(name, "TASK_EXECUTION_EXCEPTION")


def shown_name(name: str, function: str | None, shown_as: str | None) -> str:
    """A task's name: for a method that has none of its own, with the actor's `repr` in place of its class."""
    if not shown_as or name != function:
        return name
    return f"{shown_as}.{name.rpartition('.')[2]}"


def connect(path: Path) -> sqlite3.Connection:
    """Open an event store for the questions of this module."""
    db = connect_readonly(path)
    for function in (job_hex, driver_task, error_type, shown_name, shown_state):
        arguments = function.__code__.co_argcount
        db.create_function(function.__name__, arguments, function, deterministic=True)
    return db


def read(db: sqlite3.Connection, sql: str, *parameters: Any) -> list[Row]:  # noqa: ANN401
    """The rows of a query as dictionaries."""
    cursor = db.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


# --- tasks -------------------------------------------------------------------------------------------


def tasks(db: sqlite3.Connection, filters: list[Filter], limit: int, detail: bool) -> list[Row]:
    """Attempts of tasks, in the order in which they were submitted.

    Args:
        db: an event store.
        filters: checked ones.
        limit: how many rows at most.
        detail: whether to fill in the columns that need the whole history of a task.
    """
    # An actor that has a `repr` of its own gives its tasks other names than they have in the table.
    own = _OF_THE_TASK - ({"name"} if read(db, _HAVE_REPR) else set())
    of_the_task = [one for one in filters if one[0] in own]
    narrow, narrow_values = to_sql(of_the_task)
    # Where nothing else is asked, not even all of those tasks need be looked at.
    most = f" LIMIT {limit}" if len(of_the_task) == len(filters) else ""
    if of_the_task or most:
        narrow = f"task IN (SELECT task FROM tasks WHERE {narrow} ORDER BY task{most})"
    condition, values = to_sql(filters)
    found = read(db, _TASKS.format(narrow=narrow, condition=condition), *narrow_values, *values, limit)
    if detail:
        _add_details(db, found)
    return found


def task_counts(db: sqlite3.Connection) -> list[Row]:
    """How many attempts there are of the tasks of each name in each state."""
    return read(
        db,
        """SELECT shown_name(t.name, k.function, r.detail) AS func_or_class_name, t.type,
                  shown_state(s.state_name) AS state, count(*) AS count
           FROM (SELECT task, state, max(seq) FROM task_steps GROUP BY task, attempt) l
           CROSS JOIN tasks t USING (task) JOIN state_names s USING (state)
           LEFT JOIN task_specs k USING (spec)
           LEFT JOIN (SELECT actor, detail FROM actor_events WHERE state = 'ALIVE' AND detail <> ''
                      GROUP BY actor) r ON r.actor = t.actor AND t.type = 'ACTOR_TASK'
           GROUP BY 1, 2, 3 ORDER BY min(l.task)""",
    )


def _add_details(db: sqlite3.Connection, found: list[Row]) -> None:
    """What happened to these tasks when, and what they failed of."""
    events: dict[tuple[int, int], list[tuple[int, float]]] = {}
    wanted = json.dumps(sorted({row["task"] for row in found}))
    history = db.execute(
        "SELECT task, attempt, state, ts FROM task_events WHERE task IN (SELECT value FROM json_each(?)) "
        "ORDER BY seq",
        (wanted,),
    )
    for task, attempt, state, ts in history:
        known = events.setdefault((task, attempt), [])
        if not (known and state in _RUNS and known[-1][0] in _RUNS):  # it waits inside, or goes on
            known.append((state, ts))
    for row in found:
        changes = events[row["task"], row["attempt"]]
        started = [ts for state, ts in changes if state == TaskState.RUNNING]
        ended = [ts for state, ts in changes if state in FINAL_STATES]
        row["events"] = [{"state": TaskState(state).name, "created_ms": ts * 1000} for state, ts in changes]
        row["creation_time_ms"] = milliseconds(changes[0][1])
        row["start_time_ms"] = milliseconds(started[0] if started else None)
        row["end_time_ms"] = milliseconds(ended[-1] if ended else None)
        row["required_resources"] = json.loads(row["required_resources"] or "{}")
        row["error_message"] = "\n".join(filter(None, (row["message"], row["traceback"]))) or None


# --- actors ------------------------------------------------------------------------------------------


def actors(db: sqlite3.Connection) -> list[Row]:
    """Actors, dead ones too."""
    found = read(
        db,
        """SELECT a.*, e.state, e.restarts, e.detail, max(e.seq), n.node_id, w.pid, k.job, k.group_id,
                  (SELECT detail FROM actor_events r WHERE r.actor = a.actor AND r.state = 'ALIVE'
                   ORDER BY r.seq DESC) AS repr_name
           FROM actors a JOIN actor_events e USING (actor) LEFT JOIN workers w ON w.worker = e.worker
           LEFT JOIN nodes n USING (node) LEFT JOIN tasks t ON t.task = a.task
           LEFT JOIN task_specs k USING (spec) GROUP BY a.actor ORDER BY a.actor""",
    )
    for row in found:
        row["job_id"] = job_hex(row["job"])
        row["name"] = row["name"] or ""
        row["pid"] = row["pid"] or 0
        row["ray_namespace"] = row["namespace"]
        row["serialized_runtime_env"] = "{}"
        row["required_resources"] = json.loads(row["resources"] or "{}")
        row["is_detached"] = bool(row["detached"])
        row["placement_group_id"] = row["group_id"]
        row["repr_name"] = row["repr_name"] or ""
        row["num_restarts"] = row["restarts"]
        row["num_restarts_due_to_lineage_reconstruction"] = row["num_restarts_due_to_node_preemption"] = 0
        if row["state"] == "DEAD":
            row["death_cause"] = {"actor_died_error_context": {"error_message": row["detail"]}}
    return found


# --- processes ---------------------------------------------------------------------------------------


def workers(db: sqlite3.Connection) -> list[Row]:
    """Drivers and workers."""
    found = read(
        db,
        """SELECT w.worker, w.worker_id, w.kind AS worker_type, w.pid, n.node_id, n.address AS ip,
                  (SELECT min(ts) FROM worker_events e WHERE e.worker = w.worker) AS launched,
                  (SELECT min(ts) FROM worker_events e
                   WHERE e.worker = w.worker AND state = 'IDLE') AS started,
                  d.ts AS ended, d.detail AS exit_detail
           FROM workers w LEFT JOIN nodes n USING (node)
           LEFT JOIN worker_events d ON d.worker = w.worker AND d.state = 'DEAD' ORDER BY w.worker""",
    )
    for row in found:
        row["is_alive"] = row["ended"] is None
        row["exit_type"] = None if row["is_alive"] else _exit_type(row["exit_detail"])
        row["worker_launch_time_ms"] = row["worker_launched_time_ms"] = milliseconds(row["launched"])
        row["start_time_ms"] = milliseconds(row["started"])
        row["end_time_ms"] = milliseconds(row["ended"]) or 0
    return found


def _exit_type(detail: str) -> str:
    """Ray's word for why a process ended, from the sentence about it."""
    by_the_system = ("left", "the session ended", "ended because", "The actor is dead")
    if detail.startswith(by_the_system):
        return "INTENDED_SYSTEM_EXIT"
    return "INTENDED_USER_EXIT" if detail.endswith("exit code 0") else "SYSTEM_ERROR"


def nodes(db: sqlite3.Connection) -> list[Row]:
    """The session's nodes."""
    found = read(
        db,
        """SELECT node, node_id, address AS node_ip, address AS node_name, resources,
                  (SELECT min(ts) FROM node_events e WHERE e.node = n.node) AS started,
                  (SELECT max(ts) FROM node_events e WHERE e.node = n.node AND state = 'DEAD') AS ended
           FROM nodes n ORDER BY node""",
    )
    for row in found:
        row["is_head_node"] = row["node"] == 0
        row["state"] = "ALIVE" if row["ended"] is None else "DEAD"
        row["resources_total"] = json.loads(row["resources"])
        row["labels"] = {"ray.io/node-id": row["node_id"]}
        row["start_time_ms"] = milliseconds(row["started"])
        row["end_time_ms"] = milliseconds(row["ended"]) or 0
    return found


def jobs(db: sqlite3.Connection) -> list[Row]:
    """What drivers do: one job each."""
    meta = dict(db.execute("SELECT key, value FROM meta"))
    found = []
    for driver in workers(db):
        if driver["worker_type"] == "DRIVER":
            job_id = job_hex(driver["worker"])
            found.append(
                {
                    "type": "DRIVER",
                    "job_id": job_id,
                    "driver_info": {"id": job_id, "node_ip_address": driver["ip"], "pid": str(driver["pid"])},
                    "status": "RUNNING" if driver["is_alive"] else "SUCCEEDED",
                    "entrypoint": meta.get("entrypoint", ""),
                    "start_time": driver["start_time_ms"],
                    "end_time": driver["end_time_ms"],
                    "metadata": {},
                    "runtime_env": {},
                    "driver_node_id": driver["node_id"],
                }
            )
    return found


def placement_groups(db: sqlite3.Connection) -> list[Row]:
    """Placement groups, removed ones too."""
    found = read(
        db,
        """SELECT g.*, e.state, e.detail, max(e.seq), n.node_id FROM placement_groups g
           JOIN placement_group_events e USING (group_id)
           LEFT JOIN workers w ON w.worker = g.creator LEFT JOIN nodes n USING (node)
           GROUP BY g.group_id ORDER BY g.ts""",
    )
    for row in found:
        row["placement_group_id"] = row["group_id"]
        row["creator_job_id"] = job_hex(row["job"])
        row["is_detached"] = bool(row["detached"])
        row["stats"] = {"scheduling_state": row["detail"]}
        row["bundles"] = [
            {
                "bundle_id": {"placement_group_id": row["group_id"], "bundle_index": index},
                "unit_resources": resources,
                "node_id": row["node_id"] if row["state"] == "CREATED" else "",
            }
            for index, resources in enumerate(json.loads(row["bundles"]))
        ]
    return found


# --- objects -----------------------------------------------------------------------------------------


def stored_objects(db: sqlite3.Connection) -> list[Row]:
    """The objects that were in the store when a finished session ended."""
    found = read(
        db,
        """SELECT o.object_id, o.size AS object_size, o.state, max(o.seq), n.address AS ip
           FROM object_events o LEFT JOIN nodes n USING (node) GROUP BY o.object_id ORDER BY o.seq""",
    )
    common = {"task_status": "FINISHED", "attempt_number": 1, "call_site": "disabled", "type": "", "pid": 0}
    return [
        {**row, **common, "reference_type": "PINNED_IN_MEMORY"} for row in found if row["state"] != "FREED"
    ]
