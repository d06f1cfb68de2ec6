"""The little of Ray's inside that programs are known to look at; the rest raises an error that says so."""

from .. import left_out
from . import client_mode_hook, internal_api, state, worker

__getattr__ = left_out.attributes_of(__name__)

__all__ = ["client_mode_hook", "internal_api", "state", "worker"]
