"""The head node as seen by the process that starts it: its settings, its start, its end.

A session belongs to whoever starts its head node, which is a driver (`init()`) or a program that runs a
`cluster_utils.Cluster`.  Other drivers join it by its address, and leave it as they came::

    init()  ---starts---> head node <---joins--- init(address="auto")
      '------ owner ---------'
"""

import json
import logging
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..exceptions import RaySystemError
from ..session import folders
from ..version import __version__
from ..wire.config import PACKAGE, START_SECONDS, STOP_SECONDS
from ..wire.ids import NODE_ID_SIZE

logger = logging.getLogger("minray")

HOST = "127.0.0.1"


class OwnNode(Protocol):
    """A node that this process has started."""

    def stop(self) -> None:
        """End its processes."""

    def disown(self) -> None:
        """Forget it in a process that was forked."""


own_nodes: list[OwnNode] = []  # those that this process has started by `init`, the head first


class HeadNode:
    """The processes of a session that this process has started.

    Args:
        resources: what the node has, in units.
        object_store_memory: bytes for shared objects; None leaves it to the node.
        namespace: where the names of actors live.
        labels: further labels of the node.
        reconstruct: whether lost objects are made again.
        spill_to: a directory for objects when memory is full; None leaves it to the session.
        ends_with_driver: whether the session ends as soon as a driver of this process leaves it.

    Raises:
        OSError: the session's folder cannot be made.
    """

    def __init__(
        self,
        resources: dict[str, float],
        object_store_memory: int | None,
        namespace: str,
        *,
        ends_with_driver: bool,
        labels: dict[str, str] | None = None,
        reconstruct: bool = True,
        spill_to: str | None = None,
    ) -> None:
        self.session = _new_session()
        try:
            if spill_to is not None:
                folders.spill_into(spill_to, self.session)
        except OSError:
            folders.reduce_to_recording(self.session)
            raise
        self._log = (self.session / "logs" / "node.log").open("w+b")
        socket_path = folders.socket_path(self.session)
        socket_path.parent.mkdir(mode=0o700, exist_ok=True)
        self.config = _node_config(self.session, socket_path, resources, object_store_memory, namespace)
        self.config["node_info"]["Labels"] |= labels or {}
        self.log_text = ""  # the end of what its processes have written; known when it has stopped
        self.config["ends_with_driver"] = ends_with_driver
        self.config["reconstruct"] = reconstruct
        if not ends_with_driver:
            folders.mark_as_cluster(self.session)
        with folders.listen(socket_path) as listener:
            self.supervisor = start_supervisor(self.config, listener, self._log)
        folders.sweep()  # now that there is nothing to do but to wait

    def wait_until_ready(self) -> None:
        """Return when all parts of the node run.

        Raises:
            RaySystemError: they do not; the message has the end of their log.
        """
        made = (self.session / "session.db", folders.shared_memory_dir(self.session.name))
        deadline = time.monotonic() + START_SECONDS
        while not all(path.exists() for path in made):
            if self.supervisor.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RaySystemError(f"The node did not start. The end of its log:\n{self.log_text}")
            time.sleep(0.002)

    def stop(self) -> None:
        """End the session and wait until nothing of it is left but its recording."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()
        try:
            self.supervisor.wait(STOP_SECONDS * 2)
        except subprocess.TimeoutExpired:
            logger.warning("The session's processes did not end in time and are killed.")
            self.supervisor.kill()
            self.supervisor.wait()
        size = os.fstat(self._log.fileno()).st_size
        self.log_text = os.pread(self._log.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
        self._log.close()
        # The supervisor has done this, unless it was killed itself.
        folders.remove_shared_memory(self.session.name)
        folders.reduce_to_recording(self.session)

    def disown(self) -> None:
        """Forget the session in a process that was forked from the one that started it."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()
        self._log.close()


def _new_session() -> Path:
    try:
        return folders.new_session(os.getpid())
    except OSError:  # if the disk is full, what others have left may be in the way
        folders.sweep()
        return folders.new_session(os.getpid())


# The package is only a name at first: what its `__init__` imports is for users and their tasks, so the zygote
# loads it, while GCS and scheduler start beside it.
_WITHOUT_THE_API = (
    "import sys; package = sys.modules['minray'] = type(sys)('minray'); package.__path__ = [{folder!r}]; "
    "from minray.session.supervisor import main; main()"
)


def start_supervisor(
    config: dict[str, Any], listener: socket.socket, log: BinaryIO
) -> "subprocess.Popen[bytes]":
    """Start `node.main` as a process that no signal of the driver's terminal or kernel reaches."""
    code = _WITHOUT_THE_API.format(folder=str(PACKAGE))
    supervisor = subprocess.Popen(
        # -P: a file in the working directory must not take the place of a standard module.
        [sys.executable, "-P", "-c", code, str(listener.fileno()), config["session_dir"]],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )
    assert supervisor.stdin is not None
    supervisor.stdin.write(json.dumps(config).encode() + b"\n")
    supervisor.stdin.flush()  # and stays open: its end tells the supervisor that the owner is gone
    return supervisor


def _node_config(
    session: Path,
    socket_path: Path,
    resources: dict[str, float],
    object_store_memory: int | None,
    namespace: str,
) -> dict[str, Any]:
    """Everything that the node's processes need to know."""
    totals = {
        "memory": float(free_memory()),
        **resources,
        f"node:{HOST}": 1.0,
        "node:__internal_head__": 1.0,
    }
    return {
        "session_name": session.name,
        "session_dir": str(session),
        "owner_pid": os.getpid(),
        "scheduler_socket": str(socket_path),
        "object_store_memory": object_store_memory,
        "resources": totals,
        "sys_path": folders.python_path(),
        "node_info": describe_node(session, socket_path),
        "meta": {
            "session_name": session.name,
            "started_at": str(time.time()),
            "driver_pid": str(os.getpid()),
            "entrypoint": Path(sys.argv[0]).name if sys.argv else "",
            "namespace": namespace,
            "python_version": platform.python_version(),
            "minray_version": __version__,
            "num_cpus": str(resources["CPU"]),
        },
    }


def describe_node(session: Path, socket_path: Path) -> dict[str, Any]:
    """What `nodes()` shows of a new node, but for its resources."""
    node_id = os.urandom(NODE_ID_SIZE).hex()
    return {
        "NodeID": node_id,
        "Alive": True,
        "NodeManagerAddress": HOST,
        "NodeManagerHostname": os.uname().nodename,
        "NodeManagerPort": 0,
        "ObjectManagerPort": 0,
        "ObjectStoreSocketName": str(folders.shared_memory_dir(session.name)),
        "RayletSocketName": str(socket_path),
        "MetricsExportPort": -1,
        "MetricsAgentPort": -1,
        "DashboardAgentListenPort": -1,
        "RuntimeEnvAgentPort": 0,
        "DeathReason": 0,
        "DeathReasonMessage": "",
        "NodeName": HOST,
        "Labels": {"ray.io/node-id": node_id},
        "alive": True,
    }


def free_memory() -> int:
    """What remains of the machine's memory beside the object store's share, in bytes."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.7)
