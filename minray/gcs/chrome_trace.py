"""A session as a Chrome trace: open the file at https://ui.perfetto.dev or in chrome://tracing.

A row a worker, a bar a task, and inside it the times that it waited in `get`.  What still goes on has a bar
up to now.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from .schema import FINAL_STATES, TaskState
from .store import connect_readonly

_BUSY = """SELECT e.task, t.name, e.attempt, e.state, e.ts, e.worker, t.task_id
           FROM task_events e JOIN tasks t USING (task)"""
_WAITING = (TaskState.RUNNING_IN_RAY_GET, TaskState.RUNNING_IN_RAY_WAIT)


def trace_events(database: Path | str) -> list[dict[str, Any]]:
    """The trace events of a recording, live or finished; times in microseconds.

    Args:
        database: a `session.db`.
    """
    with contextlib.closing(connect_readonly(database)) as db:
        workers = db.execute("SELECT worker, pid, kind FROM workers").fetchall()
        rows = db.execute(f"{_BUSY} WHERE e.worker IS NOT NULL ORDER BY e.seq").fetchall()
        (ended_at,) = db.execute("SELECT max(value) FROM meta WHERE key = 'ended_at'").fetchone()
    now = float(ended_at or time.time())
    trace = [{"ph": "M", "name": "process_name", "pid": 0, "args": {"name": "node 0"}}]
    for worker, pid, kind in workers:
        row = {"name": f"{kind.lower()} {pid}"}
        trace.append({"ph": "M", "name": "thread_name", "pid": 0, "tid": worker, "args": row})
    running: dict[tuple[int, int], tuple[str, float, int, str]] = {}  # by task and attempt
    waiting: dict[tuple[int, int], tuple[str, float, int, str]] = {}
    for task, name, attempt, state, ts, worker, task_id in rows:
        key = (task, attempt)
        if state in _WAITING:
            waiting[key] = (TaskState(state).name, ts, worker, task_id)
            continue
        if key in waiting and state in (TaskState.RUNNING, *FINAL_STATES):
            kind, since, _, _ = waiting.pop(key)
            trace.append(_bar(kind, "wait", since, ts, worker, {"task": task_id}))
        if state == TaskState.RUNNING:
            running.setdefault(key, (name, ts, worker, task_id))
        elif state in FINAL_STATES and key in running:
            _, since, _, _ = running.pop(key)
            details = {"task_id": task_id, "state": TaskState(state).name, "attempt": attempt}
            trace.append(_bar(name, "task", since, ts, worker, details))
    for kind, since, worker, task_id in waiting.values():
        trace.append(_bar(kind, "wait", since, now, worker, {"task": task_id}))
    for (_, attempt), (name, since, worker, task_id) in running.items():
        details = {"task_id": task_id, "state": TaskState.RUNNING.name, "attempt": attempt}
        trace.append(_bar(name, "task", since, now, worker, details))
    return trace


def _bar(
    name: str, category: str, start: float, end: float, worker: int, details: dict[str, Any]
) -> dict[str, Any]:
    bar = {"ph": "X", "name": name, "cat": category, "pid": 0, "tid": worker, "args": details}
    return bar | {"ts": start * 1e6, "dur": (end - start) * 1e6}


def write_chrome_trace(database: Path | str, filename: str | os.PathLike[str]) -> None:
    """Write the trace of a recording to a file."""
    Path(filename).write_text(json.dumps(trace_events(database)), encoding="utf-8")
