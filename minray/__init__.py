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
    | your code      |<-------->| scheduler/             |<-------->| worker/        |
    | frontend/      |          |   tasks/ objects/ ...  |          |  your function |
    | core_worker/   |          |                        |          |  core_worker/  |
    +-------+--------+          +-----+------------+-----+          +-------+--------+
            |     shared memory: object_store/     |  ^                     |  ^ forked by
            +--------------------------------------+--|---------------------+  | worker/zygote
                                      | socket        | started and ended by session/supervisor
                                      v
                                +-----------+  session.db   +-------------+
                                | gcs/      |-------------->| ../dashboard |
                                +-----------+               +-------------+

A process is a folder, a concept is a folder inside the scheduler, and each folder's docstring says what is in
it.  Numbers (limits, times, defaults) are in wire/config.  To follow a task that has no arguments from
`f.remote()` to the value of `get`, read in this order (the spine):

1. remote_function, frontend/signatures, session/here, core_worker/submission, wire/ids, values/ref: a call
   becomes a message, `SubmitTask` of wire/messages, and a reference to its result
2. core_worker/outbox, core_worker/connection, wire/interrupts, wire/rpc: it leaves, with others, through a
   socket; and what comes back comes this way
3. scheduler/process, wire/loop, scheduler/local_scheduler: it arrives, and goes to the part that it concerns
4. scheduler/tasks/tasks, scheduler/tables/records, scheduler/tables/event_log, scheduler/objects/table: it is
   taken in, and its result declared
5. scheduler/tables/queue, scheduler/tasks/schedule, scheduler/tables/resources, scheduler/tables/worker_pool,
   scheduler/tasks/leases, scheduler/tables/run_times: it waits for resources and is given to a worker; at the
   turn's end scheduler/process sends what has gathered, `RunTask` among it
6. worker/worker, worker/output, worker/execution: the worker runs the function, and answers `TaskDone` (see
   core_worker/core_worker for which message goes where in drivers and workers)
7. back in leases and tasks (`on_task_done`, `finish`), then scheduler/objects/objects: the result is sealed
   and put down for whoever owns it; scheduler/process sends it, `ObjectsReady`
8. api, core_worker/getting, values/serialization: `get` has been waiting in connection; the value arrives,
   is loaded and returned

What users import by Ray's names (the face):

- public: the names of the package that are loaded with the first use
- api: `get`, `put`, `wait`, `nodes`, ...
- remote_function: `@remote` for functions, `.remote()`, `.options()`
- actor: `@remote` for classes, `get_actor`, `kill`, `method`
- exceptions: Ray's class tree of errors
- runtime_context: what a task may ask about itself
- runtime_env: variables, folders and modules that tasks find
- cluster_utils: several nodes on one machine
- job_config: what `init(job_config=)` takes
- internal: `free`
- cloudpickle: the one that is used here, by Ray's name
- left_out: what Ray has and minray has not, with reasons
- version: of the package
- __main__: the command `minray`

Rooms, those that others stand on last; `tests/whole/test_layers` says which may import which:

- cli: what the command does
- lessons: the course's exercises, pictures and experiments
- microbenchmark: how fast it is, beside others
- util: `ActorPool`, `Queue`, the state API, ...
- experimental: old names
- _private: the little of Ray's inside that programs look at
- driver: `init` and `shutdown`: nodes are started, the driver connects
- worker: a worker's process
- frontend: options and signatures of tasks and actors, as users see them
- core_worker: the library in drivers and workers: submitting, getting, references
- scheduler: the local scheduler's process
- far_node: a further node's process
- values: what becomes bytes and back, references among it
- object_store: shared memory and its files
- session: folders on disk, the supervisor, what a process knows of itself
- gcs: the GCS's process: the event store
- wire: messages, sockets, ids, limits; it knows nothing of the others
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
