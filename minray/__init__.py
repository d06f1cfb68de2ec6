"""minray: a compact task runtime with Ray's API, for teaching and learning distributed computing.

    >>> import minray as ray
    >>> @ray.remote
    ... def square(n):
    ...     return n * n
    >>> ray.get([square.remote(n) for n in range(4)])
    [0, 1, 4, 9]

One sentence: a driver submits tasks to its node's local scheduler, which hands them to worker processes;
results live in the node's object store; the global control store (GCS) remembers what happened; the dashboard
reads that memory.

::

     driver process              local scheduler process             worker processes
    +----------------+  socket  +------------------------+  socket  +----------------+
    | your code      |<-------->| scheduler_process      |<-------->| worker         |
    | api            |          |  local_scheduler       |          |  your function |
    | core_worker    |          |   object_table, ...    |          |  core_worker   |
    +-------+--------+          +-----+------------+-----+          +-------+--------+
            |       shared memory: object_store    |  ^                     |  ^ forked by
            +--------------------------------------+--|---------------------+  | zygote
                                      | socket        | started and ended by node (the supervisor)
                                      v
                                +-----------+  session.db   +-----------+
                                | gcs       |-------------->| dashboard |
                                +-----------+               +-----------+

Where to look:

- ids, config, messages, rpc: names, numbers, and the protocol on one page
- initialization, init_settings, job_config: how users begin and end a session
- api, options, remote_function, object_ref, exceptions, task_error, argument_errors: what users see
- decorator, actor, actor_handle, actor_options, signatures: actors, as users see them; actors, node_actors,
  actor_calls: as the local scheduler does; actor_runner, concurrent_calls, call_groups: as their worker does
- left_out: what they do not see, because only Ray has it
- driver, node, zygote, descendants: how a session starts and ends, and what it started
- core_worker, submission, getting, live_references, arrivals, lending, connection, interrupts, serialization,
  worker, execution: what happens in drivers and workers
- local_scheduler, announcements, node_processes, leases, run_times, retries, cancelling, node_questions,
  node_objects, scheduling, object_table, references, worker_pool: the decisions, without any I/O
- cluster_utils, member_node: several nodes; members, node_record, node_choice: the other nodes, as the head's
  scheduler sees them; member, member_process: as they see themselves; pulls, transfers, session_room: objects
  that are copied from node to node
- store_room, store_book, spill_notice: who gets memory, what is spilled; garbage: what only Python's
  collector can free; lineage, reconstruction: lost objects made again; unseen_errors: failures that nobody
  asks about
- object_store, store_client, store_files: shared memory and its files; scheduler_process, gcs: the processes
  around the decisions
- placement, placing, bundles, placement_group, scheduling_strategies: where a task is to run, as users say it
  and as its spec carries it; placement_groups, bundle_plan, node_groups: which group gets what when and where
- events, event_store, event_log, sessions, chrome_trace: what is remembered, and where
- util: what stands on top of all that (`ActorPool`, ...); see `util/__init__.py`
"""

from typing import Any

from . import cloudpickle, exceptions, internal, job_config, left_out, runtime_env
from .actor import get_actor, kill, method
from .api import (
    available_resources,
    cancel,
    cluster_resources,
    get,
    get_dashboard_url,
    get_webui_url,
    nodes,
    put,
    timeline,
    wait,
)
from .decorator import remote
from .ids import (
    ActorClassID,
    ActorID,
    ClusterID,
    FunctionID,
    JobID,
    NodeID,
    PlacementGroupID,
    TaskID,
    UniqueID,
    WorkerID,
)
from .initialization import SessionInfo, init, is_initialized, logger, shutdown
from .object_ref import ObjectRef
from .object_ref_generator import DynamicObjectRefGenerator, ObjectRefGenerator
from .runtime_context import get_gpu_ids, get_runtime_context
from .version import __version__

ObjectID = ObjectRef  # its name before Ray 1.0
SCRIPT_MODE, WORKER_MODE = 0, 1
_left_out = left_out.attributes_of(__name__)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """`util` is there without being imported, as in Ray, and so is `dashboard`; loaded only when used."""
    import importlib  # not above, for it is not to be had as `ray.importlib`

    lazy = name in ("_private", "dashboard", "util")
    return importlib.import_module(f".{name}", __name__) if lazy else _left_out(name)


__all__ = [
    "SCRIPT_MODE",
    "WORKER_MODE",
    "ActorClassID",
    "ActorID",
    "ClusterID",
    "DynamicObjectRefGenerator",
    "FunctionID",
    "JobID",
    "NodeID",
    "ObjectID",
    "ObjectRef",
    "ObjectRefGenerator",
    "PlacementGroupID",
    "SessionInfo",
    "TaskID",
    "UniqueID",
    "WorkerID",
    "__version__",
    "available_resources",
    "cancel",
    "cloudpickle",
    "cluster_resources",
    "dashboard",
    "exceptions",
    "get",
    "get_actor",
    "get_dashboard_url",
    "get_gpu_ids",
    "get_runtime_context",
    "get_webui_url",
    "init",
    "internal",
    "is_initialized",
    "job_config",
    "kill",
    "logger",
    "method",
    "nodes",
    "put",
    "remote",
    "runtime_env",
    "shutdown",
    "timeline",
    "util",
    "wait",
]
