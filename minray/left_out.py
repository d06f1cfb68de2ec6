"""What Ray has and minray deliberately has not: named here, so that its use says so and what to do instead.

A name is given with all its package's names but "minray".  Whoever reads such an attribute, or imports such a
module, gets an error with the reason and the way out::

    ray.data                -> LeftOutError         (an AttributeError, so `hasattr` works)
    import minray.data      -> ModuleNotFoundError
    init(local_mode=True)   -> raise error("init(local_mode=True)", "...")

A package takes part by the line ``__getattr__ = left_out.attributes_of(__name__)``.
"""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

PACKAGE = "minray"
_LIBRARY = "it is one of the libraries on top of Ray, and minray is Ray's core alone"
_INTEGRATION = "it ties Ray to another system"
_CLUSTER = "it is about clusters of machines"
_LANGUAGES = "minray runs Python alone"
_GRAPHS = "task graphs that are built before they run are not there; call .remote(...) instead"
_INSIDE = "it belongs to the inside of Ray"
_DEBUGGER = "there is no debugger for tasks; print, or call the function itself in the driver"
_TRIED_OUT = ("collective", "dynamic_resources", "internal_kv", "raysort", "shuffle", "tqdm_ray")

LEFT_OUT = {
    **dict.fromkeys(("air", "data", "llm", "rllib", "serve", "train", "tune", "workflow"), _LIBRARY),
    **dict.fromkeys(("autoscaler", "job_submission", "scripts", "util.tpu"), _CLUSTER),
    **dict.fromkeys(("ClientBuilder", "client", "client_builder", "util.client"), _CLUSTER),
    **dict.fromkeys(("util.client_connect", "util.connect", "util.disconnect"), _CLUSTER),
    **dict.fromkeys(("cpp_function", "cross_language", "java_actor_class", "java_function"), _LANGUAGES),
    "Language": _LANGUAGES,
    **dict.fromkeys(("dag", "experimental.channel", "experimental.compiled_dag_ref"), _GRAPHS),
    **dict.fromkeys(("_raylet", "core", "setup-dev", "widgets"), _INSIDE),
    **dict.fromkeys(("_private.gcs_utils", "_private.node", "_private.services"), _INSIDE),
    **dict.fromkeys(("_private.test_utils", "_private.utils", "_private.ray_constants"), _INSIDE),
    **dict.fromkeys(("AUTO_INIT_APIS", "NON_AUTO_INIT_APIS", "_common", "_config", "ray_constants"), _INSIDE),
    **dict.fromkeys(("RESTORE_WORKER_MODE", "SPILL_WORKER_MODE", "log", "state"), _INSIDE),
    **dict.fromkeys(("util.dask", "util.horovod", "util.lightgbm", "util.sgd", "util.spark"), _INTEGRATION),
    **dict.fromkeys(("util.tracing", "util.xgboost"), _INTEGRATION),
    **dict.fromkeys(("util.debugpy", "util.pdb", "util.ray_debugpy", "util.rpdb"), _DEBUGGER),
    **dict.fromkeys(("util.client_mode_hook", "util.serialization_addons", "util.wrap_auto_init"), _INSIDE),
    "LoggingConfig": "use the module logging, and init(logging_level=)",
    "util.timer": "use time.perf_counter",
    **dict.fromkeys((f"experimental.{name}" for name in _TRIED_OUT), "Ray itself only tries it out"),
    "util.collective": "tasks exchange data through objects here; there are no collective operations",
}


class LeftOutError(NotImplementedError, AttributeError):
    """Something that Ray has is deliberately missing in minray."""


def explain(what: str, why: str) -> str:
    """The text of all these errors."""
    return (
        f"{what} is not part of minray: {why}. To use it, switch the engine: run the same code on Ray itself "
        "(pip install ray, then `import ray` instead of `import minray as ray`)."
    )


def error(what: str, why: str) -> LeftOutError:
    """The error to raise for something that is left out.

    Args:
        what: what the user wrote, such as "init(local_mode=True)".
        why: a clause that gives the reason.
    """
    return LeftOutError(explain(what, why))


def attributes_of(module: str) -> Callable[[str], Any]:
    """A module's `__getattr__`: for names that Ray has, the error above; for others, Python's own."""

    def __getattr__(name: str) -> Any:  # noqa: ANN401, N807 - never returns
        full = f"{module}.{name}".removeprefix(f"{PACKAGE}.")
        if full in LEFT_OUT:
            raise error(f"ray.{full}", LEFT_OUT[full])
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__


class _Finder:
    """Asked by Python's import system last of all, when a module has not been found."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        if package == PACKAGE and rest in LEFT_OUT:
            # The name in this error is the package's: one that is the module's own would be taken for
            # "no such submodule" by `from minray import data`, and the text be lost.
            raise ModuleNotFoundError(explain(f"ray.{rest}", LEFT_OUT[rest]), name=PACKAGE)
        return None


sys.meta_path.append(_Finder)
