"""Starts a process for each engine, collects its lines, and goes on when one of them fails."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from .baselines import descendants
from .benchmark import Measurement
from .engine_process import MARK, command

# How often an engine's process is started again after one of its lines took too long or ended it.
_STARTS = 8

# How long an engine may take to start, and to get from one line to the next.
_READY_SECONDS = 60.0


@dataclass
class Plan:
    """What to measure, and how thoroughly.

    Args:
        repeats: results for each line.
        seconds: how long to run for each result.
        limit: seconds after which a line is given up.
        match: only lines whose names contain this.
        scale: of the large batches; 1 for Ray's own sizes.
        environment: further environment variables for the processes.
    """

    repeats: int = 5
    seconds: float = 0.5
    limit: float = 60.0
    match: str = ""
    scale: float = 1.0
    environment: dict[str, str] = field(default_factory=dict)


def run_engine(engine: str, python: str, plan: Plan) -> Iterator[Measurement]:
    """Measure one engine; yields each result as soon as it is there.

    Raises:
        ImportError: the engine is not installed there.
        RuntimeError: it could not be started; the message has the end of what it printed.
    """
    done: list[str] = []
    for _ in range(_STARTS):
        finished = True
        for measurement in _run_once(engine, python, plan, done):
            done.append(measurement.name)
            finished = bool(measurement.values) or not measurement.problem.startswith(("over ", "ended "))
            yield measurement
        if finished:
            return


def _run_once(engine: str, python: str, plan: Plan, done: list[str]) -> Iterator[Measurement]:
    """Yield results until the process ends, or until a line takes too long: that one comes last."""
    options = {"repeats": plan.repeats, "seconds": plan.seconds, "match": plan.match, "scale": plan.scale}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command(engine, python, {**options, "done": done}),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **plan.environment},
            start_new_session=True,
        )
        try:
            yield from _follow(process, plan.limit, errors)
        finally:
            _end(process)


def _follow(process: "subprocess.Popen[str]", limit: float, errors: IO[str]) -> Iterator[Measurement]:
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=_copy_lines, args=(process.stdout, lines), daemon=True).start()
    current: dict[str, Any] | None = None
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            line = lines.get(timeout=max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            if current is None:
                raise RuntimeError(f"it did not get ready within {_READY_SECONDS:g} s") from None
            yield Measurement(current["begins"], current["unit"], (), f"over {limit:g} s")
            return
        if not line:
            break
        if not line.startswith(MARK):
            continue
        message = json.loads(line.removeprefix(MARK))
        deadline = time.monotonic() + (limit if "begins" in message else _READY_SECONDS)
        if "begins" in message:
            current = message
        else:
            current = None
            yield Measurement(**{**message, "values": tuple(message["values"])})
    status = process.wait(10)
    if current is not None:
        yield Measurement(current["begins"], current["unit"], (), f"ended with exit status {status}")
    elif status:
        errors.seek(0)
        text = errors.read()
        last = text.strip().splitlines()[-1:] or ["nothing was printed"]
        kind = ImportError if "ModuleNotFoundError" in last[0] else RuntimeError
        raise kind(last[0])


def _copy_lines(stream: IO[str], lines: "queue.Queue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _end(process: "subprocess.Popen[str]") -> None:
    """End the process and all that it has started, even what has made itself a session of its own."""
    if process.poll() is None:
        family = [process.pid, *descendants(process.pid)]
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def interpreter_for(engine: str, others: str) -> str:
    """The interpreter to start an engine with: our own, unless another one was named for what it may lack."""
    return others if engine in ("ray", "dask", "loky") and others else sys.executable
