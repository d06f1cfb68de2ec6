"""`Cluster`: a session that no driver owns, so that several drivers can come and go.

It is what Ray's own tests and examples use to start nodes from a program.  Here the cluster has one node, its
head; drivers (this process, other scripts, other notebooks) join it by its address::

    cluster = Cluster(head_node_args={"num_cpus": 2})
    ray.init(address=cluster.address)

Source: `ray.cluster_utils` of Ray 2.
"""

from typing import Any

from . import driver, init_settings, initialization
from .head_node import HeadNode

# Settings of a node of Ray's that mean nothing on one machine.
_IGNORED = frozenset(
    {
        *("dashboard_agent_listen_port", "dashboard_host", "dashboard_port", "enable_object_reconstruction"),
        *("env_vars", "metrics_export_port", "min_worker_port", "max_worker_port"),
        *("node_ip_address", "node_manager_port", "node_name", "object_manager_port"),
        *("ray_client_server_port", "setup_worker_path", "temp_dir", "_system_config", "_temp_dir"),
    }
)


class ClusterNode:
    """A node of a `Cluster`.

    Args:
        head: its processes.
    """

    def __init__(self, head: HeadNode) -> None:
        self.head = head
        info = head.config["node_info"]
        self.node_id: str = info["NodeID"]
        self.unique_id = self.node_id
        self.node_ip_address: str = info["NodeManagerAddress"]
        self.raylet_socket_name: str = info["RayletSocketName"]
        self.address: str = head.session.name

    def is_head(self) -> bool:
        """Whether the cluster's tables live here."""
        return True


class Cluster:
    """The nodes of one session, started by this process.

    Args:
        initialize_head: start the head node at once.
        connect: also connect this process, as `init(address=cluster.address)` does.
        head_node_args: what `add_node` takes.
        shutdown_at_exit: accepted as in Ray; the session always ends with this process.

    Raises:
        ValueError: `connect` without a node.

    Example:
        >>> cluster = Cluster(initialize_head=True, connect=True, head_node_args={"num_cpus": 2})
        >>> ray.cluster_resources()["CPU"]
        2.0
        >>> ray.shutdown()
        >>> cluster.shutdown()
    """

    def __init__(
        self,
        initialize_head: bool = False,
        connect: bool = False,
        head_node_args: dict[str, Any] | None = None,
        shutdown_at_exit: bool = True,
    ) -> None:
        if connect and not initialize_head:
            raise ValueError("Cannot connect to uninitialized cluster: pass initialize_head=True as well.")
        self.head_node: ClusterNode | None = None
        self.worker_nodes: set[ClusterNode] = set()
        self._include_dashboard = False
        if initialize_head:
            self.add_node(**(head_node_args or {}))
        if connect:
            self.connect()

    @property
    def address(self) -> str | None:
        """What `init(address=...)` takes to join; None as long as there is no node."""
        return None if self.head_node is None else self.head_node.address

    @property
    def gcs_address(self) -> str | None:
        """The same; in Ray, where the global control store listens."""
        return self.address

    def add_node(
        self,
        wait: bool = True,
        *,
        num_cpus: int = 1,
        num_gpus: int = 0,
        resources: dict[str, float] | None = None,
        memory: float | None = None,
        object_store_memory: int | None = None,
        labels: dict[str, str] | None = None,
        include_dashboard: bool = False,
        **ignored: Any,  # noqa: ANN401 - Ray's other settings
    ) -> ClusterNode:
        """Start a node, with one CPU unless told otherwise.

        Args:
            wait: return when the node is ready.
            num_cpus: how many tasks may run at once.
            num_gpus: logical GPUs.
            resources: further logical resources by name.
            memory: bytes that tasks may ask for by the option `memory`.
            object_store_memory: bytes for shared objects.
            labels: the node's labels, for those who choose nodes by them.
            include_dashboard: whether `connect` starts the dashboard.
            **ignored: settings of Ray's without a meaning here.

        Raises:
            NotImplementedError: a second node.
            TypeError: Ray has no such setting.
            RaySystemError: the node did not start.
        """
        if self.head_node is not None:
            raise NotImplementedError(
                "A cluster of minray's has one node. To work with several, run the same program on Ray: "
                "import ray instead of minray, the rest stays the same."
            )
        if unknown := set(ignored) - _IGNORED:
            raise TypeError(f"add_node() has no setting {sorted(unknown)[0]!r}.")
        totals = init_settings.node_resources(num_cpus, num_gpus, resources, memory)
        head = HeadNode(
            totals,
            object_store_memory,
            "",
            ends_with_driver=False,
            labels=init_settings.check_labels(labels),
        )
        if wait:
            head.wait_until_ready()
        self.head_node = ClusterNode(head)
        self._include_dashboard = include_dashboard
        return self.head_node

    def connect(self, namespace: str | None = None) -> None:
        """Connect this process to the cluster."""
        initialization.init(
            address=self.address, namespace=namespace, include_dashboard=self._include_dashboard
        )

    def remove_node(self, node: ClusterNode, allow_graceful: bool = True) -> None:
        """End a node and all that runs there; without its head the cluster is over."""
        if self.head_node is node:
            node.head.stop()
            self.head_node = None

    def wait_for_nodes(self, timeout: float = 30) -> None:
        """Return when all nodes are ready, which they are."""

    def list_all_nodes(self) -> list[ClusterNode]:
        """The nodes, the head first."""
        return [] if self.head_node is None else [self.head_node]

    def remaining_processes_alive(self) -> bool:
        """Whether all nodes are well."""
        return all(node.head.supervisor.poll() is None for node in self.list_all_nodes())

    def shutdown(self) -> None:
        """Leave the cluster, if this process has joined it, and end all its nodes."""
        driver.stop()
        for node in self.list_all_nodes():
            self.remove_node(node)
