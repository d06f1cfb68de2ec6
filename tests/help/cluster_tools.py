"""What the tests of several nodes share: clusters, and tasks that say where they ran."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

import minray as ray
from minray.cluster_utils import Cluster, ClusterNode
from minray.driver.further_node import FurtherNode
from minray.session.folders import store_folders


@contextmanager
def cluster_of(*nodes: dict[str, object], head_cpus: int = 1) -> Iterator[tuple[Cluster, list[ClusterNode]]]:
    """A cluster that this process has joined: a head, and nodes with these settings."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": head_cpus})
    try:
        added = [cluster.add_node(**settings) for settings in nodes]  # type: ignore[arg-type]
        ray.init(address=cluster.address, include_dashboard=False)
        yield cluster, added
    finally:
        ray.shutdown()
        cluster.shutdown()


def here() -> str:
    """The id of the node that the calling code runs on."""
    return ray.get_runtime_context().get_node_id()


@ray.remote
def where() -> str:
    """A task that says where it runs."""
    return here()


def memory_of(node: ClusterNode) -> Path:
    """The folder of a node's object store."""
    processes = node.processes
    return store_folders(processes.session.name, processes.config["node_name"])[0]


def processes_of(node: ClusterNode) -> list[psutil.Process]:
    """The processes of a further node: supervisor, scheduler process, zygote, workers."""
    assert isinstance(node.processes, FurtherNode), "of a further node"
    supervisor = psutil.Process(node.processes.supervisor.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def scheduler_of(node: ClusterNode) -> int:
    """The process id of a further node's scheduler process."""
    assert isinstance(node.processes, FurtherNode), "of a further node"
    return node.processes.scheduler_pid()


def alive(node_id: str) -> bool:
    """Whether the session takes a node for alive."""
    return any(node["NodeID"] == node_id and node["Alive"] for node in ray.nodes())


def kill_all(node: ClusterNode) -> None:
    """Kill all processes of a node with SIGKILL, as if the power failed: nobody tells of the others' end."""
    everything = processes_of(node)
    first = scheduler_of(node)
    for process in sorted(everything, key=lambda process: process.pid != first):
        with suppress(psutil.NoSuchProcess):  # it has ended because another one has
            process.kill()
