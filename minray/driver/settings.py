"""The arguments of `init`: what they may be, and what follows from them.  No processes here.

Ray's names and errors (https://docs.ray.io/en/latest/ray-core/api/doc/ray.init.html), and those of Ray before
1.0, which lessons in the wild still use.
"""

import difflib
import logging
import os
import sys
from typing import Any, NamedTuple

from .. import left_out

logger = logging.getLogger("minray")

DEFAULT_FORMAT = "%(asctime)s %(levelname)s -- %(message)s"

_DEFAULT_RESOURCES = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "_memory"} | {
    "object_store_memory": "object_store_memory"
}

# Keywords of `init` in Ray 0.8 to 2.x that mean nothing on one machine.
WITHOUT_EFFECT = frozenset(
    {
        *("configure_logging", "dashboard_host", "dashboard_port", "driver_mode", "proxy_server_url"),
        *("driver_object_store_memory", "enable_object_reconstruction", "head", "include_java"),
        *("include_webui", "job_id", "log_to_stderr", "logging_config"),
        *("load_code_from_local", "lru_evict", "memory"),
        *("node_ip_address", "num_initial_workers", "num_redis_shards", "object_ref_seed"),
        *("object_id_seed", "plasma_directory", "plasma_store_socket_name", "raylet_socket_name"),
        *("redirect_output", "redirect_worker_output", "redis_address", "redis_max_memory"),
        *("redis_password", "redis_port", "huge_pages", "storage", "temp_dir"),
        *("use_pickle", "use_raylet", "webui_host", "webui_url", "worker_path"),
        *("_driver_object_store_memory", "_enable_object_reconstruction", "_internal_config"),
        *("_lru_evict", "_metrics_export_port", "_node_ip_address", "_node_name", "_object_store_memory"),
        *("_plasma_directory", "_redis_max_memory", "_redis_password", "_redis_username", "_storage"),
        *("_system_config", "_temp_dir", "_tracing_startup_hook", "_skip_env_hook"),
    }
)

_LEFT_OUT = {
    "local_mode": "its tasks always run in other processes; to debug a function, call it in the driver",
    "enable_resource_isolation": "it does not limit what processes use",
    "cgroup_path": "it does not limit what processes use",
    "system_reserved_cpu": "it does not limit what processes use",
    "system_reserved_memory": "it does not limit what processes use",
}


class NodeSettings(NamedTuple):
    """What a node is to have."""

    resources: dict[str, float]  # in units
    object_store_memory: int | None  # bytes for shared objects; None leaves it to the node
    labels: dict[str, str]  # beside those that every node has
    spill_to: str | None  # a directory for objects when memory is full; None leaves it to the session


def check_keywords(keywords: dict[str, Any], known: list[str]) -> None:
    """Say in one line which of Ray's keywords have no effect; refuse the others.

    Args:
        keywords: those that were given beside the ones that `init` acts upon.
        known: the names of the latter.

    Raises:
        RuntimeError: a keyword that no version of Ray has.
        TypeError, ValueError: a value that Ray refuses.
        LeftOutError: a keyword that asks for something that is left out.
    """
    unknown = sorted(set(keywords) - WITHOUT_EFFECT - set(_LEFT_OUT))
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], [*known, *WITHOUT_EFFECT], n=1)
        hint = f". Did you mean {nearest[0]!r}?" if nearest else ""
        raise RuntimeError(f"Unknown keyword argument(s): {', '.join(unknown)}{hint}")
    for name, why in _LEFT_OUT.items():
        if keywords.get(name):
            raise left_out.error(f"init({name}={keywords[name]!r})", why)
    if not isinstance(keywords.get("_system_config") or {}, dict):
        raise TypeError("The _system_config must be a dict.")
    folder = keywords.get("_temp_dir")
    if folder is not None and not os.path.isabs(folder):
        raise ValueError(f"_temp_dir must be an absolute path or None, but it is {folder!r}.")
    given = sorted(name for name in set(keywords) - set(_LEFT_OUT) if keywords[name] is not None)
    if given:
        logger.info("init() keywords without effect in minray: %s.", ", ".join(given))


def check_num_nodes(num_nodes: object) -> None:
    """Refuse what is no number of nodes.

    Raises:
        TypeError, ValueError: it is no whole number from 1 up.
    """
    if isinstance(num_nodes, bool) or not isinstance(num_nodes, int):
        raise TypeError(f"num_nodes must be a whole number, but it is {num_nodes!r}.")
    if num_nodes < 1:
        raise ValueError(f"A session has at least one node, but num_nodes is {num_nodes}.")


def check_labels(labels: object) -> dict[str, str]:
    """The labels of the node.

    Raises:
        TypeError: they are no dictionary of strings.
    """
    if labels is None:
        return {}
    if not isinstance(labels, dict) or not all(
        isinstance(part, str) for item in labels.items() for part in item
    ):
        raise TypeError(f"labels must be a dictionary of strings, but it is {labels!r}.")
    return labels


def node_resources(
    num_cpus: int | None, num_gpus: int | None, resources: dict[str, float] | None, memory: float | None
) -> dict[str, float]:
    """What the node offers, by Ray's resource names.

    Args:
        num_cpus: None: as many as this process may use.
        num_gpus: None: none.
        resources: further ones.
        memory: in bytes; None: what the machine has beside the object store.

    Raises:
        TypeError, ValueError: an amount is no whole number from 0 up.
        AssertionError: a further resource has the name of one of Ray's own.
    """
    if resources is not None and not isinstance(resources, dict):
        raise TypeError(f"resources must be a dictionary such as {{'disk': 1}}, but it is {resources!r}.")
    for name in resources or {}:
        if name in _DEFAULT_RESOURCES:
            raise AssertionError(
                f"`{name}` cannot be a custom resource because it is one of the default resources "
                f"({', '.join(_DEFAULT_RESOURCES)}). Use `{_DEFAULT_RESOURCES[name]}` instead."
            )
    named = {"num_cpus": num_cpus, "num_gpus": num_gpus}
    for name, amount in {**named, **(resources or {})}.items():
        if amount is not None:
            _check_quantity(name, amount)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if num_gpus and visible is not None and num_gpus > len([name for name in visible.split(",") if name]):
        raise ValueError(
            f"Attempting to start with {num_gpus} GPUs, but CUDA_VISIBLE_DEVICES contains {visible!r}."
        )
    totals = {"CPU": float(available_cpus() if num_cpus is None else num_cpus)}
    totals |= {"GPU": float(num_gpus)} if num_gpus else {}
    totals |= {"memory": float(int(memory))} if memory is not None else {}
    return totals | {name: float(amount) for name, amount in (resources or {}).items() if amount}


def _check_quantity(name: str, amount: object) -> None:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"Resource quantities must be numbers, but {name} is {amount!r}.")
    if amount < 0:
        raise ValueError(f"Resource quantities must be nonnegative. Violated by {name}={amount}.")
    if amount != int(amount):
        raise ValueError(f"Resource quantities must all be whole numbers. Violated by {name}={amount}.")


def available_cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_up_logging(level: int | str, text_format: str | None) -> None:
    """Show the runtime's news to the user.

    Raises:
        TypeError, ValueError: there is no such level.
    """
    logger.setLevel(level.upper() if isinstance(level, str) else level)
    if not logger.handlers:
        # A notebook shows stderr on red, as if something were wrong; there, news is ordinary output.
        handler = logging.StreamHandler(sys.stdout if "ipykernel" in sys.modules else sys.stderr)
        logger.addHandler(handler)
        logger.propagate = False
    for shown in logger.handlers:
        shown.setFormatter(logging.Formatter(text_format or DEFAULT_FORMAT, "%H:%M:%S"))
