"""`get_runtime_context`: who and where the calling code is, and `get_gpu_ids`.

Source: https://docs.ray.io/en/latest/ray-core/api/doc/ray.runtime_context.RuntimeContext.html
"""

import inspect
import os
import pickle
import warnings
from typing import Any

from .core_worker import current
from .frontend.actor_handle import ActorHandle
from .frontend.placing import captures
from .runtime_env import RuntimeEnv, from_text
from .session import here
from .wire.ids import ActorID, JobID, NodeID, PlacementGroupID, TaskID
from .wire.messages import RunTask

# Those that Ray knows beside GPUs; minray gives out no ids of them.
_OTHER_ACCELERATORS = ("HPU", "NPU", "TPU", "neuron_cores")


def _deprecated(instead: str) -> None:
    warnings.warn(f"This API is deprecated. Use {instead} instead", DeprecationWarning, stacklevel=3)


class RuntimeContext:
    """Answers of the process that asks; the names are Ray's.

    In a driver, which runs no task, the ids of a task, of an actor and of a placement group are None.
    """

    @property
    def namespace(self) -> str:
        """Where the names of this program's actors live: what was given to `init`, or one of its own."""
        current.connected_core()
        return current.own_namespace()

    # --- ids, all in hexadecimal --------------------------------------------------------------------

    def get_job_id(self) -> str:
        """The id of the job: all that the tasks of one driver do."""
        return current.job_id().hex()

    def get_actor_id(self) -> str | None:
        """The id of the actor that the calling code is in, in hexadecimal; None outside of actors."""
        return here.actor.order.actor_id.hex() if here.actor else None

    def get_actor_name(self) -> str | None:
        """The name of the actor that the calling code is in, "" if it has none; None outside of actors."""
        return here.actor.order.name if here.actor else None

    @property
    def current_actor(self) -> ActorHandle:
        """A handle of the actor that the calling code is in; it does not keep the actor alive.

        Raises:
            RuntimeError: the calling code is in no actor.
        """
        if here.actor is None:
            raise RuntimeError("This method is only available in an actor.")
        return ActorHandle(here.actor.order.actor_id, pickle.loads(here.actor.order.handle), None)

    @property
    def was_current_actor_reconstructed(self) -> bool:
        """Whether the actor has been restarted.

        Raises:
            AssertionError: in a driver.
        """
        self._check_worker()
        return here.actor is not None and here.actor.order.restarts > 0

    def get_node_id(self) -> str:
        """The id of the node."""
        return current.connected_core().node_id.hex()

    def get_worker_id(self) -> str:
        """The id of this process in the session."""
        return f"{current.connected_core().number:056x}"

    def get_task_id(self) -> str | None:
        """The id of the task that runs."""
        current.connected_core()
        task = here.task()
        return task.task_id.hex() if task else None

    def get_placement_group_id(self) -> str | None:
        """The id of the placement group that the task or actor runs in; None outside of one."""
        placement = here.placement()
        return placement[1] if placement and placement[0] == "group" else None

    # --- the task -----------------------------------------------------------------------------------

    def get_task_name(self) -> str | None:
        """The name of the task that runs: the function's, or what the option `name` said."""
        current.connected_core()
        task = here.task()
        return task.name if task else None

    def get_task_function_name(self) -> str | None:
        """The full name of the task's function, such as "package.module.function"."""
        return _function_name()

    def get_assigned_resources(self) -> dict[str, float]:
        """What the task or actor holds, by resource name.

        Raises:
            AssertionError: in a driver, which holds nothing.
        """
        self._check_worker()
        return here.resources()

    def get_accelerator_ids(self) -> dict[str, list[str]]:
        """The accelerators that the task or actor uses, by kind; minray knows GPUs."""
        return {"GPU": here.gpu_names(), **{name: [] for name in _OTHER_ACCELERATORS}}

    def is_canceled(self) -> bool:
        """Whether the running task has been cancelled: a call of an actor's method that nothing interrupts.

        Raises:
            RuntimeError: in a driver, or in an async actor, where cancelling raises `CancelledError`.
        """
        task, actor = here.task(), here.actor
        if here.is_driver:
            raise RuntimeError("This method is only available when the process is a worker.")
        if actor is not None and actor.is_async:
            raise RuntimeError("This method is not supported in an async actor.")
        current.connected_core().connection.read_pending()
        return task is not None and task.task_id in here.cancelled

    @property
    def should_capture_child_tasks_in_placement_group(self) -> bool:
        """Whether tasks that the running task submits go into its placement group."""
        return captures(here.placement())

    # --- the session --------------------------------------------------------------------------------

    @property
    def runtime_env(self) -> RuntimeEnv:
        """The environment of this task, actor or driver."""
        return from_text(here.environment)

    def get_runtime_env_string(self) -> str:
        """The same as text."""
        return here.environment or "{}"

    def get_session_name(self) -> str:
        """The name of the session, which its directory has too."""
        current.connected_core()
        assert here.session_dir is not None
        return here.session_dir.name

    def get_temp_dir(self) -> str:
        """The folder that holds the directories of all sessions."""
        current.connected_core()
        assert here.session_dir is not None
        return str(here.session_dir.parent)

    def get_node_labels(self) -> dict[str, str]:
        """The labels of the node."""
        nodes = {node["NodeID"]: node for node in current.connected_core().query("nodes")}
        return dict(nodes[self.get_node_id()]["Labels"])

    @property
    def gcs_address(self) -> str:
        """Where the GCS is; in minray, the session's directory, as everything is on one machine."""
        current.connected_core()
        return str(here.session_dir)

    def get_pid(self) -> int:
        """This process's id in the operating system."""
        return os.getpid()

    # --- older names --------------------------------------------------------------------------------

    def get(self) -> dict[str, Any]:
        """The ids as objects, those that there are; deprecated in Ray."""
        _deprecated("get_xxx_id() methods to get relevant ids")
        ids: dict[str, Any] = {
            "job_id": JobID.from_hex(self.get_job_id()),
            "node_id": NodeID.from_hex(self.get_node_id()),
            "namespace": self.namespace,
        }
        if task_id := self.get_task_id():
            ids["task_id"] = TaskID.from_hex(task_id)
        if actor_id := self.get_actor_id():
            ids["actor_id"] = ActorID.from_hex(actor_id)
        return ids

    @property
    def job_id(self) -> JobID:
        """`get_job_id` as an object; deprecated in Ray."""
        _deprecated("get_job_id()")
        return JobID.from_hex(self.get_job_id())

    @property
    def node_id(self) -> NodeID:
        """`get_node_id` as an object; deprecated in Ray."""
        _deprecated("get_node_id()")
        return NodeID.from_hex(self.get_node_id())

    @property
    def task_id(self) -> TaskID:
        """`get_task_id` as an object; deprecated in Ray.

        Raises:
            AssertionError: in a driver.
        """
        _deprecated("get_task_id()")
        return TaskID(self._check_worker().task_id)

    @property
    def actor_id(self) -> ActorID | None:
        """`get_actor_id` as an object; deprecated in Ray.

        Raises:
            AssertionError: in a driver.
        """
        _deprecated("get_actor_id()")
        self._check_worker()
        name = self.get_actor_id()
        return ActorID.from_hex(name) if name else None

    @property
    def current_placement_group_id(self) -> PlacementGroupID:
        """`get_placement_group_id` as an object, nil outside of a group; deprecated in Ray."""
        _deprecated("get_placement_group_id()")
        name = self.get_placement_group_id()
        return PlacementGroupID.from_hex(name) if name else PlacementGroupID.nil()

    def get_resource_ids(self) -> dict[str, list[str]]:
        """`get_accelerator_ids`; deprecated in Ray."""
        _deprecated("get_accelerator_ids()")
        return self.get_accelerator_ids()

    def _check_worker(self) -> RunTask:
        current.connected_core()
        task = here.task()
        if task is None:
            raise AssertionError(
                "This method is only available when the process is a worker. Current mode: 0"
            )
        return task


def _function_name() -> str | None:
    """The full name of the function that the task runs; None in a driver."""
    function = here.function
    if function is None:
        return None
    name = getattr(function, "__qualname__", type(function).__name__)
    if not inspect.iscoroutinefunction(function):  # a difference that Ray makes
        name = name.split("<locals>.")[-1]
    return f"{function.__module__}.{name}"


def get_runtime_context() -> RuntimeContext:
    """The context of the calling driver or task; starts a session if there is none.

    Example:
        >>> ray.get_runtime_context().get_node_id()
        '5b0f...'
    """
    current.connected_core()
    return RuntimeContext()


def get_gpu_ids() -> list[int | str]:
    """The GPUs that the calling task or actor was given by the option `num_gpus`; none in a driver.

    Returns:
        Numbers; where CUDA_VISIBLE_DEVICES had other names when the session started, those.

    Example:
        >>> @ray.remote(num_gpus=1)
        ... def which():
        ...     return ray.get_gpu_ids(), os.environ["CUDA_VISIBLE_DEVICES"]
        >>> ray.get(which.remote())
        ([0], '0')
    """
    current.connected_core()
    return [int(name) if name.isdigit() else name for name in here.gpu_names()]
