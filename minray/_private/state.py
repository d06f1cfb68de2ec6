"""`ray._private.state`: what the session has, by the names that it had before the public API."""

from typing import Any

from ..api import available_resources, cluster_resources, nodes, timeline
from ..core_worker import current
from ..util.state import list_jobs


def available_resources_per_node() -> dict[str, dict[str, float]]:
    """What is free on each node, by its id."""
    return dict(current.connected_core().query("available_per_node"))


def total_resources_per_node() -> dict[str, dict[str, float]]:
    """What each node has, by its id."""
    return {node["NodeID"]: node["Resources"] for node in nodes() if node["Alive"]}


def jobs() -> list[dict[str, Any]]:
    """What drivers have done in this session, one entry each."""
    return [
        {
            "JobID": job.job_id,
            "DriverPid": int((job.driver_info or {})["pid"]),
            "DriverIPAddress": (job.driver_info or {})["node_ip_address"],
            "StartTime": job.start_time,
            "EndTime": job.end_time or 0,
            "IsDead": job.status != "RUNNING",
            "Entrypoint": job.entrypoint,
        }
        for job in list_jobs(detail=True)
    ]


__all__ = ["available_resources", "available_resources_per_node", "cluster_resources", "timeline"]
__all__ += ["jobs", "total_resources_per_node"]
