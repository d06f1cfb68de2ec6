"""`ray._private.worker`: programs, Ray's own tests among them, ask its `global_worker` where they run."""

from typing import Any

from .. import cloudpickle as pickle
from ..core_worker import current
from ..runtime_context import get_runtime_context
from ..session import here
from ..wire.ids import JobID, NodeID

__all__ = ["global_worker", "pickle"]


class _Node:
    """The node that this process is on."""

    @property
    def unique_id(self) -> str:
        """The node's id, in hexadecimal."""
        return get_runtime_context().get_node_id()

    @property
    def address_info(self) -> dict[str, Any]:
        """What `init` returned; in a worker, nothing."""
        return here.info


class _Worker:
    """This process's part in the session."""

    node = _Node()

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return current.core is not None

    @property
    def current_node_id(self) -> NodeID:
        """The node that this process is on."""
        return NodeID.from_hex(get_runtime_context().get_node_id())

    @property
    def current_job_id(self) -> JobID:
        """The job that this process works for."""
        return current.job_id()

    @property
    def namespace(self) -> str:
        """Where the names of this program's actors live."""
        return get_runtime_context().namespace


global_worker = _Worker()
