"""A further node as seen by the process that starts it: its settings, its start, its end.

A further node joins the session of a `HeadNode`, with a supervisor and a zygote of its own; see `members`.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from ..exceptions import RaySystemError
from ..session import folders
from ..wire.config import START_SECONDS, STOP_SECONDS
from .head_node import HOST, describe_node, free_memory, logger, start_supervisor


class MemberNode:
    """The processes of a further node that this process has started.

    Args:
        session: the session that it joins.
        resources: what the node has, in units.
        object_store_memory: bytes for shared objects; None leaves it to the node.
        labels: further labels of the node.
        spill_to: a directory for objects when memory is full; None leaves it to the session.
    """

    def __init__(
        self,
        session: Path,
        resources: dict[str, float],
        object_store_memory: int | None,
        labels: dict[str, str] | None = None,
        spill_to: str | None = None,
    ) -> None:
        self.session = session
        info = describe_node(session, folders.node_socket(session, ""))
        name = info["NodeID"][:8]
        path = folders.node_socket(session, name)
        info |= {"RayletSocketName": str(path), "Labels": info["Labels"] | (labels or {})}
        info["ObjectStoreSocketName"] = str(folders.store_folders(session.name, name).memory)
        if spill_to is not None:
            folders.spill_into(spill_to, session, name)
        self._ready = session / f"ready-{name}"
        self._log = (session / "logs" / f"node-{name}.log").open("w+b")
        self.config: dict[str, Any] = {
            "session_name": session.name,
            "session_dir": str(session),
            "owner_pid": os.getpid(),
            "node": name,
            "ready": str(self._ready),
            "head_socket": str(folders.socket_path(session)),
            "scheduler_socket": str(path),
            "object_store_memory": object_store_memory,
            "resources": {"memory": float(free_memory()), **resources, f"node:{HOST}": 1.0},
            "sys_path": folders.python_path(),
            "node_info": info,
        }
        with folders.listen(path) as listener:
            self.supervisor = start_supervisor(self.config, listener, self._log)

    def wait_until_ready(self) -> None:
        """Return when the node is one of the session's.

        Raises:
            RaySystemError: it did not become so; the message has the end of its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._ready.exists():
            if self.supervisor.poll() is not None or time.monotonic() > deadline:
                size = os.fstat(self._log.fileno()).st_size
                text = os.pread(self._log.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
                self.stop()
                raise RaySystemError(f"The node did not start. The end of its log:\n{text}")
            time.sleep(0.002)

    def kill_scheduler(self) -> None:
        """Kill the node's scheduler process, as a crash would; its zygote, and so its workers, go with it."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.scheduler_pid(), signal.SIGKILL)

    def scheduler_pid(self) -> int:
        """The id of the node's scheduler process, once the node is ready."""
        return int(self._ready.read_text())

    def stop(self, graceful: bool = True) -> None:
        """End the node and wait until nothing of it is left.

        Args:
            graceful: let it end by itself; else all of it is killed at once.
        """
        assert self.supervisor.stdin is not None
        if not graceful:
            self.kill_scheduler()
        with contextlib.suppress(OSError):
            self.supervisor.stdin.close()
        try:
            self.supervisor.wait(STOP_SECONDS * 2)
        except subprocess.TimeoutExpired:
            logger.warning("The processes of a node did not end in time and are killed.")
            self.kill_scheduler()
            self.supervisor.kill()
            self.supervisor.wait()
        self._log.close()
        # The supervisor has done this, unless it was killed itself.
        folders.remove_node(self.session, self.config["node"])

    def disown(self) -> None:
        """Forget the node in a process that was forked from the one that started it."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()
        self._log.close()
