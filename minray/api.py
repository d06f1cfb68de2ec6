"""What users call: `get`, `put`, `wait`, `cancel`, ...; the names and meanings are Ray's.

Sources: https://docs.ray.io/en/latest/ray-core/api/core.html and, for older names, the packages of Ray 0.8.
"""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .core_worker import current
from .core_worker.generator import ObjectRefGenerator
from .core_worker.outbox import ids_of
from .session import here
from .values.ref import ObjectRef

logger = logging.getLogger("minray")


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
    if here.actor is not None:
        here.actor.warn_of_blocking("get", "gather")
    if isinstance(object_refs, ObjectRef):
        keys = _check_refs([object_refs], "get")
        return (current.core or current.connected_core()).getting.get(keys, timeout)[0]
    if isinstance(object_refs, ObjectRefGenerator):
        return object_refs  # as in Ray
    if not isinstance(object_refs, list):
        raise ValueError(
            f"Invalid type of object refs, {type(object_refs)}, is given. get() takes an ObjectRef, which "
            "is what f.remote(...) and put(...) return, or a list of ObjectRefs."
        )
    keys = _check_refs(object_refs, "get")
    return (current.core or current.connected_core()).getting.get(keys, timeout)


def _check_refs(refs: Sequence[Any], caller: str) -> list[bytes]:
    """The ids of these references, which are of the session that runs.

    Raises:
        TypeError: one is no reference.
        ValueError: its session has ended.
    """
    if set(map(type, refs)) - {ObjectRef}:
        culprit = next(ref for ref in refs if type(ref) is not ObjectRef)
        raise TypeError(
            f"Attempting to call `{caller}` on the value {culprit!r}, which is not an ObjectRef. Did you "
            "call `get` on it before, or forget `.remote`?"
        )
    keys, core = ids_of(refs), current.core
    if keys and core is None:
        raise ValueError(
            f"{refs[0]!r} belongs to a session that has ended, and its value went with it. Submit the task "
            "again."
        )
    (core or current.connected_core()).references.check_owner(keys, "objects")
    return keys


def put(value: Any, *, _owner: object = None) -> ObjectRef:  # noqa: ANN401
    """Make an object of a value.

    Args:
        value: anything that can be pickled. It is copied; later changes to it do not change the object.
        _owner: must be None; Ray had this until 2.55.

    Returns:
        A reference, to be passed to any number of tasks without copying the value again.

    Raises:
        TypeError: the value is a reference already, or cannot be pickled.
        ValueError: an owner is given.
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
    if _owner is not None:
        raise ValueError("The experimental `_owner` argument to `ray.put` has been removed in Ray 2.56.")
    return (current.core or current.connected_core()).putting.put(value)


def wait(
    object_refs: Sequence[ObjectRef],
    *,
    num_returns: int = 1,
    timeout: float | None = None,
    fetch_local: bool = True,
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Wait until some of the references are ready.

    Args:
        object_refs: a list of different references, or of generators: one is ready when its next item is.
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
    if here.actor is not None:
        here.actor.warn_of_blocking("wait", "wait")
    keys, core = _keys_to_wait_for(object_refs), current.connected_core()
    if not object_refs:
        return [], []
    if not core.references.are_different(keys):
        raise ValueError("Wait requires a list of unique object refs, but one is there more than once.")
    if num_returns <= 0:
        raise ValueError(f"Invalid number of objects to return: {num_returns}. It must be at least 1.")
    if num_returns > len(object_refs):
        raise ValueError(
            f"num_returns cannot be greater than the number of object refs provided to wait: {num_returns} "
            f"asked for, {len(object_refs)} given."
        )
    return core.getting.wait(object_refs, keys, num_returns, timeout)


def _keys_to_wait_for(refs: Sequence[Any]) -> list[bytes]:
    """Like `_check_refs`, but a generator stands for its next item."""
    if ObjectRefGenerator not in set(map(type, refs)):
        return _check_refs(refs, "wait")
    whole = [ref.completed() if type(ref) is ObjectRefGenerator else ref for ref in refs]
    keys = _check_refs(whole, "wait")
    for place, ref in enumerate(refs):
        if type(ref) is ObjectRefGenerator:
            keys[place] = ref.next_key()
    return keys


def cancel(
    object_ref: ObjectRef | ObjectRefGenerator, *, force: bool = False, recursive: bool = True
) -> None:
    """Cancel the task that makes an object; if it is finished already, nothing happens.

    A task that waits never starts; in one that runs, `KeyboardInterrupt` is raised, in a call of an `async`
    method `asyncio.CancelledError`. Calls of other methods run on; they may ask
    `get_runtime_context().is_canceled()`. `get` then raises `TaskCancelledError`.

    Args:
        object_ref: what the task's `.remote(...)` returned; of a generator task, the generator.
        force: end the worker's process instead of asking it.
        recursive: also cancel the tasks that the task submitted.

    Raises:
        TypeError: this is not a reference.
        ValueError: `force` with a call of an actor's method; `kill` ends the actor.
    """
    current.connected_core()  # as in Ray, that there is no session comes before what else is wrong
    if isinstance(object_ref, ObjectRefGenerator):
        object_ref = object_ref.completed()
    if not isinstance(object_ref, ObjectRef):
        raise TypeError(
            f"cancel() takes the ObjectRef that a task's .remote(...) returned, not {object_ref!r}."
        )
    _check_refs([object_ref], "cancel")
    current.connected_core().submission.cancel(object_ref, force, recursive)


def nodes() -> list[dict[str, Any]]:
    """The nodes of the session, one mapping each, with Ray's keys: NodeID, Alive, Resources, ..."""
    return list(current.started_core().query("nodes"))


def cluster_resources() -> dict[str, float]:
    """What the session has, by resource name."""
    return dict(current.started_core().query("cluster_resources"))


def available_resources() -> dict[str, float]:
    """What of `cluster_resources` no running task uses; names with nothing left are left out."""
    return dict(current.started_core().query("available_resources"))


def get_dashboard_url() -> str | None:
    """The link to the dashboard, or None if it was not started."""
    current.started_core()
    url: str | None = here.info.get("webui_url")
    return url


get_webui_url = get_dashboard_url  # its name before Ray 1.0


def timeline(filename: str | os.PathLike[str] | None = None) -> list[dict[str, Any]] | None:
    """What ran when and where, in the Chrome trace format that https://ui.perfetto.dev opens.

    Args:
        filename: where to write it; None returns the events instead.

    Returns:
        The list of trace events if there is no filename, else None.
    """
    from .gcs.chrome_trace import trace_events, write_chrome_trace

    database = session_database()
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
    row = (time.time(), name, series, float(x), float(y), detail)
    current.connected_core().add_rows("experiments", [row])


def session_database() -> Path:
    """The session's event store, with everything in it that has happened so far; open it read-only."""
    current.started_core().flush_events()
    assert here.session_dir is not None
    return here.session_dir / "session.db"
