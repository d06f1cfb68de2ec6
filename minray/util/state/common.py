"""What the state API answers with: one class for each kind of thing, its fields Ray's columns.

Instances are read by attribute or, as mappings are, by key.  Columns that are not asked for, or of
which nothing is known, are None.  Times are milliseconds since 1970, sizes bytes.
Source: https://docs.ray.io/en/latest/ray-observability/reference/doc/ray.util.state.common.html
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

DEFAULT_LIMIT = 100
DEFAULT_LOG_LIMIT = 1000
DEFAULT_RPC_TIMEOUT = 30
RAY_MAX_LIMIT_FROM_API_SERVER = 10_000

PREDICATES = ("=", "!=")
Filter = tuple[str, str, Any]


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


class StateSchema:
    """What the state classes have in common."""

    DETAILS: ClassVar[frozenset[str]] = frozenset()  # columns that only detail=True fills in
    NOT_FILTERABLE: ClassVar[frozenset[str]] = frozenset()  # columns that filters may not name

    @classmethod
    def list_columns(cls, detail: bool = True) -> list[str]:
        """The names of the columns, those with details too or without."""
        return [f.name for f in fields(cls) if detail or f.name not in cls.DETAILS]  # type: ignore[arg-type]

    @classmethod
    def columns(cls) -> set[str]:
        """The names of all columns."""
        return set(cls.list_columns())

    @classmethod
    def base_columns(cls) -> set[str]:
        """The columns that are always filled in."""
        return set(cls.list_columns(detail=False))

    @classmethod
    def detail_columns(cls) -> set[str]:
        """The columns that `detail=True` fills in: all of them."""
        return cls.columns()

    @classmethod
    def filterable_columns(cls) -> set[str]:
        """The columns that filters may name."""
        return cls.columns() - cls.NOT_FILTERABLE

    def asdict(self) -> dict[str, Any]:
        """The columns as a dictionary."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a column
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401
        setattr(self, key, value)

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        """A column, or the default if there is no such column."""
        return getattr(self, key, default)


@dataclass
class ActorState(StateSchema):
    """An actor. States: DEPENDENCIES_UNREADY, PENDING_CREATION, ALIVE, RESTARTING, DEAD."""

    actor_id: str | None = None
    class_name: str | None = None
    state: str | None = None
    job_id: str | None = None
    name: str | None = None
    node_id: str | None = None
    pid: int | None = None
    ray_namespace: str | None = None
    serialized_runtime_env: str | None = None
    required_resources: dict[str, float] | None = None
    death_cause: dict[str, Any] | None = None
    is_detached: bool | None = None
    placement_group_id: str | None = None
    repr_name: str | None = None
    num_restarts: int | None = None
    num_restarts_due_to_lineage_reconstruction: int | None = None
    num_restarts_due_to_node_preemption: int | None = None
    call_site: str | None = None
    label_selector: dict[str, str] | None = None
    fallback_strategy: dict[str, Any] | None = None

    DETAILS = names(
        """
        serialized_runtime_env required_resources death_cause is_detached placement_group_id repr_name
        num_restarts num_restarts_due_to_lineage_reconstruction num_restarts_due_to_node_preemption
        call_site label_selector fallback_strategy
        """
    )
    NOT_FILTERABLE = names(
        """
        serialized_runtime_env required_resources death_cause is_detached num_restarts
        num_restarts_due_to_lineage_reconstruction num_restarts_due_to_node_preemption call_site
        label_selector fallback_strategy
        """
    )


@dataclass
class PlacementGroupState(StateSchema):
    """A placement group. States: PENDING, CREATED, REMOVED."""

    placement_group_id: str | None = None
    name: str | None = None
    creator_job_id: str | None = None
    state: str | None = None
    bundles: list[dict[str, Any]] | None = None
    is_detached: bool | None = None
    stats: dict[str, Any] | None = None
    label_domain_key: str | None = None
    label_domain_assignments: dict[str, str] | None = None

    DETAILS = names("bundles is_detached stats label_domain_key label_domain_assignments")
    NOT_FILTERABLE = names("bundles stats label_domain_key label_domain_assignments")


@dataclass
class NodeState(StateSchema):
    """A node. States: ALIVE, DEAD."""

    node_id: str | None = None
    node_ip: str | None = None
    is_head_node: bool | None = None
    state: str | None = None
    state_message: str | None = None
    node_name: str | None = None
    resources_total: dict[str, float] | None = None
    labels: dict[str, str] | None = None
    start_time_ms: int | None = None
    end_time_ms: int | None = None

    DETAILS = names("start_time_ms end_time_ms")
    NOT_FILTERABLE = names("state_message resources_total labels start_time_ms end_time_ms")


@dataclass
class JobState(StateSchema):
    """A job, which is all that one driver does. Status: RUNNING, SUCCEEDED."""

    type: str | None = None
    job_id: str | None = None
    submission_id: str | None = None
    driver_info: dict[str, str] | None = None
    status: str | None = None
    entrypoint: str | None = None
    message: str | None = None
    error_type: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    metadata: dict[str, str] | None = None
    runtime_env: dict[str, Any] | None = None
    driver_node_id: str | None = None
    driver_exit_code: int | None = None

    DETAILS = names("start_time end_time metadata runtime_env driver_node_id driver_exit_code")
    NOT_FILTERABLE = names(
        """
        driver_info entrypoint message error_type start_time end_time metadata runtime_env
        driver_node_id driver_exit_code
        """
    )


@dataclass
class WorkerState(StateSchema):
    """A driver or worker. Exit types: SYSTEM_ERROR, INTENDED_SYSTEM_EXIT, INTENDED_USER_EXIT."""

    worker_id: str | None = None
    is_alive: bool | None = None
    worker_type: str | None = None
    exit_type: str | None = None
    node_id: str | None = None
    ip: str | None = None
    pid: int | None = None
    exit_detail: str | None = None
    worker_launch_time_ms: int | None = None
    worker_launched_time_ms: int | None = None
    start_time_ms: int | None = None
    end_time_ms: int | None = None
    debugger_port: int | None = None
    num_paused_threads: int | None = None

    DETAILS = names(
        """
        exit_detail worker_launch_time_ms worker_launched_time_ms start_time_ms end_time_ms
        debugger_port num_paused_threads
        """
    )
    NOT_FILTERABLE = names(
        """
        exit_detail worker_launch_time_ms worker_launched_time_ms start_time_ms end_time_ms
        """
    )


@dataclass
class ClusterEventState(StateSchema):
    """An event of the cluster itself; minray has none."""

    severity: str | None = None
    time: str | None = None
    source_type: str | None = None
    message: str | None = None
    event_id: str | None = None
    custom_fields: dict[str, Any] | None = None

    DETAILS = names("custom_fields")
    NOT_FILTERABLE = names("time message custom_fields")


@dataclass
class TaskState(StateSchema):
    """One attempt of a task. The states are those of `minray.gcs.schema.TaskState`."""

    task_id: str | None = None
    attempt_number: int | None = None
    name: str | None = None
    state: str | None = None
    job_id: str | None = None
    actor_id: str | None = None
    type: str | None = None
    func_or_class_name: str | None = None
    parent_task_id: str | None = None
    node_id: str | None = None
    worker_id: str | None = None
    worker_pid: int | None = None
    error_type: str | None = None
    language: str | None = None
    required_resources: dict[str, float] | None = None
    runtime_env_info: dict[str, Any] | None = None
    placement_group_id: str | None = None
    events: list[dict[str, Any]] | None = None
    profiling_data: dict[str, Any] | None = None
    creation_time_ms: int | None = None
    start_time_ms: int | None = None
    end_time_ms: int | None = None
    task_log_info: dict[str, Any] | None = None
    error_message: str | None = None
    is_debugger_paused: bool | None = None
    call_site: str | None = None
    label_selector: dict[str, str] | None = None
    fallback_strategy: dict[str, Any] | None = None

    DETAILS = names(
        """
        language required_resources runtime_env_info placement_group_id events profiling_data
        creation_time_ms start_time_ms end_time_ms task_log_info error_message is_debugger_paused
        call_site label_selector fallback_strategy
        """
    )
    NOT_FILTERABLE = names(
        """
        required_resources runtime_env_info events profiling_data creation_time_ms start_time_ms
        end_time_ms task_log_info error_message call_site label_selector fallback_strategy
        """
    )


@dataclass
class ObjectState(StateSchema):
    """A process's reference to an object.

    Reference types: LOCAL_REFERENCE, USED_BY_PENDING_TASK, CAPTURED_IN_OBJECT, PINNED_IN_MEMORY.
    """

    object_id: str | None = None
    object_size: int | None = None
    task_status: str | None = None
    attempt_number: int | None = None
    reference_type: str | None = None
    call_site: str | None = None
    type: str | None = None
    pid: int | None = None
    ip: str | None = None


@dataclass
class RuntimeEnvState(StateSchema):
    """A runtime environment that was set up; minray makes none of its own."""

    runtime_env: dict[str, Any] | None = None
    success: bool | None = None
    creation_time_ms: float | None = None
    node_id: str | None = None
    ref_cnt: int | None = None
    error: str | None = None

    DETAILS = names("ref_cnt error")
    NOT_FILTERABLE = names("creation_time_ms ref_cnt")
