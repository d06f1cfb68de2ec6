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
- api, remote_function, object_ref, exceptions: what users see
- driver, node, zygote: how a session starts and ends
- connection, interrupts, core_worker, serialization, worker: what happens in drivers and workers
- local_scheduler, node_objects, scheduling, object_table, references, worker_pool: the decisions, without
  any I/O
- object_store: shared memory; scheduler_process, gcs: the processes around the decisions
- events, event_store, event_log, sessions, chrome_trace: what is remembered, and where
"""

from . import exceptions
from .api import (
    SessionInfo,
    available_resources,
    cancel,
    cluster_resources,
    get,
    get_dashboard_url,
    get_webui_url,
    init,
    is_initialized,
    nodes,
    put,
    remote,
    shutdown,
    timeline,
    wait,
)
from .object_ref import ObjectRef
from .runtime_context import get_runtime_context
from .version import __version__

ObjectID = ObjectRef  # its name before Ray 1.0

__all__ = [
    "ObjectID",
    "ObjectRef",
    "SessionInfo",
    "__version__",
    "available_resources",
    "cancel",
    "cluster_resources",
    "exceptions",
    "get",
    "get_dashboard_url",
    "get_runtime_context",
    "get_webui_url",
    "init",
    "is_initialized",
    "nodes",
    "put",
    "remote",
    "shutdown",
    "timeline",
    "wait",
]
