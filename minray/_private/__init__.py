"""The little of Ray's inside that programs are known to look at; the rest raises an error that says so.

- worker: `ray._private.worker`, with the global worker
- state: `ray._private.state`: nodes, actors and jobs as tables
- internal_api: `free`, and what memory holds
- client_mode_hook: whether this is Ray's client: never
"""

from .. import left_out
from . import client_mode_hook, internal_api, state, worker

__getattr__ = left_out.attributes_of(__name__)

__all__ = ["client_mode_hook", "internal_api", "state", "worker"]
