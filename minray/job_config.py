"""`ray.job_config.JobConfig`: settings of a driver's whole program, for `init(job_config=...)`."""

from typing import Any


class JobConfig:
    """What `init` may be told in one object.

    Args:
        jvm_options: no effect.
        code_search_path: no effect; workers look for modules where the driver does.
        runtime_env: as `init(runtime_env=...)`.
        metadata: kept, and shown to nobody.
        ray_namespace: as `init(namespace=...)`.
        default_actor_lifetime: "detached" or "non_detached": of actors that do not say.
        **others: private settings of Ray's; no effect.

    Raises:
        ValueError: the lifetime is none.

    Example:
        >>> ray.init(job_config=ray.job_config.JobConfig(ray_namespace="lesson"))
    """

    def __init__(
        self,
        jvm_options: list[str] | None = None,
        code_search_path: list[str] | None = None,
        runtime_env: dict[str, Any] | None = None,
        metadata: dict[str, str] | None = None,
        ray_namespace: str | None = None,
        default_actor_lifetime: str = "non_detached",
        **others: Any,  # noqa: ANN401
    ) -> None:
        self.jvm_options = jvm_options or []
        self.code_search_path = code_search_path or []
        self.runtime_env = runtime_env
        self.metadata = metadata or {}
        self.ray_namespace = ray_namespace
        self.set_default_actor_lifetime(default_actor_lifetime)
        self.others = others

    def set_metadata(self, key: str, value: str) -> None:
        """Keep something under a name."""
        self.metadata[key] = value

    def set_runtime_env(self, runtime_env: dict[str, Any] | None) -> None:
        """Choose the environment of all tasks."""
        self.runtime_env = runtime_env

    def set_ray_namespace(self, ray_namespace: str) -> None:
        """Choose the namespace."""
        self.ray_namespace = ray_namespace

    def set_default_actor_lifetime(self, default_actor_lifetime: str) -> None:
        """Choose how long actors live that do not say.

        Raises:
            ValueError: there is no such lifetime.
        """
        if default_actor_lifetime not in ("detached", "non_detached"):
            raise ValueError(
                'Default actor lifetime must be one of "detached", "non_detached"; it is '
                f"{default_actor_lifetime!r}."
            )
        self.default_actor_lifetime = default_actor_lifetime
