"""The head node as seen by the process that starts it: its settings, its start, its end.

A session belongs to whoever starts its head node, which is a driver (`init()`) or a program that runs a
`cluster_utils.Cluster`.  Other drivers join it by its address, and leave it as they came::

    init()  ---starts---> head node <---joins--- init(address="auto")
      '------ owner ---------'
"""

import os
import platform
import sys
import time
from pathlib import Path

from ..session import folders
from ..version import __version__
from .settings import NodeSettings
from .started_node import StartedNode, node_config


class HeadNode(StartedNode):
    """The processes of a session that this process has started; to stop them leaves its recording.

    Args:
        settings: what the node is to have.
        namespace: where the names of actors live.
        reconstruct: whether lost objects are made again.
        ends_with_driver: whether the session ends as soon as a driver of this process leaves it.

    Raises:
        OSError: the session's folder cannot be made.
    """

    name = "The session's processes"

    def __init__(
        self, settings: NodeSettings, namespace: str, *, ends_with_driver: bool, reconstruct: bool = True
    ) -> None:
        session = _new_session()
        try:
            if settings.spill_to is not None:
                folders.spill_into(settings.spill_to, session)
        except OSError:
            folders.reduce_to_recording(session)
            raise
        folders.socket_path(session).parent.mkdir(mode=0o700, exist_ok=True)
        config = node_config(session, settings) | {
            "ends_with_driver": ends_with_driver,
            "reconstruct": reconstruct,
            "meta": _meta(session, namespace, settings.resources["CPU"]),
        }
        config["resources"]["node:__internal_head__"] = 1.0
        if not ends_with_driver:
            folders.mark_as_cluster(session)
        super().__init__(session, config, "node.log")
        folders.sweep()  # now that there is nothing to do but to wait

    def wait_until_ready(self) -> None:
        """Return when all parts of the node run.

        Raises:
            RaySystemError: they do not; the message has the end of their log.
        """
        made = (self.session / "session.db", folders.shared_memory_dir(self.session.name))
        self._wait_until(lambda: all(path.exists() for path in made))

    def _clean_up(self) -> None:
        folders.remove_shared_memory(self.session.name)
        folders.reduce_to_recording(self.session)


def _new_session() -> Path:
    try:
        return folders.new_session(os.getpid())
    except OSError:  # if the disk is full, what others have left may be in the way
        folders.sweep()
        return folders.new_session(os.getpid())


def _meta(session: Path, namespace: str, num_cpus: float) -> dict[str, str]:
    """What the recording says of the session."""
    return {
        "session_name": session.name,
        "started_at": str(time.time()),
        "driver_pid": str(os.getpid()),
        "entrypoint": Path(sys.argv[0]).name if sys.argv else "",
        "namespace": namespace,
        "python_version": platform.python_version(),
        "minray_version": __version__,
        "num_cpus": str(num_cpus),
    }
