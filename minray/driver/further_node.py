"""A further node as seen by the process that starts it: its settings, its start, its end.

A further node joins the session of a `HeadNode`, with a supervisor and a zygote of its own.  What it does
there, `far_node` says; how the head's scheduler sees it, `scheduler/nodes`.
"""

import contextlib
import os
import signal
from pathlib import Path

from ..session import folders
from .settings import NodeSettings
from .started_node import StartedNode, node_config


class FurtherNode(StartedNode):
    """The processes of a further node that this process has started.

    Args:
        session: the session that it joins.
        settings: what the node is to have.
    """

    name = "The processes of a node"

    def __init__(self, session: Path, settings: NodeSettings) -> None:
        config = node_config(session, settings, further=True)
        self._node_name: str = config["node_name"]
        self._ready = session / f"ready-{self._node_name}"
        if settings.spill_to is not None:
            folders.spill_into(settings.spill_to, session, self._node_name)
        joins = {"ready": str(self._ready), "head_socket": str(folders.socket_path(session))}
        super().__init__(session, config | joins, f"node-{self._node_name}.log")

    def wait_until_ready(self) -> None:
        """Return when the node is one of the session's.

        Raises:
            RaySystemError: it did not become so; the message has the end of its log.
        """
        self._wait_until(self._ready.exists)

    def kill_scheduler(self) -> None:
        """Kill the node's scheduler process, as a crash would; its zygote, and so its workers, go with it."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.scheduler_pid(), signal.SIGKILL)

    def scheduler_pid(self) -> int:
        """The id of the node's scheduler process, once the node is ready."""
        return int(self._ready.read_text())

    def _kill(self) -> None:
        self.kill_scheduler()
        super()._kill()

    def _clean_up(self) -> None:
        folders.remove_node(self.session, self._node_name)
