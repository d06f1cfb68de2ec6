"""The names that users find in `minray` beside `init` and what belongs to it.

All this takes longer to load than the driver needs to have its node started.  So `import minray` leaves it
out, and it is loaded when the first of these names is used, or by `init` while the node's processes start.
"""

from . import cloudpickle, exceptions, internal, job_config, runtime_env
from .actor import method
from .api import (
    available_resources,
    cancel,
    cluster_resources,
    get,
    get_dashboard_url,
    get_webui_url,
    nodes,
    put,
    timeline,
    wait,
)
from .core_worker.generator import DynamicObjectRefGenerator, ObjectRefGenerator
from .frontend.named_actors import get_actor, kill
from .remote_function import remote
from .runtime_context import get_gpu_ids, get_runtime_context
from .values.ref import ObjectRef
from .wire.ids import (
    ActorClassID,
    ActorID,
    ClusterID,
    FunctionID,
    JobID,
    NodeID,
    PlacementGroupID,
    TaskID,
    UniqueID,
    WorkerID,
)

ObjectID = ObjectRef  # its name before Ray 1.0
SCRIPT_MODE, WORKER_MODE = 0, 1

__all__ = ["SCRIPT_MODE", "WORKER_MODE"]
__all__ += ["cloudpickle", "exceptions", "internal", "job_config", "runtime_env"]
__all__ += ["cancel", "get", "get_actor", "kill", "method", "put", "remote", "wait"]
__all__ += ["available_resources", "cluster_resources", "get_dashboard_url", "get_gpu_ids"]
__all__ += ["get_runtime_context", "get_webui_url", "nodes", "timeline"]
__all__ += ["DynamicObjectRefGenerator", "ObjectID", "ObjectRef", "ObjectRefGenerator"]
__all__ += ["ActorClassID", "ActorID", "ClusterID", "FunctionID", "JobID", "NodeID", "PlacementGroupID"]
__all__ += ["TaskID", "UniqueID", "WorkerID"]
