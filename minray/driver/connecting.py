"""A driver's part in a session: to start one or to join one, to show its news, to leave it."""

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..core_worker import current
from ..core_worker.core_worker import CoreWorker
from ..exceptions import RaySystemError
from ..session import folders, here
from ..wire.config import LEAST_FREE_BYTES, START_SECONDS
from ..wire.messages import Notice, PrintToDriver, Unhandled
from .head_node import HeadNode
from .settings import NodeSettings
from .started_node import HOST, own_nodes

logger = logging.getLogger("minray")


def start(head: HeadNode, namespace: str, log_to_driver: bool, detached: bool = False) -> None:
    """Connect to the session that this driver has started just now; say so in `here`."""
    own_nodes.append(head)
    if not _connect(head.session, namespace, log_to_driver, detached):
        stop()
        raise RaySystemError(_why_not_started(head))


def start_further_nodes(head: HeadNode, count: int, settings: NodeSettings) -> None:
    """Start nodes beside the head, and return when they belong to the session."""
    if not count:
        return
    from .further_node import FurtherNode  # sessions of one node start quicker without it

    started = []
    for _ in range(count):
        started.append(FurtherNode(head.session, settings))
        own_nodes.append(started[-1])
    try:
        for further in started:
            further.wait_until_ready()
    except RaySystemError:
        stop()
        raise


def join(session: Path, namespace: str, log_to_driver: bool, detached: bool = False) -> None:
    """Connect to a session that another process has started; say so in `here`.

    Raises:
        ConnectionError: it has just ended.
    """
    if not _connect(session, namespace, log_to_driver, detached):
        stop()
        raise ConnectionError(f"The session {session.name} does not answer; it may just have ended.")


def _connect(session: Path, namespace: str, log_to_driver: bool, detached: bool) -> bool:
    """Say hello to the local scheduler, and wait until the session is ready for use; False if it is not."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(folders.socket_path(session)))
    except OSError:
        sock.close()
        return False
    objects = folders.store_folders(session.name)
    shown = show if log_to_driver else show_notices_only
    core = CoreWorker(sock, "DRIVER", os.getpid(), 0, objects, shown, _why_lost, namespace, detached)
    current.use(core)
    here.enter(session, namespace, as_driver=True)
    try:
        if not core.connected(START_SECONDS):
            return False
        core.flush_events()  # from here on, session.db can be read
    except RaySystemError:
        return False
    here.describe(**_session_info(session, objects[0], core.node_id))
    core.connection.start_background_reader()
    return True


def _why_not_started(head: HeadNode) -> str:
    """What to tell the user when the node's processes did not come up."""
    home = folders.root()
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES:
        return (
            f"The node's processes could not be started, because the disk is full: {home} has {free:,} bytes "
            "left. Make room, or set TMPDIR or MINRAY_HOME to a folder on another disk, and init() again."
        )
    return f"The node's processes could not be started. The end of their log:\n{head.log_text}"


def _why_lost() -> str:
    """What the supervisor found out about the end of the session, as a sentence."""
    session = here.session_dir
    if session is None:
        return ""
    for head in own_nodes[:1]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            head.supervisor.wait(1.0)
    from ..gcs.store import read_meta  # SQLite takes long to load

    reason = read_meta(session / "session.db").get("ended_because", "")
    return f" The cause: the process {reason}." if reason else ""


def _session_info(session: Path, objects: Path, node_id: bytes) -> dict[str, Any]:
    return {
        "node_ip_address": HOST,
        "raylet_ip_address": HOST,
        "redis_address": None,
        "object_store_address": str(objects),
        "raylet_socket_name": str(folders.socket_path(session)),
        "webui_url": None,
        "session_dir": str(session),
        "gcs_address": session.name,
        "address": session.name,
        "node_id": node_id.hex(),
    }


def start_dashboard(include: bool | None) -> str | None:
    """Start the dashboard or find the one that runs; return its link."""
    if include is False or here.session_dir is None:
        return None
    from ..session import dashboard_link  # sessions without a dashboard start quicker without it

    url = dashboard_link.ensure_running(here.session_dir)
    if url is None and include:
        logger.warning("There is no dashboard, because Bokeh is not installed: pip install 'minray[lab]'.")
    return url


def stop() -> None:
    """Leave the session; if this driver started it, end it, and wait until nothing of it is left."""
    if not here.is_driver:
        return
    core = current.core
    current.use(None)
    here.leave()
    if core is not None:
        core.close()
    while own_nodes:
        own_nodes.pop().stop()


def show(message: PrintToDriver | Notice | Unhandled) -> None:
    """Show what a task printed, each line with its origin; or what the runtime has to say."""
    if not isinstance(message, PrintToDriver):
        show_notices_only(message)
        return
    stream = sys.stderr if message.stream == "stderr" else sys.stdout
    prefix = f"({message.name} pid={message.pid}) "
    stream.write("".join(f"{prefix}{line}\n" for line in message.text.split("\n")))
    stream.flush()


def show_notices_only(message: PrintToDriver | Notice | Unhandled) -> None:
    if isinstance(message, Notice):
        logger.warning(message.text)
    elif isinstance(message, Unhandled) and "RAY_IGNORE_UNHANDLED_ERRORS" not in os.environ:
        logger.error(
            "Unhandled error (suppress with 'RAY_IGNORE_UNHANDLED_ERRORS=1'): %s failed, and nobody has "
            "asked for its result.\n%s",
            message.name,
            message.traceback.rstrip(),
        )
