"""`ray.util.check_serialize`: why a value cannot be sent to another process."""

from ..values.check_serialize import FailureTuple, inspect_serializability

__all__ = ["FailureTuple", "inspect_serializability"]
