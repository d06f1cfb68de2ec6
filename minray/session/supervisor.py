"""Starting and stopping the processes of a node; the supervisor that leaves nothing behind.

::

    owner --starts---> supervisor --forks--> GCS
                           |      --forks--> zygote --forks--> workers
                           |      --forks--> local scheduler
                           +-- watches all of these, and the owner

The supervisor is the first process of a session to start and the last to end.  It waits until its owner goes
(the driver that called `init`, or the program that runs a `Cluster`; normally, or by SIGKILL) or one of its
parts dies; then it ends all the rest and removes what they leave: sockets, shared memory, logs.  Only the
recording stays.

A further node of a session has a supervisor of its own, and a `far_node` instead of GCS and scheduler.

The parts are started by name and with a few sockets; they do not import each other.  Each loads its own
modules after its fork, so that they start side by side.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ..wire.config import PACKAGE, STOP_SECONDS
from . import folders
from .exit_codes import describe_exit, ended_children

# The module that each part runs.
PARTS = {
    "gcs": ".gcs.process",
    "zygote": ".worker.zygote",
    "scheduler": ".scheduler.process",
    "far_node": ".far_node.process",
}


def main() -> None:
    """The supervisor: `python -c "...supervisor.main()" LISTENER SESSION`; stdin is a pipe from the driver.

    Its first line is what `init` decided; that it ends later means that the driver is gone.
    """
    listener = socket.socket(fileno=int(sys.argv[1]))
    with os.fdopen(os.dup(0), "rb") as pipe:
        config: dict[str, Any] = json.loads(pipe.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake_read, wake_write = os.pipe()
    for fd in (wake_read, wake_write):
        os.set_blocking(fd, False)
    session, node_name = Path(config["session_dir"]), config["node_name"]
    # A further node has a name; it is the session's head that holds the lock.
    lock = os.open(os.devnull, os.O_RDONLY) if node_name else folders.hold(session)
    parts, life = _start_parts(config, listener, lock, [wake_read, wake_write])
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: life.close())
    listener.close()
    zygote = next(pid for pid, name in parts.items() if name == "zygote")
    reason = ""
    try:
        reason = _watch(parts, wake_read, life, config["owner_pid"])
    finally:
        life.close()
        _stop_parts(parts, zygote)
        if node_name:
            folders.remove_node(session, node_name)
        else:
            _clean_up(session, reason)
        os.close(lock)
        if not node_name:
            with contextlib.suppress(OSError):
                (session / "lock").unlink()


def _start_parts(
    config: dict[str, Any], listener: socket.socket, lock: int, private: list[int]
) -> tuple[dict[int, str], socket.socket]:
    """Fork GCS, zygote and scheduler; return their names by pid, and the scheduler's life line."""
    zygote_scheduler, scheduler_zygote = socket.socketpair()
    life, scheduler_life = socket.socketpair()
    plans: dict[str, dict[str, socket.socket]] = {}
    scheduler = {"listener": listener, "zygote": scheduler_zygote, "life": scheduler_life}
    if not config["node_name"]:
        gcs_scheduler, scheduler["gcs"] = socket.socketpair()
        plans["gcs"] = {"scheduler": gcs_scheduler}
    plans["zygote"] = {"scheduler": zygote_scheduler}
    plans["far_node" if config["node_name"] else "scheduler"] = scheduler
    everything = [sock for plan in plans.values() for sock in plan.values()]
    parts = {}
    for name, sockets in plans.items():
        pid = os.fork()
        if pid == 0:
            for sock in [*everything, life]:
                if sock not in sockets.values():
                    sock.close()
            for fd in [lock, *private]:
                os.close(fd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # stdin is the driver's pipe
            _run_part(name, config, sockets)
        parts[pid] = name
    for sock in everything:
        if sock is not listener:
            sock.close()
    return parts, life


def _run_part(name: str, config: dict[str, Any], sockets: dict[str, socket.socket]) -> None:
    """In a forked process: be that part, then exit."""
    code = 1
    try:
        importlib.import_module(PARTS[name], PACKAGE.name).main(config, **sockets)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def _watch(parts: dict[int, str], wake: int, life: socket.socket, owner_pid: int) -> str:
    """Return when the driver is gone (then without a reason) or a part has died (then saying which)."""
    while life.fileno() >= 0:
        readable, _, _ = select.select([0, wake], [], [], 1.0)
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        if ended := _ended(parts):
            crashed = [f"{name} was {describe_exit(code)}" for name, code in ended if code]
            return ", ".join(crashed)
        # The pipe stays open while a process forked by the driver's own code lives, hence the second look.
        if 0 in readable or not _is_alive(owner_pid):
            return ""
    return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ended(parts: dict[int, str]) -> list[tuple[str, int]]:
    """Collect the parts that have ended."""
    return [(parts.pop(pid), code) for pid, code in ended_children()]


def _stop_parts(parts: dict[int, str], zygote: int) -> None:
    """The scheduler stops when its life line ends, the others when the scheduler has; then by force."""
    # Running tasks are ended at once, with all that they started, even if the zygote itself is dead.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(zygote, signal.SIGKILL)
    deadline = time.monotonic() + STOP_SECONDS
    while parts and time.monotonic() < deadline:
        _ended(parts)
        if parts:
            time.sleep(0.002)
    for pid in parts:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while parts:
        _ended(parts)
        time.sleep(0.002)


def _clean_up(session: Path, reason: str) -> None:
    if reason:
        from ..gcs import store  # only the GCS needs SQLite from the start, and it takes long to load

        store.add_meta(session / "session.db", "ended_because", reason)
    folders.remove_shared_memory(session.name)
    folders.reduce_to_recording(session)
