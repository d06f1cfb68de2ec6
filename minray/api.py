"""What users call: `init`, `remote`, `get`, `put`, `wait`, ...; the names and meanings are Ray's.

Sources: https://docs.ray.io/en/latest/ray-core/api/core.html and, for older names, the packages of Ray 0.8.
"""

import atexit
import contextlib
import inspect
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

from . import driver, process_state
from .core_worker import CoreWorker
from .exceptions import RaySystemError
from .object_ref import ObjectRef
from .remote_function import RemoteFunction, TaskOptions, update_options

logger = logging.getLogger("minray")


class SessionInfo(dict[str, Any]):
    """What `init` returns: a mapping with Ray's keys; as a context manager it shuts the session down."""

    @property
    def address_info(self) -> dict[str, Any]:
        """The mapping itself, under Ray's name for it."""
        return self

    @property
    def dashboard_url(self) -> str | None:
        """The link to the dashboard, or None if there is none."""
        url: str | None = self["webui_url"]
        return url

    def __enter__(self) -> "SessionInfo":
        return self

    def __exit__(self, *exc_info: object) -> None:
        shutdown()


def init(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
    resources: dict[str, float] | None = None,
    object_store_memory: int | None = None,
    ignore_reinit_error: bool = False,
    include_dashboard: bool | None = None,
    logging_level: int | str = logging.INFO,
    namespace: str | None = None,
    log_to_driver: bool = True,
    **ignored: Any,  # noqa: ANN401 - Ray's other keywords
) -> SessionInfo:
    """Start a session: the node's processes, the object store, and the dashboard.

    Needed only to choose something; the first `.remote(...)` starts a session by itself.

    Args:
        address: None or "local"; minray runs on this machine only.
        num_cpus: how many tasks may run at once; by default, the number of the machine's CPUs.
        num_gpus: logical GPUs, for tasks that ask for them.
        resources: further logical resources by name.
        object_store_memory: bytes for shared objects; by default, three tenths of the memory.
        ignore_reinit_error: do nothing if a session runs already, instead of raising.
        include_dashboard: start the dashboard or use the one that runs; by default, if Bokeh is installed.
        logging_level: of the logger "minray".
        namespace: a name that `get_runtime_context` gives back.
        log_to_driver: show what tasks print.
        **ignored: further keywords of Ray's, old and new, are accepted with a notice.

    Returns:
        A mapping: node_ip_address, webui_url, session_dir, object_store_address, raylet_socket_name, ...

    Raises:
        RuntimeError: a session runs already.
        ValueError: an argument makes no sense.
        OSError: the temporary folder cannot be written.
        RaySystemError: the processes could not be started.

    Example:
        >>> ray.init(num_cpus=4)["session_dir"]
        '/tmp/minray-1000/session_2026-11-22_10-30-00_123456_4711'
    """
    _set_up_logging(logging_level)
    if process_state.core is not None:
        if not ignore_reinit_error:
            raise RuntimeError(
                "Maybe you called init twice by accident? A session runs already. Pass "
                "ignore_reinit_error=True to go on with it, or call shutdown() first to start anew."
            )
        logger.info("A session runs already; init() changes nothing.")
        return SessionInfo(process_state.info)
    driver.check_keywords(address, ignored, list(inspect.signature(init).parameters))
    if num_cpus is not None and (isinstance(num_cpus, bool) or not isinstance(num_cpus, int) or num_cpus < 0):
        raise ValueError(f"num_cpus must be a whole number of at least 0, but it is {num_cpus!r}.")
    totals = {"CPU": float(available_cpus() if num_cpus is None else num_cpus), **(resources or {})}
    if num_gpus:
        totals["GPU"] = float(num_gpus)
    driver.start(totals, object_store_memory, namespace or "", log_to_driver)
    process_state.info["webui_url"] = driver.start_dashboard(include_dashboard)
    where = process_state.info["webui_url"]
    logger.info("Started a local session.%s", f" View the dashboard at {where}" if where else "")
    return SessionInfo(process_state.info)


def available_cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _set_up_logging(level: int | str) -> None:
    logger.setLevel(level)
    if not logger.handlers:
        # A notebook shows stderr on red, as if something were wrong; there, news is ordinary output.
        handler = logging.StreamHandler(sys.stdout if "ipykernel" in sys.modules else sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s -- %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
        logger.propagate = False


process_state.start_session = init


def shutdown() -> None:
    """End the session: its processes, objects and references. Harmless if there is none."""
    driver.stop()


atexit.register(shutdown)


def is_initialized() -> bool:
    """Whether a session runs (in a worker: always)."""
    return process_state.core is not None


@overload
def remote(function: Callable[..., Any], /) -> RemoteFunction: ...


@overload
def remote(**options: Any) -> Callable[[Callable[..., Any]], RemoteFunction]: ...  # noqa: ANN401


def remote(*args: Any, **options: Any) -> Any:
    """Turn a function into one whose calls are tasks.

    Args:
        *args: the function, if used as ``@remote``.
        **options: if used as ``@remote(num_cpus=2)``: `num_cpus`, `num_gpus`, `resources`, `num_returns`,
            `max_retries`, `retry_exceptions`, `name`.

    Returns:
        A `RemoteFunction`, or a decorator that makes one.

    Raises:
        TypeError: what is decorated is no function.
        ValueError: there is no such option.

    Example:
        >>> @ray.remote(num_returns=2)
        ... def halves(n):
        ...     return n // 2, n - n // 2
        >>> low, high = halves.remote(9)
    """
    if len(args) == 1 and not options and callable(args[0]):
        return _make_remote(args[0], {})
    if args or not options:
        raise TypeError(
            "The @remote decorator is used either without arguments and parentheses, or with keyword "
            "options only, as in @remote(num_cpus=2)."
        )
    return lambda function: _make_remote(function, options)


def _make_remote(function: Callable[..., Any], options: dict[str, Any]) -> RemoteFunction:
    if inspect.isclass(function):
        raise TypeError(
            f"{function.__name__} is a class, and this version of minray has tasks but no actors yet. "
            "Decorate a function, or run this code on Ray itself."
        )
    if not callable(function):
        raise TypeError(f"The @remote decorator must be applied to a function, not to {function!r}.")
    return RemoteFunction(function, update_options(TaskOptions(), options))


def get(object_refs: ObjectRef | Sequence[ObjectRef], *, timeout: float | None = None) -> Any:  # noqa: ANN401
    """Wait for values and return them.

    Args:
        object_refs: one reference, or a list of them.
        timeout: seconds to wait at most; None waits as long as it takes, 0 takes only what is there.

    Returns:
        The value, or the list of values in the order of the references. Arrays are read-only views of shared
        memory: copy them if you want to change them.

    Raises:
        GetTimeoutError: the values were not there in time. The tasks go on.
        RayTaskError: a task raised; the error is also an instance of what it raised.
        WorkerCrashedError, TaskCancelledError, ...: there is no value.
        ValueError, TypeError: this is not a reference; in the list is something that is none.

    Example:
        >>> ray.get([square.remote(n) for n in range(3)])
        [0, 1, 4]
    """
    if isinstance(object_refs, ObjectRef):
        return _check_refs([object_refs], "get").get([object_refs], timeout)[0]
    if not isinstance(object_refs, list):
        raise ValueError(
            f"Invalid type of object refs, {type(object_refs)}, is given. get() takes an ObjectRef, which "
            "is what f.remote(...) and put(...) return, or a list of ObjectRefs."
        )
    return _check_refs(object_refs, "get").get(object_refs, timeout)


def _check_refs(refs: Sequence[Any], caller: str) -> CoreWorker:
    """The core worker that made these references.

    Raises:
        TypeError: one is no reference.
        ValueError: its session has ended.
    """
    core = process_state.core
    for ref in refs:
        if type(ref) is not ObjectRef:
            raise TypeError(
                f"Attempting to call `{caller}` on the value {ref!r}, which is not an ObjectRef. Did you "
                "call `get` on it before, or forget `.remote`?"
            )
        if core is None or not core.made(ref):
            raise ValueError(
                f"{ref!r} belongs to a session that has ended, and its value went with it. Submit the task "
                "again."
            )
    return core or process_state.connected_core()


def put(value: Any) -> ObjectRef:  # noqa: ANN401
    """Make an object of a value.

    Args:
        value: anything that can be pickled. It is copied; later changes to it do not change the object.

    Returns:
        A reference, to be passed to any number of tasks without copying the value again.

    Raises:
        TypeError: the value is a reference already, or cannot be pickled.
        ObjectStoreFullError: there is no room for it.

    Example:
        >>> table = ray.put(numpy.zeros(10_000_000))
        >>> ray.get([row_sum.remote(table, row) for row in range(8)])
    """
    if isinstance(value, ObjectRef):
        raise TypeError(
            "Calling 'put' on an ObjectRef is not allowed: the object exists already, so use the "
            "reference itself. (If you really want an object that holds the reference, put it in a list.)"
        )
    try:
        return process_state.connected_core().put(value)
    except (TypeError, AttributeError) as error:
        raise TypeError(f"Could not put a {type(value).__name__} into the object store: {error}") from error


def wait(
    object_refs: Sequence[ObjectRef],
    *,
    num_returns: int = 1,
    timeout: float | None = None,
    fetch_local: bool = True,
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Wait until some of the references are ready.

    Args:
        object_refs: a list of different references.
        num_returns: how many to wait for.
        timeout: seconds to wait at most; then there may be fewer.
        fetch_local: no difference on one node.

    Returns:
        Two lists: at most `num_returns` references that are ready, and all the others; each in the order of
        `object_refs`. To process results as they come, call `wait` again with the second list.

    Raises:
        ValueError: `num_returns` is more than there are, or a reference is there twice.
        TypeError: this is not a list of references.

    Example:
        >>> ready, not_ready = ray.wait(refs, num_returns=2, timeout=1.0)
    """
    if isinstance(object_refs, ObjectRef) or not isinstance(object_refs, list):
        raise TypeError(f"wait() expected a list of ObjectRefs, got {type(object_refs).__name__}.")
    if timeout is not None and timeout < 0:
        raise ValueError(f"The 'timeout' argument must be nonnegative. Received {timeout}.")
    core = _check_refs(object_refs, "wait")
    if not object_refs:
        return [], []
    if len(set(object_refs)) != len(object_refs):
        raise ValueError("Wait requires a list of unique object refs, but one is there more than once.")
    if num_returns <= 0:
        raise ValueError(f"Invalid number of objects to return: {num_returns}. It must be at least 1.")
    if num_returns > len(object_refs):
        raise ValueError(
            f"num_returns cannot be greater than the number of object refs provided to wait: {num_returns} "
            f"asked for, {len(object_refs)} given."
        )
    return core.wait(list(object_refs), num_returns, timeout)


def cancel(object_ref: ObjectRef, *, force: bool = False, recursive: bool = True) -> None:
    """Cancel the task that makes an object; if it is finished already, nothing happens.

    A task that waits never starts; in one that runs, `KeyboardInterrupt` is raised. `get` then raises
    `TaskCancelledError`.

    Args:
        object_ref: what the task's `.remote(...)` returned.
        force: end the worker's process instead of asking it.
        recursive: also cancel the tasks that the task submitted.

    Raises:
        TypeError: this is not a reference.
    """
    if not isinstance(object_ref, ObjectRef):
        raise TypeError(
            f"cancel() takes the ObjectRef that a task's .remote(...) returned, not {object_ref!r}."
        )
    _check_refs([object_ref], "cancel").cancel(object_ref, force, recursive)


def _started_core() -> CoreWorker:
    if process_state.core is None:
        raise RaySystemError("There is no session yet, or it has been shut down. Call init() first.")
    return process_state.core


def nodes() -> list[dict[str, Any]]:
    """The nodes of the session, one mapping each, with Ray's keys: NodeID, Alive, Resources, ..."""
    answer: list[dict[str, Any]] = _started_core().query("nodes")
    return answer


def cluster_resources() -> dict[str, float]:
    """What the session has, by resource name."""
    answer: dict[str, float] = _started_core().query("cluster_resources")
    return answer


def available_resources() -> dict[str, float]:
    """What of `cluster_resources` no running task uses; names with nothing left are left out."""
    answer: dict[str, float] = _started_core().query("available_resources")
    return answer


def get_dashboard_url() -> str | None:
    """The link to the dashboard, or None if it was not started."""
    _started_core()
    url: str | None = process_state.info.get("webui_url")
    return url


get_webui_url = get_dashboard_url  # its name before Ray 1.0


def timeline(filename: str | os.PathLike[str] | None = None) -> list[dict[str, Any]] | None:
    """What ran when and where, in the Chrome trace format that https://ui.perfetto.dev opens.

    Args:
        filename: where to write it; None returns the events instead.

    Returns:
        The list of trace events if there is no filename, else None.
    """
    from .chrome_trace import trace_events, write_chrome_trace

    core = _started_core()
    core.flush_events()
    assert process_state.session_dir is not None
    database = process_state.session_dir / "session.db"
    if filename is None:
        return trace_events(database)
    write_chrome_trace(database, filename)
    return None


def record_experiment(name: str, series: str, x: float, y: float, detail: str = "") -> None:
    """Add a point to the event store's table `experiments`, for the dashboard to draw.

    Args:
        name: of the experiment.
        series: which curve, such as "local" or "remote".
        x, y: the point.
        detail: anything worth remembering, as text.
    """
    import time

    process_state.connected_core().add_rows(
        "experiments", [(time.time(), name, series, float(x), float(y), detail)]
    )


def session_database() -> Path:
    """The session's event store, with everything in it that has happened so far; open it read-only."""
    core = _started_core()
    core.flush_events()
    assert process_state.session_dir is not None
    return process_state.session_dir / "session.db"


def _forget_session_after_fork() -> None:
    """A process that the user's code forks from a driver must not speak on the driver's connection."""
    if process_state.supervisor is not None:
        with contextlib.suppress(OSError):
            process_state.supervisor.stdin.close()
    process_state.core = process_state.supervisor = None


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_session_after_fork)
