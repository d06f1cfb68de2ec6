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
- public: the names of the package; api, options, remote_function, object_ref, exceptions, task_error,
  argument_errors: what users see
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

from typing import TYPE_CHECKING, Any

from .driver.initialization import SessionInfo as SessionInfo
from .driver.initialization import init as init
from .driver.initialization import is_initialized as is_initialized
from .driver.initialization import logger as logger
from .driver.initialization import shutdown as shutdown
from .left_out import attributes_of
from .version import __version__ as __version__

if TYPE_CHECKING:  # who runs gets them from `__getattr__`
    from .public import *  # noqa: F403

_left_out = attributes_of(__name__)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Modules are loaded one by one when they are used, as in Ray; other names together (see `public`)."""
    import importlib.machinery  # not above, for it is not to be had as `ray.importlib`

    of_the_package = importlib.machinery.PathFinder.find_spec(f"{__name__}.{name}", __path__)  # noqa: F405
    if of_the_package or name == "dashboard":  # which lies elsewhere in a checkout
        return importlib.import_module(f".{name}", __name__)
    if "__all__" not in globals():
        public = importlib.import_module(".public", __name__)
        names = {each: getattr(public, each) for each in public.__all__}
        early = ("SessionInfo", "__version__", "init", "is_initialized", "logger", "shutdown")
        globals().update(names, __all__=sorted({*names, *early, "dashboard", "util"}))
    return globals()[name] if name in globals() else _left_out(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
