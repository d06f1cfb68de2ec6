"""What tasks and actors printed, from the event store.

minray has no log files.  So that code written for Ray finds what it looks for, each worker's output goes
by the names of two: worker-<worker id>-<job id>-<pid>.out and .err.
"""

import sqlite3
import time
from collections.abc import Iterator
from fnmatch import fnmatch

from .common import DEFAULT_RPC_TIMEOUT
from .source import opened
from .tables import job_hex

_POLL_SECONDS = 0.2  # how often `get_log(follow=True)` looks for more
STREAMS = {"out": "stdout", "err": "stderr"}


def _files(db: sqlite3.Connection, pattern: str) -> dict[str, list[str]]:
    """The names that match a pattern, by kind: worker_out and worker_err."""
    found: dict[str, list[str]] = {}
    workers = db.execute(
        "SELECT worker_id, pid FROM workers WHERE kind = 'WORKER' ORDER BY worker"
    ).fetchall()
    for suffix in STREAMS:
        names = [f"worker-{worker_id}-{job_hex(1)}-{pid}.{suffix}" for worker_id, pid in workers]
        matching = [name for name in names if fnmatch(name, pattern)]
        if matching:
            found[f"worker_{suffix}"] = matching
    return found


def _texts(
    db: sqlite3.Connection,
    *,
    suffix: str,
    task_id: str | None = None,
    attempt: int = 0,
    pid: int | None = None,
    actor_id: str | None = None,
    filename: str | None = None,
    after: int = 0,
) -> Iterator[tuple[int, str]]:
    """Pieces of output with their numbers, oldest first.

    Args:
        db: an event store.
        suffix: "out" or "err".
        task_id: of the task that printed; of that, only the `attempt` that is asked for.
        attempt: see there.
        pid: of the process that printed.
        actor_id: of the actor that printed.
        filename: one of `_files`; its suffix goes before the argument `suffix`.
        after: the number of the last piece that is known already.
    """
    if filename is not None:
        name, _, ending = filename.rpartition(".")
        suffix, pid = ending, int(name.rpartition("-")[2])
    yield from db.execute(
        """SELECT l.seq, l.text FROM logs l JOIN workers w USING (worker) LEFT JOIN tasks t USING (task)
           WHERE l.stream = ? AND l.seq > ? AND (?3 IS NULL OR t.task_id = ?3) AND (?4 IS NULL OR w.pid = ?4)
                 AND (?6 IS NULL OR t.actor = (SELECT actor FROM actors a WHERE a.actor_id = ?6))
                 AND (?3 IS NULL OR ?5 = (SELECT max(attempt) FROM task_events e
                                          WHERE e.task = l.task AND e.ts <= l.ts))
           ORDER BY l.seq""",
        (STREAMS[suffix], after, task_id, pid, attempt, actor_id),
    )


def list_logs(
    address: str | None = None,
    node_id: str | None = None,
    node_ip: str | None = None,
    glob_filter: str | None = None,
    timeout: int = DEFAULT_RPC_TIMEOUT,
) -> dict[str, list[str]]:
    """The names under which `get_log` finds what workers printed.

    Args:
        address: see `list_tasks`.
        node_id, node_ip: of the node; one of them is needed, as in Ray.
        glob_filter: a pattern such as "*.err".
        timeout: makes no difference.

    Returns:
        Names by kind: worker_out and worker_err.
    """
    assert node_id is not None or node_ip is not None, "At least one of node ip and node id is required"
    with opened(address) as db:
        return _files(db, glob_filter or "*")


def get_log(
    address: str | None = None,
    node_id: str | None = None,
    node_ip: str | None = None,
    filename: str | None = None,
    actor_id: str | None = None,
    task_id: str | None = None,
    pid: int | None = None,
    follow: bool = False,
    tail: int = -1,
    timeout: int = DEFAULT_RPC_TIMEOUT,
    suffix: str = "out",
    encoding: str | None = "utf-8",
    errors: str | None = "strict",
    submission_id: str | None = None,
    attempt_number: int = 0,
    _interval: float | None = None,
    filter_ansi_code: bool = False,
) -> Iterator[str]:
    """What a task, an actor or a worker printed.

    Args:
        address: see `list_tasks`.
        node_id, node_ip: of the node; needed with `pid` and `filename` in Ray, and not looked at here.
        filename, actor_id, task_id, pid: whose output; one of them is needed.
        follow: go on with what is printed later, for ever.
        tail: so many lines from the end; -1 for all.
        timeout, encoding, errors, submission_id, filter_ansi_code: make no difference.
        suffix: "out" for what went to stdout, "err" for stderr.
        attempt_number: which attempt of the task.

    Yields:
        Lines, several at a time.

    Raises:
        ValueError: it is not said whose output is wanted, or the suffix is another one.

    Example:
        >>> list(get_log(task_id=ref.task_id().hex()))
        ['hello\n']
    """
    if filename is None and actor_id is None and task_id is None and pid is None:
        raise ValueError(
            "None of actor_id, task_id, pid, submission_id or filename is provided. At least one of them is "
            "required to fetch logs."
        )
    if suffix not in STREAMS:
        raise ValueError(f"Invalid suffix: {suffix}. Must be one of 'out' or 'err'.")
    last = 0
    while True:
        with opened(address) as db:
            found = list(
                _texts(
                    db,
                    suffix=suffix,
                    task_id=task_id,
                    attempt=attempt_number,
                    pid=pid,
                    actor_id=actor_id,
                    filename=filename,
                    after=last,
                )
            )
        if found:
            last = found[-1][0]
            lines = "\n".join(text for _, text in found).split("\n")
            yield "".join(f"{line}\n" for line in (lines[-tail:] if tail >= 0 else lines))
        if not follow:
            return
        time.sleep(_interval or _POLL_SECONDS)
