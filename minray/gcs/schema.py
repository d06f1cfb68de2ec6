"""The words of the event store: what can happen in a session, and the tables that remember it.

Every change of state in a session is one row of a table or view of ``session.db``, a SQLite file in the
session directory that anybody may read while the session runs::

    scheduler --batches--> GCS process --one transaction per batch--> session.db
                                                                          |
                             dashboard, timeline(), util.state, your own sqlite3 <-+ read only

Rows are only ever added, so a reader that remembers the last ``seq`` it saw can follow along
with ``WHERE seq > ?``, and a recording replays exactly.  There are no pickles inside: a file
that somebody hands you is safe to open.

A short task changes its state five times within a millisecond, and five rows for that would cost a good
part of what the task itself does.  So a row of ``task_steps`` can tell of changes that come right after
each other, and the view ``task_events`` takes them apart::

    task_steps   task 4 FINISHED at 3.2, sent: 3.0, before: 3.1
    task_events  task 4 SUBMITTED_TO_WORKER at 3.0 | task 4 RUNNING at 3.1 | task 4 FINISHED at 3.2

Task states carry the names and numbers of Ray's ``TaskStatus`` (``src/ray/protobuf/common.proto``).
All times are seconds since 1970 as ``time.time()`` gives them; all sizes are bytes.
"""

import re
from enum import IntEnum, StrEnum

SCHEMA_VERSION = 5


class TaskState(IntEnum):
    """Where a task is in its life; a retried task goes through them again with ``attempt`` + 1."""

    PENDING_ARGS_AVAIL = 1
    PENDING_NODE_ASSIGNMENT = 2
    SUBMITTED_TO_WORKER = 5
    PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY = 7  # at the actor's worker, behind other calls
    RUNNING = 8
    RUNNING_IN_RAY_GET = 9
    RUNNING_IN_RAY_WAIT = 10
    FINISHED = 11
    FAILED = 12


# A task in one of these states will not change any more (unless it is retried).
FINAL_STATES = (TaskState.FINISHED, TaskState.FAILED)

Step = tuple[int, int, int, float, int | None]  # task, attempt, state, ts, worker


def single_steps(row: tuple[int, int, int, float, int | None, float, float]) -> list[Step]:
    """The changes of state that one row of `task_steps` tells of, in their order.

    Args:
        row: its columns without `seq`.

    Example:
        >>> single_steps((4, 0, 11, 3.2, 7, 3.0, 3.1))
        [(4, 0, 5, 3.0, 7), (4, 0, 8, 3.1, 7), (4, 0, 11, 3.2, 7)]
    """
    task, attempt, state, ts, worker, sent, before = row
    steps: list[Step] = []
    if sent:
        steps.append((task, attempt, int(TaskState.SUBMITTED_TO_WORKER), sent, worker))
    if before and state >= TaskState.FINISHED:
        steps.append((task, attempt, int(TaskState.RUNNING), before, worker))
    elif before:
        steps.append((task, attempt, int(TaskState.PENDING_ARGS_AVAIL), before, None))
    return [*steps, (task, attempt, state, ts, worker)]


class ActorState(StrEnum):
    """Where an actor is in its life; see `actors`. Ray's names (``ActorTableData.ActorState``)."""

    DEPENDENCIES_UNREADY = "DEPENDENCIES_UNREADY"
    PENDING_CREATION = "PENDING_CREATION"
    ALIVE = "ALIVE"
    RESTARTING = "RESTARTING"
    DEAD = "DEAD"


SCHEMA = f"""
-- What the session is: schema_version, session_name, started_at, ended_at (absent while it runs),
-- driver_pid, entrypoint, namespace, python_version, minray_version, num_cpus.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);

CREATE TABLE nodes (node INTEGER PRIMARY KEY, node_id TEXT, address TEXT, resources TEXT);
CREATE TABLE node_events (seq INTEGER PRIMARY KEY, node INTEGER, state TEXT, ts REAL, detail TEXT);

-- kind: DRIVER or WORKER.  Worker states: STARTING, IDLE (ready for work), ACTOR (it is an actor's from now
-- on; detail: of which class), DEAD (detail says why).
-- Whether a worker is busy follows from its tasks.
CREATE TABLE workers (worker INTEGER PRIMARY KEY, worker_id TEXT, node INTEGER, pid INTEGER, kind TEXT);
CREATE TABLE worker_events (seq INTEGER PRIMARY KEY, worker INTEGER, state TEXT, ts REAL, detail TEXT);

-- One row a task. parent: the task that submitted it (NULL: the driver); submitter: the worker or
-- driver that did; ts: when it called `.remote`; type: NORMAL_TASK, ACTOR_CREATION_TASK or ACTOR_TASK;
-- actor: the actor that the latter two are of; spec: what it has in common with many others.
CREATE TABLE tasks (task INTEGER PRIMARY KEY, task_id TEXT, name TEXT, parent INTEGER,
                    submitter INTEGER, num_cpus REAL, ts REAL, type TEXT, actor INTEGER, spec INTEGER);
-- What tasks of one kind have in common. job: the driver's number; function: its name, or `Class.method`;
-- resources: amounts by name, as JSON; group_id: their placement group (NULL: none).
CREATE TABLE task_specs (spec INTEGER PRIMARY KEY, job INTEGER, function TEXT, resources TEXT,
                         group_id TEXT);
-- A task came to a state; worker is NULL before a worker was chosen.  What else the row tells, or 0: when
-- the task had been SUBMITTED_TO_WORKER (sent), and when it had come to the state before this one (before:
-- RUNNING if this one is FINISHED or FAILED, else PENDING_ARGS_AVAIL).
CREATE TABLE task_steps (seq INTEGER PRIMARY KEY, task INTEGER, attempt INTEGER, state INTEGER,
                         ts REAL, worker INTEGER, sent REAL, before REAL);
-- The same with one row a change of state; step: of which row of `task_steps` it is.
CREATE VIEW task_events AS
    SELECT 3 * seq AS seq, task, attempt, state, ts, worker, seq AS step FROM task_steps UNION ALL
    SELECT 3 * seq - 1, task, attempt, {TaskState.PENDING_ARGS_AVAIL:d}, before, NULL, seq FROM task_steps
        WHERE before > 0 AND state < {TaskState.FINISHED:d} UNION ALL
    SELECT 3 * seq - 1, task, attempt, {TaskState.RUNNING:d}, before, worker, seq FROM task_steps
        WHERE before > 0 AND state >= {TaskState.FINISHED:d} UNION ALL
    SELECT 3 * seq - 2, task, attempt, {TaskState.SUBMITTED_TO_WORKER:d}, sent, worker, seq FROM task_steps
        WHERE sent > 0;
-- The arguments that are references; producer: the task that makes the object (NULL: `put`).
CREATE TABLE task_deps (seq INTEGER PRIMARY KEY, task INTEGER, object_id TEXT, producer INTEGER);
CREATE TABLE task_errors (seq INTEGER PRIMARY KEY, task INTEGER, attempt INTEGER, ts REAL,
                          error_type TEXT, message TEXT, traceback TEXT);

-- One row an actor. task: the one that runs its constructor; owner: the worker or driver that made it;
-- resources: what it holds for life, as JSON.
CREATE TABLE actors (actor INTEGER PRIMARY KEY, actor_id TEXT, class_name TEXT, name TEXT, namespace TEXT,
                     detached INTEGER, max_restarts INTEGER, owner INTEGER, task INTEGER, resources TEXT);
-- One row a change of state; restarts: how often it has been restarted; worker: where it lives;
-- detail: its repr when it is ALIVE (if its class has one of its own), what it died of when it is DEAD.
CREATE TABLE actor_events (seq INTEGER PRIMARY KEY, actor INTEGER, state TEXT, ts REAL, restarts INTEGER,
                           worker INTEGER, detail TEXT);

-- Objects in the shared-memory store (small ones travel inline and never get there).
-- state: CREATED, SEALED, SPILLED (now on disk), RESTORED (in memory again), FREED, LOST (its
-- file was gone; it is made again if possible); task: the task that made it (NULL: `put` by the driver).
-- An object too large for the store is SPILLED as it is SEALED.
CREATE TABLE object_events (seq INTEGER PRIMARY KEY, object_id TEXT, node INTEGER, state TEXT,
                            size INTEGER, ts REAL, task INTEGER);

-- How many processes and unfinished tasks refer to an object that lies in a store, when that changed.
CREATE TABLE object_references (seq INTEGER PRIMARY KEY, object_id TEXT, ts REAL, count INTEGER);

-- Objects that were copied from one node's store to another's, because they were needed there.
-- outcome: empty if all went well, else why it did not.
CREATE TABLE transfers (seq INTEGER PRIMARY KEY, object_id TEXT, source INTEGER, node INTEGER,
                        started REAL, ended REAL, bytes INTEGER, outcome TEXT);

-- A driver or a task waited: kind is get or wait, count the number of references asked for,
-- num_returns how many were wanted, ready how many came, task NULL in the driver.
CREATE TABLE api_calls (seq INTEGER PRIMARY KEY, worker INTEGER, task INTEGER, kind TEXT, ts REAL,
                        ended REAL, count INTEGER, num_returns INTEGER, ready INTEGER, timeout REAL);

-- What tasks printed.  stream: stdout or stderr.
CREATE TABLE logs (seq INTEGER PRIMARY KEY, ts REAL, worker INTEGER, task INTEGER, stream TEXT, text TEXT);

-- Placement groups; bundles: a list, in JSON, of amounts by resource.  States: PENDING, CREATED, REMOVED.
CREATE TABLE placement_groups (group_id TEXT PRIMARY KEY, name TEXT, strategy TEXT, bundles TEXT,
                               creator INTEGER, job INTEGER, detached INTEGER, ts REAL);
CREATE TABLE placement_group_events (seq INTEGER PRIMARY KEY, group_id TEXT, state TEXT, ts REAL,
                                     detail TEXT);

-- What the lessons measure: one point of one series ('local', 'remote', 'predicted', ...).
CREATE TABLE experiments (seq INTEGER PRIMARY KEY, ts REAL, name TEXT, series TEXT, x REAL, y REAL,
                          detail TEXT);

-- The states by name, for people: SELECT * FROM task_states.
CREATE TABLE state_names (state INTEGER PRIMARY KEY, state_name TEXT);
INSERT INTO state_names VALUES {", ".join(f"({state.value}, '{state.name}')" for state in TaskState)};
CREATE VIEW task_states AS
    SELECT e.seq, e.task, t.name, e.attempt, s.state_name AS state, e.ts, e.worker
    FROM task_events e JOIN tasks t USING (task) JOIN state_names s USING (state);
"""

# How many values a row of each table holds when it is written (`seq` is filled in by SQLite).
COLUMNS = {
    table: len(columns.removeprefix("seq INTEGER PRIMARY KEY, ").split(","))
    for table, columns in re.findall(r"CREATE TABLE (\w+) \(([^)]*)\)", SCHEMA)
    if table != "state_names"
}

# Columns that are written as 0 where they shall be NULL, as `sqlite3` takes several times as long for None.
NONE_IS_ZERO = {"tasks": (3, 8), "task_steps": (4,)}
