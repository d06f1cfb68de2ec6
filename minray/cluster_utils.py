"""`Cluster`: several nodes on one machine, in a session that no driver owns.

It is what Ray's own tests and examples use to start nodes from a program, and what `init(num_nodes=...)`
uses.  Each node is made of processes of its own, with workers and an object store of its own; drivers (this
process, other scripts, other notebooks) join the cluster by its address and are attached to its head::

    cluster = Cluster(head_node_args={"num_cpus": 2})
    cluster.add_node(num_cpus=2)
    ray.init(address=cluster.address)

    head: supervisor            node 1: supervisor             node 2: supervisor
      +- GCS ------ session.db    +- far_node --------+          +- far_node --------+
      +- scheduler <--------------+---- Unix sockets -+----------+                   |
      +- zygote -> workers        +- zygote -> workers           +- zygote -> workers
      /dev/shm/...                /dev/shm/.../<node 1>  <-pull- /dev/shm/.../<node 2>

Who decides what: see `scheduler/nodes`.  It teaches distribution on one machine; it listens on Unix sockets
only and is no engine for real clusters, which Ray is.

Source: `ray.cluster_utils` of Ray 2.
"""

from typing import Any

from .driver import connecting, initialization, settings
from .driver.further_node import FurtherNode
from .driver.head_node import HeadNode

# Settings of a node of Ray's that mean nothing on one machine.
_IGNORED = frozenset(
    {
        *("dashboard_agent_listen_port", "dashboard_host", "dashboard_port"),
        *("env_vars", "metrics_export_port", "min_worker_port", "max_worker_port"),
        *("node_ip_address", "node_manager_port", "node_name", "object_manager_port"),
        *("ray_client_server_port", "setup_worker_path", "temp_dir", "_system_config", "_temp_dir"),
    }
)


class ClusterNode:
    """A node of a `Cluster`.

    Args:
        processes: its processes.
    """

    def __init__(self, processes: HeadNode | FurtherNode) -> None:
        self.processes = processes
        info = processes.config["node_info"]
        self.node_id: str = info["NodeID"]
        self.unique_id = self.node_id
        self.node_ip_address: str = info["NodeManagerAddress"]
        self.raylet_socket_name: str = info["RayletSocketName"]
        self.address: str = processes.session.name

    def is_head(self) -> bool:
        """Whether the cluster's tables live here."""
        return isinstance(self.processes, HeadNode)

    def any_processes_alive(self) -> bool:
        """Whether anything of the node still runs."""
        return self.processes.supervisor.poll() is None

    def remaining_processes_alive(self) -> bool:
        """Whether all is well with the node."""
        return self.any_processes_alive()

    def kill_raylet(self) -> None:
        """Kill the scheduler process of a node, as a crash would; the rest of the node goes with it."""
        if isinstance(self.processes, FurtherNode):
            self.processes.kill_scheduler()
        else:
            self.processes.stop()


class Cluster:
    """The nodes of one session, started by this process; the first is the head.

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
        object_spilling_directory: str | None = None,
        labels: dict[str, str] | None = None,
        include_dashboard: bool = False,
        enable_object_reconstruction: bool = True,
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
            object_spilling_directory: where objects go when that is full.
            labels: the node's labels, for those who choose nodes by them.
            include_dashboard: whether `connect` starts the dashboard.
            enable_object_reconstruction: of the head: whether lost objects are made again.
            **ignored: settings of Ray's without a meaning here.

        Raises:
            TypeError: Ray has no such setting.
            RaySystemError: the node did not start.
        """
        if unknown := set(ignored) - _IGNORED:
            raise TypeError(f"add_node() has no setting {sorted(unknown)[0]!r}.")
        totals = settings.node_resources(num_cpus, num_gpus, resources, memory)
        checked = settings.check_labels(labels)
        wanted = settings.NodeSettings(totals, object_store_memory, checked, object_spilling_directory)
        if self.head_node is None:
            head = HeadNode(wanted, "", ends_with_driver=False, reconstruct=enable_object_reconstruction)
            node = self.head_node = ClusterNode(head)
            self._include_dashboard = include_dashboard
        else:
            node = ClusterNode(FurtherNode(self.head_node.processes.session, wanted))
            self.worker_nodes.add(node)
        if wait or node.is_head():
            node.processes.wait_until_ready()
        return node

    def connect(self, namespace: str | None = None) -> None:
        """Connect this process to the cluster."""
        initialization.init(
            address=self.address, namespace=namespace, include_dashboard=self._include_dashboard
        )

    def remove_node(self, node: ClusterNode, allow_graceful: bool = True) -> None:
        """End a node and all that runs there; without its head the cluster is over.

        Args:
            node: which.
            allow_graceful: let its processes end by themselves; else they are killed.
        """
        if node is self.head_node:
            self.head_node = None
            node.processes.stop()
        elif node in self.worker_nodes:
            self.worker_nodes.remove(node)
            assert isinstance(node.processes, FurtherNode), "there is one head"
            if not allow_graceful:
                node.processes.kill_scheduler()
            node.processes.stop()

    def wait_for_nodes(self, timeout: float = 30) -> None:
        """Return when all nodes that were added belong to the cluster.

        Raises:
            RaySystemError: one of them did not start.
        """
        for node in self.list_all_nodes():
            node.processes.wait_until_ready()

    def list_all_nodes(self) -> list[ClusterNode]:
        """The nodes, the head first."""
        return ([] if self.head_node is None else [self.head_node]) + list(self.worker_nodes)

    def remaining_processes_alive(self) -> bool:
        """Whether all nodes are well."""
        return all(node.remaining_processes_alive() for node in self.list_all_nodes())

    def shutdown(self) -> None:
        """Leave the cluster, if this process has joined it, and end all its nodes."""
        connecting.stop()
        for node in reversed(self.list_all_nodes()):
            self.remove_node(node)
