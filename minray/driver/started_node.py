"""A node as held by the process that has started it: its supervisor, its log, its end.

::

    this process --pipe--> supervisor --> the node's other processes
                 <--log---     '-- ends them all when the pipe does
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from ..exceptions import RaySystemError
from ..session import folders
from ..wire.config import PACKAGE, START_SECONDS, STOP_SECONDS
from ..wire.ids import NODE_ID_SIZE
from .settings import NodeSettings

logger = logging.getLogger("minray")

HOST = "127.0.0.1"


class StartedNode:
    """The processes of a node that this process has started.

    Args:
        session: the folder of the session that the node belongs to.
        config: what its processes need to know; see `node_config`.
        log: the name of the file that they write to if something is wrong.
    """

    name: ClassVar[str]  # of its processes, for the user

    def __init__(self, session: Path, config: dict[str, Any], log: str) -> None:
        self.session, self.config = session, config
        self.log_text = ""  # the end of what its processes have written; known when it has stopped
        self._log = (session / "logs" / log).open("w+b")
        self.supervisor = _start_supervisor(config, self._log)

    def _wait_until(self, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if self.supervisor.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RaySystemError(f"The node did not start. The end of its log:\n{self.log_text}")
            time.sleep(0.002)

    def stop(self) -> None:
        """End the node, and wait until nothing of it is left."""
        assert self.supervisor.stdin is not None
        with contextlib.suppress(OSError):
            self.supervisor.stdin.close()
        try:
            self.supervisor.wait(STOP_SECONDS * 2)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end in time and are killed.", self.name)
            self._kill()
            self.supervisor.wait()
        if not self._log.closed:
            size = os.fstat(self._log.fileno()).st_size
            self.log_text = os.pread(self._log.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
            self._log.close()
        self._clean_up()

    def _kill(self) -> None:
        self.supervisor.kill()

    def _clean_up(self) -> None:
        """Remove what the node has left; its supervisor has done so, unless it was killed itself."""

    def disown(self) -> None:
        """Forget the node in a process that was forked from the one that started it."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()
        self._log.close()


own_nodes: list[StartedNode] = []  # those that `init` has started in this process, the head first


# The package is only a name at first: what its `__init__` imports is for users and their tasks, so the zygote
# loads it, while GCS and scheduler start beside it.
_WITHOUT_THE_API = (
    "import sys; package = sys.modules['minray'] = type(sys)('minray'); package.__path__ = [{folder!r}]; "
    "from minray.session.supervisor import main; main()"
)


def _start_supervisor(config: dict[str, Any], log: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start `supervisor.main` as a process that no signal of the driver's terminal or kernel reaches."""
    code = _WITHOUT_THE_API.format(folder=str(PACKAGE))
    with folders.listen(Path(config["scheduler_socket"])) as listener:
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


def node_config(session: Path, settings: NodeSettings, further: bool = False) -> dict[str, Any]:
    """What the processes of a node need to know, whichever it is.

    Args:
        session: the session that it belongs to.
        settings: what the node is to have.
        further: whether it joins a session that has a head already.
    """
    node_id = os.urandom(NODE_ID_SIZE).hex()
    node_name = node_id[:8] if further else ""
    socket_path = folders.node_socket(session, node_name) if further else folders.socket_path(session)
    return {
        "session_name": session.name,
        "session_dir": str(session),
        "owner_pid": os.getpid(),
        "node_name": node_name,  # of a further node; the head has none
        "scheduler_socket": str(socket_path),
        "object_store_memory": settings.object_store_memory,
        "resources": {"memory": float(_free_memory()), **settings.resources, f"node:{HOST}": 1.0},
        "sys_path": folders.python_path(),
        # What `nodes()` shows of it, but for its resources.
        "node_info": {
            "NodeID": node_id,
            "Alive": True,
            "NodeManagerAddress": HOST,
            "NodeManagerHostname": os.uname().nodename,
            "NodeManagerPort": 0,
            "ObjectManagerPort": 0,
            "ObjectStoreSocketName": str(folders.store_folders(session.name, node_name)[0]),
            "RayletSocketName": str(socket_path),
            "MetricsExportPort": -1,
            "MetricsAgentPort": -1,
            "DashboardAgentListenPort": -1,
            "RuntimeEnvAgentPort": 0,
            "DeathReason": 0,
            "DeathReasonMessage": "",
            "NodeName": HOST,
            "Labels": {"ray.io/node-id": node_id, **settings.labels},
            "alive": True,
        },
    }


def _free_memory() -> int:
    """What remains of the machine's memory beside the object store's share, in bytes."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.7)
