"""`init` and `shutdown`: how a driver's session begins and ends.

init(...) -> settings: checks -> a HeadNode and connecting.start, or connecting.join -> SessionInfo

What only a connected driver needs, `connecting` above all, is loaded when the node has been started: it takes
about as long as the node does.
"""

import atexit
import contextlib
import logging
import os
import platform
import sys
import uuid
from pathlib import Path
from typing import Any

from ..core_worker import current
from ..job_config import JobConfig
from ..session import folders, here
from ..version import __version__
from . import settings
from .head_node import HeadNode
from .started_node import own_nodes

logger = logging.getLogger("minray")


class SessionInfo(dict[str, Any]):
    """What `init` returns: a mapping with Ray's keys; as a context manager it shuts the session down."""

    @property
    def address_info(self) -> dict[str, Any]:
        """The mapping itself, under Ray's name for it."""
        return self

    @property
    def dashboard_url(self) -> str | None:
        """The link to the dashboard, or None if there is none."""
        url: str | None = self.get("webui_url")
        return url

    @property
    def python_version(self) -> str:
        """The version of the Python that runs."""
        return platform.python_version()

    @property
    def ray_version(self) -> str:
        """The version of minray."""
        return __version__

    def disconnect(self) -> None:
        """Leave the session, and end it if it began here."""
        shutdown()

    def __enter__(self) -> "SessionInfo":
        return self

    def __exit__(self, *exc_info: object) -> None:
        shutdown()


def init(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
    resources: dict[str, float] | None = None,
    labels: dict[str, str] | None = None,
    object_store_memory: int | None = None,
    object_spilling_directory: str | None = None,
    ignore_reinit_error: bool = False,
    include_dashboard: bool | None = None,
    job_config: JobConfig | None = None,
    logging_level: int | str = logging.INFO,
    logging_format: str | None = None,
    namespace: str | None = None,
    log_to_driver: bool | None = None,
    runtime_env: dict[str, Any] | None = None,
    num_nodes: int = 1,
    _memory: float | None = None,
    **others: Any,  # noqa: ANN401 - Ray's other keywords
) -> SessionInfo:
    """Start a session: the node's processes, the object store, and the dashboard.

    Needed only to choose something; the first `.remote(...)` starts a session by itself.

    Args:
        address: "local" starts a session, and so does None unless a `Cluster` runs; "auto"
            joins the newest session, and the `address` of what another `init` returned joins that one.
            minray runs on this machine only.
        num_cpus: how many tasks may run at once; by default, the number of the machine's CPUs.
        num_gpus: logical GPUs, for tasks that ask for them.
        resources: further logical resources by name.
        labels: of the node, for tasks that ask for some.
        object_store_memory: bytes for shared objects; by default, three tenths of the memory.
        object_spilling_directory: where objects go when that is full; by default, into the session's folder.
        ignore_reinit_error: do nothing if a session runs already, instead of raising.
        include_dashboard: start the dashboard or use the one that runs; by default, if Bokeh is installed.
        job_config: some of these settings in one object.
        logging_level: of the logger "minray".
        logging_format: of its lines.
        namespace: a name that `get_runtime_context` gives back.
        log_to_driver: show what tasks print; by default, unless RAY_LOG_TO_DRIVER=0.
        runtime_env: the environment of all tasks; see `RuntimeEnv`.
        num_nodes: minray's own: how many nodes of this kind the session is to have. Each is made of processes
            of its own, with its own workers and object store, as if it were a machine; see `cluster_utils`.
        _memory: bytes of the resource "memory", for tasks that ask for some.
        **others: further keywords of Ray's, old and new, are accepted with a notice.

    Returns:
        A mapping: node_ip_address, webui_url, session_dir, object_store_address, raylet_socket_name, ...

    Raises:
        RuntimeError: a session runs already; there is no such keyword.
        TypeError, ValueError, AssertionError: an argument makes no sense.
        LeftOutError: an argument asks for something that minray has not, such as `local_mode=True`.
        ConnectionError: there is no session to join.
        OSError: the temporary folder cannot be written.
        RaySystemError: the processes could not be started.

    Example:
        >>> ray.init(num_cpus=4)["session_dir"]
        '/tmp/minray-1000/session_2026-11-22_10-30-00_123456_4711'
    """
    settings.set_up_logging(logging_level, logging_format)
    # To load `inspect` for the names of the keywords would take long.
    settings.check_keywords(others, ["address", *(init.__kwdefaults__ or ())])
    if current.core is not None:
        return _session_that_runs(ignore_reinit_error)
    job = job_config or JobConfig()
    namespace = job.ray_namespace if namespace is None else namespace
    current.check_namespace(namespace)
    namespace = namespace or str(uuid.uuid4())
    totals = settings.node_resources(num_cpus, num_gpus, resources, _memory)
    checked = settings.check_labels(labels)
    each_node = settings.NodeSettings(totals, object_store_memory, checked, object_spilling_directory)
    settings.check_num_nodes(num_nodes)
    environment = _environment(runtime_env or job.runtime_env)
    detached = job.default_actor_lifetime == "detached"
    show_output = os.environ.get("RAY_LOG_TO_DRIVER", "1") != "0" if log_to_driver is None else log_to_driver
    session = _session_to_join(address)
    here.set_environment(environment)
    if session is not None:
        _refuse_settings(num_cpus=num_cpus, num_gpus=num_gpus, resources=resources, labels=labels)
        _refuse_settings(num_nodes=num_nodes if num_nodes > 1 else None)
        from . import connecting

        connecting.join(session, namespace, show_output, detached)
        return _connected(include_dashboard, "Connected to the session that runs.")
    _start(num_nodes, each_node, namespace, show_output, detached)
    return _connected(include_dashboard, "Started a local session.")


def _start(
    num_nodes: int, each_node: settings.NodeSettings, namespace: str, show_output: bool, detached: bool
) -> None:
    """Start a session with so many nodes, and connect to it."""
    head = HeadNode(each_node, namespace, ends_with_driver=True)
    from .. import public  # noqa: F401 - all else, loaded while the node starts
    from . import connecting

    connecting.start(head, namespace, show_output, detached)
    connecting.start_further_nodes(head, num_nodes - 1, each_node)


def _session_that_runs(ignore_reinit_error: bool) -> SessionInfo:
    if not ignore_reinit_error:
        raise RuntimeError(
            "Maybe you called init twice by accident? A session runs already. Pass "
            "ignore_reinit_error=True to go on with it, or call shutdown() first to start anew."
        )
    logger.info("A session runs already; init() changes nothing.")
    return SessionInfo(here.info)


def _environment(runtime_env: dict[str, Any] | None) -> str:
    """The environment of all tasks, as it travels."""
    if not runtime_env:
        return ""
    from ..runtime_env import to_text  # most sessions start quicker without it

    return to_text(runtime_env)


def _session_to_join(address: str | None) -> Path | None:
    """The session that `init` should join; None if it should start one.

    As in Ray, the variable RAY_ADDRESS stands for the address (one that is not ours is passed over), and
    without either the `Cluster` that runs is joined, if there is one.
    """
    if address == "local":
        return None
    if address:
        return folders.find(address)
    from_environment = os.environ.get("RAY_ADDRESS", "local")
    if from_environment != "local":
        try:
            return folders.find(from_environment)
        except (ConnectionError, ValueError):
            logger.info("RAY_ADDRESS=%s names no session of minray's; a new one starts.", from_environment)
        return None
    return None if "RAY_ADDRESS" in os.environ else folders.newest_cluster()


def _refuse_settings(**wanted: Any) -> None:  # noqa: ANN401
    """A session that runs has its settings already."""
    given = ", ".join(name for name, value in wanted.items() if value is not None)
    if given:
        raise ValueError(
            f"When connecting to an existing cluster, {given} must not be provided: whoever started the "
            "session has set that. For a session of your own, pass address='local'."
        )


def _connected(include_dashboard: bool | None, news: str) -> SessionInfo:
    from . import connecting

    where = connecting.start_dashboard(include_dashboard)
    here.describe(**{**here.info, "webui_url": where})
    logger.info("%s%s", news, f" View the dashboard at {where}" if where else "")
    return SessionInfo(here.info)


current.start_with(init)


def shutdown() -> None:
    """End the session: its processes, objects and references. Harmless if there is none."""
    if here.is_driver:
        from . import connecting

        connecting.stop()


atexit.register(shutdown)


def is_initialized() -> bool:
    """Whether a session runs (in a worker: always)."""
    return current.core is not None


def _forget_session_after_fork() -> None:
    """A process that the user's code forks from a driver must not speak on the driver's connection."""
    for started in own_nodes:
        with contextlib.suppress(OSError):
            started.disown()
    own_nodes.clear()
    current.use(None)
    here.leave()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_session_after_fork)
