"""`ray._private.state`: what the session has, by the names that it had before the public API."""

from .. import process_state
from ..api import available_resources, cluster_resources, nodes, timeline


def available_resources_per_node() -> dict[str, dict[str, float]]:
    """What is free on each node, by its id."""
    answer: dict[str, dict[str, float]] = process_state.connected_core().query("available_per_node")
    return answer


def total_resources_per_node() -> dict[str, dict[str, float]]:
    """What each node has, by its id."""
    return {node["NodeID"]: node["Resources"] for node in nodes() if node["Alive"]}


__all__ = ["available_resources", "available_resources_per_node", "cluster_resources", "timeline"]
__all__ += ["total_resources_per_node"]
