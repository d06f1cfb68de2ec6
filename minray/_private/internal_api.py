"""`ray._private.internal_api`: freeing objects by hand."""

from ..internal import free

__all__ = ["free"]
