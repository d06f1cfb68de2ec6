"""Runtime environments: what a task or actor finds around it, such as environment variables and a folder.

Ray's module of the same name (https://docs.ray.io/en/latest/ray-core/handling-dependencies.html).  An
environment travels as text, and workers of one text run only tasks of that text::

    init(runtime_env={"env_vars": {"A": "1"}})                        job:  {"env_vars": {"A": "1"}}
    f.options(runtime_env={"env_vars": {"B": "2"}}).remote()          task: {"env_vars": {"A": "1", "B": "2"}}
        g.remote(), submitted by f                                    task: the same, inherited
    a worker forked for that text:  apply(text), then it runs f, g, ...

minray uses local folders as they are, where Ray sends copies of them to other machines; and it installs no
packages: what is installed for the driver is there for all.
"""

import base64
import difflib
import functools
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from .exceptions import RuntimeEnvSetupError
from .left_out import explain

_LEFT_OUT = {
    **dict.fromkeys(("conda", "pip", "uv"), "it installs no packages; install them where the driver runs"),
    **dict.fromkeys(("container", "docker", "image_uri"), "its workers run in no containers"),
    **dict.fromkeys(("java_jars", "mpi"), "its workers are plain Python processes"),
    **dict.fromkeys(("nsight", "_nsight", "rocprof_sys", "_rocprof_sys"), "it starts no profilers"),
    "py_executable": "its workers are forked from one Python, the driver's",
}


class RuntimeEnvConfig(dict[str, Any]):
    """How an environment is set up; accepted, although there is little to wait for here.

    Args:
        setup_timeout_seconds: a positive whole number, or -1 for no limit.
        eager_install: no effect.
        log_files: no effect.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or makes no sense.
    """

    def __init__(
        self, setup_timeout_seconds: int = 600, eager_install: bool = True, log_files: list[str] | None = None
    ) -> None:
        if isinstance(setup_timeout_seconds, bool) or not isinstance(setup_timeout_seconds, int):
            raise TypeError(f"setup_timeout_seconds must be an int, got {setup_timeout_seconds!r}.")
        if setup_timeout_seconds <= 0 and setup_timeout_seconds != -1:
            raise ValueError(
                f"setup_timeout_seconds must be greater than 0, or -1 for ever, not {setup_timeout_seconds}."
            )
        if not isinstance(eager_install, bool):
            raise TypeError(f"eager_install must be a boolean, got {eager_install!r}.")
        super().__init__(
            setup_timeout_seconds=setup_timeout_seconds,
            eager_install=eager_install,
            log_files=log_files or [],
        )


class RuntimeEnv(dict[str, Any]):
    """An environment as an object; a dictionary of the same fields does as well.

    Args:
        env_vars: environment variables; ``${NAME}`` in a value stands for what the worker has under NAME.
        working_dir: a folder that is the current one, and the first in which modules are looked for.
        py_modules: folders of packages, wheels, or imported modules, that can be imported.
        excludes: files not to copy; without effect, as nothing is copied.
        worker_process_setup_hook: a function without arguments, or its full name, that a new worker calls.
        config: a `RuntimeEnvConfig` or a dictionary of its arguments.
        **others: fields that Ray has and minray has not.

    Raises:
        TypeError, ValueError: a field is of the wrong type, makes no sense, or does not exist.

    Example:
        >>> RuntimeEnv(env_vars={"OMP_NUM_THREADS": "1"})
        {'env_vars': {'OMP_NUM_THREADS': '1'}}
    """

    def __init__(
        self,
        *,
        env_vars: dict[str, str] | None = None,
        working_dir: str | None = None,
        py_modules: list[str] | None = None,
        excludes: list[str] | None = None,
        worker_process_setup_hook: Callable[[], object] | str | None = None,
        config: dict[str, Any] | None = None,
        **others: Any,  # noqa: ANN401
    ) -> None:
        fields = {name: value for name, value in locals().items() if name in _CHECKS}
        super().__init__(_checked({**fields, **others}))

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set."""
        return dict(self)

    def serialize(self) -> str:
        """The environment as text."""
        return json.dumps(self, sort_keys=True)

    @classmethod
    def deserialize(cls, text: str) -> "RuntimeEnv":
        """The environment that `serialize` made this text of."""
        return cls(**json.loads(text or "{}"))

    def set(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Set a field, after checking it."""
        self.update(_checked({name: value}))


def to_text(environment: Mapping[str, Any] | None) -> str:
    """An environment as it travels: the same text for the same environment, "" for an empty one.

    Raises:
        TypeError, ValueError: see `RuntimeEnv`.
        RuntimeEnvSetupError: the setup hook cannot be pickled.
    """
    fields = _checked(dict(environment or {}))
    hook = fields.get("worker_process_setup_hook")
    if callable(hook):
        try:
            pickled = base64.b64encode(cloudpickle.dumps(hook)).decode()
            fields["worker_process_setup_hook"] = _PICKLED + pickled
        except Exception as error:
            raise RuntimeEnvSetupError(
                f"Failed to export the setup function. It cannot be pickled: {error}"
            ) from error
    return json.dumps(fields, sort_keys=True) if fields else ""


@functools.lru_cache
def merge(outer: str, inner: str) -> str:
    """What a task has if its submitter has one environment and its options name another.

    As in Ray, each field of the inner one counts, and the environment variables of both.
    """
    if not outer or not inner:
        return inner or outer
    outside, inside = json.loads(outer), json.loads(inner)
    variables = {**outside.get("env_vars", {}), **inside.get("env_vars", {})}
    both = {**outside, **inside, **({"env_vars": variables} if variables else {})}
    return json.dumps(both, sort_keys=True)


def from_text(text: str) -> RuntimeEnv:
    """What `get_runtime_context().runtime_env` shows."""
    environment = RuntimeEnv()
    environment.update(json.loads(text or "{}"))
    return environment


def apply(text: str) -> str:
    """Make this process one of the environment.

    Returns:
        What went wrong, as text; "" if nothing did.
    """
    fields = json.loads(text or "{}")
    try:
        for name, value in fields.get("env_vars", {}).items():
            os.environ[name] = os.path.expandvars(value)
        for path in reversed(fields.get("py_modules", [])):
            sys.path.insert(0, path if path.endswith(".whl") else str(Path(path).parent))
        if "working_dir" in fields:
            os.chdir(fields["working_dir"])
            sys.path.insert(0, fields["working_dir"])
    except OSError as error:
        return f"{error}. The folder was there when the task was submitted."
    hook = fields.get("worker_process_setup_hook")
    try:
        if hook:
            _load_hook(hook)()
    except Exception as error:
        return f"Failed to execute the setup hook method. {type(error).__name__}: {error}"
    return ""


_PICKLED = "pickled:"


def _load_hook(hook: str) -> Callable[[], object]:
    if hook.startswith(_PICKLED):
        function: Callable[[], object] = cloudpickle.loads(base64.b64decode(hook.removeprefix(_PICKLED)))
        return function
    module, _, name = hook.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    return function


# --- checks: each returns the value in the form in which it travels ---------------------------------


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are set.

    Raises:
        TypeError, ValueError: see `RuntimeEnv`.
    """
    checked = {}
    for name, value in fields.items():
        if value is None:
            continue
        if name in _LEFT_OUT:
            raise ValueError(explain(f"The field {name!r} of runtime_env", _LEFT_OUT[name]))
        if name not in _CHECKS:
            nearest = difflib.get_close_matches(name, [*_CHECKS, *_LEFT_OUT], n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(
                f"runtime_env has no field {name!r}.{hint} The fields are: {', '.join(_CHECKS)}."
            )
        value = _CHECKS[name](value)
        if value not in ({}, [], ""):
            checked[name] = value
    return checked


def _check_variables(value: Any) -> dict[str, str]:  # noqa: ANN401 - the user's input
    if not isinstance(value, dict):
        raise TypeError(f"runtime_env['env_vars'] must be of type Dict[str, str], got {type(value)}.")
    for name, text in value.items():
        for what, part in (("key", name), ("value", text)):
            if not isinstance(part, str):
                raise TypeError(
                    f"runtime_env['env_vars'] must be of type Dict[str, str], but the {what} {part!r} is of "
                    f"type {type(part)}."
                )
    return value


def _check_folder(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, (str, Path)):
        raise TypeError(f"`working_dir` must be a string, got {type(value)}.")
    return _local_path(value)


def _local_path(value: str | Path) -> str:
    if "://" in str(value):
        raise ValueError(explain(f"Loading {str(value)!r} for a runtime_env", "it uses local folders only"))
    path = Path(value).expanduser()
    if not path.is_dir() and not (path.suffix == ".whl" and path.is_file()):
        raise ValueError(f"{value} is not a valid path. A runtime_env needs a folder that exists.")
    return str(path.resolve())


def _check_modules(value: Any) -> list[str]:  # noqa: ANN401
    if not isinstance(value, list):
        raise TypeError(f"`py_modules` must be a list of strings, got {type(value)}.")
    paths = []
    for module in value:
        if isinstance(module, ModuleType):
            module = list(module.__path__)[0]  # noqa: RUF015 - as short
        if not isinstance(module, (str, Path)):
            raise TypeError(f"`py_modules` must be a list of strings or modules, got {type(module)} in it.")
        paths.append(_local_path(module))
    return paths


def _check_excludes(value: Any) -> list[str]:  # noqa: ANN401
    if not isinstance(value, list):
        raise TypeError(f"runtime_env['excludes'] must be of type List[str], got {type(value)}.")
    return value


def _check_hook(value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, str) and not inspect.isroutine(value):
        raise TypeError(f"worker_process_setup_hook must be a function or its full name, not {value!r}.")
    return value


def _check_config(value: Any) -> RuntimeEnvConfig:  # noqa: ANN401
    if not isinstance(value, dict):
        raise TypeError(f"runtime_env['config'] must be a dict or a RuntimeEnvConfig, got {type(value)}.")
    known = {name: value[name] for name in value if name in RuntimeEnvConfig()}
    return RuntimeEnvConfig(**known)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "env_vars": _check_variables,
    "working_dir": _check_folder,
    "py_modules": _check_modules,
    "excludes": _check_excludes,
    "worker_process_setup_hook": _check_hook,
    "config": _check_config,
}
