"""A driver's part in starting and ending a session."""

import contextlib
import difflib
import json
import logging
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from . import process_state, sessions
from .config import LEAST_FREE_BYTES, START_SECONDS, STOP_SECONDS
from .core_worker import CoreWorker
from .event_store import read_meta
from .exceptions import RaySystemError
from .ids import NODE_ID_SIZE
from .messages import Notice, PrintToDriver
from .version import __version__

logger = logging.getLogger("minray")

# Keywords of `init` in Ray 0.8 to 2.x that mean nothing on one machine.
_IGNORED_KEYWORDS = frozenset(
    {
        *("configure_logging", "dashboard_host", "dashboard_port", "driver_mode"),
        *("driver_object_store_memory", "enable_object_reconstruction", "head", "include_java"),
        *("include_webui", "job_config", "job_id", "labels", "local_mode", "log_to_stderr"),
        *("logging_config", "logging_format", "load_code_from_local", "lru_evict", "memory"),
        *("node_ip_address", "num_initial_workers", "num_redis_shards", "object_ref_seed"),
        *("object_id_seed", "plasma_directory", "plasma_store_socket_name", "raylet_socket_name"),
        *("redirect_output", "redirect_worker_output", "redis_address", "redis_max_memory"),
        *("redis_password", "redis_port", "huge_pages", "runtime_env", "storage", "temp_dir"),
        *("use_pickle", "use_raylet", "webui_host", "webui_url", "worker_path"),
        *("_driver_object_store_memory", "_enable_object_reconstruction", "_internal_config"),
        *("_lru_evict", "_memory", "_metrics_export_port", "_node_ip_address", "_node_name"),
        *("_plasma_directory", "_redis_max_memory", "_redis_password", "_redis_username", "_storage"),
        *("_system_config", "_temp_dir", "_tracing_startup_hook"),
    }
)


def check_keywords(address: str | None, keywords: dict[str, Any], known: list[str]) -> None:
    """Say in one line which of Ray's keywords have no effect; refuse what Ray does not know either.

    Raises:
        ValueError: an address of a cluster.
        TypeError: a keyword that no version of Ray has.
    """
    if address not in (None, "local", "auto"):
        raise ValueError(
            f"minray runs on this machine only and cannot join the cluster at {address!r}. Leave address "
            "out, or use Ray itself: import ray instead of minray, the rest stays the same."
        )
    unknown = sorted(set(keywords) - _IGNORED_KEYWORDS)
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], [*known, *_IGNORED_KEYWORDS], n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise TypeError(f"init() has no keyword {unknown[0]!r}; neither has Ray's.{hint}")
    given = sorted(key for key, value in keywords.items() if value is not None)
    if given:
        logger.info("init() keywords without effect in minray: %s.", ", ".join(given))


def start(
    resources: dict[str, float], object_store_memory: int | None, namespace: str, log_to_driver: bool
) -> None:
    """Start the node's processes and connect to them; fill in `process_state`."""
    sessions.sweep()
    session = sessions.new_session(os.getpid())
    socket_path = sessions.socket_path(session)
    socket_path.parent.mkdir(mode=0o700, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(socket_path))
    listener.listen(1024)
    config = _node_config(session, socket_path, resources, object_store_memory, namespace)
    with (session / "logs" / "node.log").open("w+b") as log:
        supervisor = _start_supervisor(config, listener, log)
        listener.close()
        _connect(session, config, supervisor, log, log_to_driver)


def _connect(
    session: Path,
    config: dict[str, Any],
    supervisor: subprocess.Popen[bytes],
    log: BinaryIO,
    log_to_driver: bool,
) -> None:
    """Say hello to the local scheduler, and wait until the session is ready for use."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(config["scheduler_socket"])
    objects = sessions.shared_memory_dir(session.name)
    show = _show if log_to_driver else _show_notices_only
    core = CoreWorker(sock, "DRIVER", os.getpid(), 0, objects, show, _why_lost)
    process_state.core, process_state.supervisor = core, supervisor
    process_state.session_dir, process_state.namespace = session, config["meta"]["namespace"]
    process_state.info = _session_info(config, session, objects)
    try:
        in_time = core.connected(START_SECONDS)
        if in_time:
            core.flush_events()  # from here on, session.db can be read
    except RaySystemError:
        in_time = False
    if not in_time:
        stop()
        raise RaySystemError(_why_not_started(log))
    core.start_background_reader()


def _why_not_started(log: BinaryIO) -> str:
    """What to tell the user when the node's processes did not come up."""
    home = sessions.root()
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES:
        return (
            f"The node's processes could not be started, because the disk is full: {home} has {free:,} bytes "
            "left. Make room, or set TMPDIR or MINRAY_HOME to a folder on another disk, and init() again."
        )
    size = os.fstat(log.fileno()).st_size  # the file itself has been removed with the session
    text = os.pread(log.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
    return f"The node's processes could not be started. The end of their log:\n{text}"


def _why_lost() -> str:
    """What the supervisor found out about the end of the session, as a sentence."""
    supervisor, session = process_state.supervisor, process_state.session_dir
    if supervisor is None or session is None:
        return ""
    with contextlib.suppress(subprocess.TimeoutExpired):
        supervisor.wait(1.0)
    reason = read_meta(session / "session.db").get("ended_because", "")
    return f" The cause: the process {reason}." if reason else ""


def _start_supervisor(
    config: dict[str, Any], listener: socket.socket, log: BinaryIO
) -> subprocess.Popen[bytes]:
    """Start `node.main` as a process that no signal of the driver's terminal or kernel reaches."""
    package_parent = str(Path(__file__).resolve().parent.parent)
    code = f"import sys; sys.path.append({package_parent!r}); from minray.node import main; main()"
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
    supervisor.stdin.flush()  # and stays open: its end tells the supervisor that the driver is gone
    return supervisor


def _node_config(
    session: Path,
    socket_path: Path,
    resources: dict[str, float],
    object_store_memory: int | None,
    namespace: str,
) -> dict[str, Any]:
    """Everything that the node's processes need to know."""
    host = "127.0.0.1"
    totals = {
        **resources,
        "memory": float(_free_memory()),
        f"node:{host}": 1.0,
        "node:__internal_head__": 1.0,
    }
    return {
        "session_name": session.name,
        "session_dir": str(session),
        "driver_pid": os.getpid(),
        "scheduler_socket": str(socket_path),
        "object_store_memory": object_store_memory,
        "resources": totals,
        "sys_path": [path or os.getcwd() for path in sys.path],
        "node_info": {
            "NodeID": os.urandom(NODE_ID_SIZE).hex(),
            "Alive": True,
            "NodeManagerAddress": host,
            "NodeManagerHostname": platform.node(),
            "NodeManagerPort": 0,
            "ObjectManagerPort": 0,
            "ObjectStoreSocketName": str(sessions.shared_memory_dir(session.name)),
            "RayletSocketName": str(socket_path),
            "NodeName": host,
            "Labels": {},
            "alive": True,
        },
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


def _free_memory() -> int:
    """What remains of the machine's memory beside the object store's share, in bytes."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.7)


def _session_info(config: dict[str, Any], session: Path, objects: Path) -> dict[str, Any]:
    return {
        "node_ip_address": "127.0.0.1",
        "raylet_ip_address": "127.0.0.1",
        "redis_address": None,
        "object_store_address": str(objects),
        "raylet_socket_name": config["scheduler_socket"],
        "webui_url": None,
        "session_dir": str(session),
        "gcs_address": None,
        "address": "local",
        "node_id": config["node_info"]["NodeID"],
    }


def start_dashboard(include: bool | None) -> str | None:
    """Start the dashboard or find the one that runs; return its link."""
    if include is False or process_state.session_dir is None:
        return None
    from . import dashboard_link  # sessions without a dashboard start quicker without it

    url = dashboard_link.ensure_running(process_state.session_dir)
    if url is None and include:
        logger.warning("There is no dashboard, because Bokeh is not installed: pip install 'minray[lab]'.")
    return url


def stop() -> None:
    """End the session that this driver started, if any, and wait until nothing of it is left."""
    if process_state.supervisor is None:
        return
    core, supervisor = process_state.core, process_state.supervisor
    process_state.core = process_state.supervisor = None
    if core is not None:
        core.close()
    supervisor.stdin.close()
    try:
        supervisor.wait(STOP_SECONDS * 2)
    except subprocess.TimeoutExpired:
        logger.warning("The session's processes did not end in time and are killed.")
        supervisor.kill()
        supervisor.wait()
    if process_state.session_dir is not None:  # the supervisor has done this, unless it was killed itself
        sessions.remove_shared_memory(process_state.session_dir.name)
        sessions.reduce_to_recording(process_state.session_dir)


def _show(message: PrintToDriver | Notice) -> None:
    """Show what a task printed, each line with its origin."""
    if isinstance(message, Notice):
        logger.warning(message.text)
        return
    stream = sys.stderr if message.stream == "stderr" else sys.stdout
    prefix = f"({message.name} pid={message.pid}) "
    stream.write("".join(f"{prefix}{line}\n" for line in message.text.split("\n")))
    stream.flush()


def _show_notices_only(message: PrintToDriver | Notice) -> None:
    if isinstance(message, Notice):
        _show(message)
