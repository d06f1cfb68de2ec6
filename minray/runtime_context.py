"""`get_runtime_context`: who and where the calling code is."""

import os
from typing import Any

from . import process_state
from .exceptions import RaySystemError


class RuntimeContext:
    """Answers of the process that asks; the names are Ray's."""

    @property
    def _core(self) -> Any:  # noqa: ANN401
        if process_state.core is None:
            raise RaySystemError("There is no session yet, or it has been shut down. Call init() first.")
        return process_state.core

    @property
    def namespace(self) -> str:
        """The namespace given to `init`."""
        return process_state.namespace

    def get_node_id(self) -> str:
        """The node's id, in hexadecimal."""
        node_id: bytes = self._core.node_id
        return node_id.hex()

    def get_worker_id(self) -> str:
        """This process's id in the session, in hexadecimal."""
        return f"{self._core.number:056x}"

    def get_task_id(self) -> str | None:
        """The running task's id, in hexadecimal; None in the driver."""
        task = self._core.task
        return task.task_id.hex() if task else None

    def get_task_name(self) -> str | None:
        """The running task's name; None in the driver."""
        task = self._core.task
        return task.name if task else None

    def get_pid(self) -> int:
        """This process's id in the operating system."""
        return os.getpid()


def get_runtime_context() -> RuntimeContext:
    """The context of the calling driver or task.

    Example:
        >>> ray.get_runtime_context().get_node_id()
        '5b0f...'
    """
    return RuntimeContext()
