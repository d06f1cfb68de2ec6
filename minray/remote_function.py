"""`@remote`: turns a function into one whose calls are tasks."""

import difflib
import functools
import inspect
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle

from . import process_state
from .config import DEFAULT_MAX_RETRIES
from .object_ref import ObjectRef
from .scheduling import Demand, to_demand
from .serialization import serialize_function

logger = logging.getLogger("minray")

# Options of Ray's that make no difference to a task on one machine; accepted, so that code runs unchanged.
_WITHOUT_EFFECT = frozenset(
    {
        *(
            "accelerator_type",
            "enable_task_events",
            "fallback_strategy",
            "label_selector",
            "max_calls",
            "memory",
        ),
        *("object_store_memory", "runtime_env", "scheduling_strategy", "_labels", "_metadata"),
    }
)


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How a task is to be run; the names and defaults are Ray's."""

    num_cpus: float = 1
    num_gpus: float = 0
    resources: tuple[tuple[str, float], ...] = ()
    num_returns: int = 1
    max_retries: int = DEFAULT_MAX_RETRIES
    retry_exceptions: bytes = b""
    name: str = ""

    def demand(self) -> Demand:
        """The resources that the task needs while it runs."""
        return to_demand({"CPU": self.num_cpus, "GPU": self.num_gpus, **dict(self.resources)})


def update_options(options: TaskOptions, changes: dict[str, Any]) -> TaskOptions:
    """Check what the user asked for and add it to the options.

    Raises:
        ValueError: an option does not exist, or its value makes no sense.
    """
    if "num_return_vals" in changes:  # the name before Ray 1.0
        changes = {**changes, "num_returns": changes["num_return_vals"]}
        del changes["num_return_vals"]
    checked: dict[str, Any] = {}
    for key, value in changes.items():
        if key in _WITHOUT_EFFECT:
            logger.info("The option %s=%r has no effect in minray.", key, value)
        elif key in TaskOptions.__dataclass_fields__:
            checked[key] = _checked(key, value)
        else:
            known = [*TaskOptions.__dataclass_fields__, *_WITHOUT_EFFECT]
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = (
                f" Did you mean {nearest[0]!r}?"
                if nearest
                else f" The options are: {', '.join(sorted(known))}."
            )
            raise ValueError(f"Invalid option keyword {key!r} for remote functions.{hint}")
    options = replace(options, **{key: value for key, value in checked.items() if value is not None})
    options.demand()
    return options


def _checked(key: str, value: Any) -> Any:  # noqa: ANN401 - the user's input
    """The value of an option, in the form that `TaskOptions` holds it."""
    if value is None:
        return None
    check = _CHECKS.get(key)
    return value if check is None else check(key, value)


def _number(key: str, value: Any) -> float:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{key} must be a number, but it is {value!r}.")
    if not 0 <= value < math.inf:
        raise ValueError(f"{key} must be a number from 0 up, but it is {value!r}.")
    return value


def _resources(key: str, value: Any) -> tuple[tuple[str, float], ...]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise TypeError(f"{key} must be a dictionary such as {{'disk': 1}}, but it is {value!r}.")
    if "CPU" in value or "GPU" in value:
        raise ValueError(
            "Use the 'num_cpus' and 'num_gpus' keywords instead of 'CPU' and 'GPU' in 'resources' keyword."
        )
    return tuple((name, _number(f"{key}[{name!r}]", amount)) for name, amount in sorted(value.items()))


def _count(key: str, value: Any) -> int:  # noqa: ANN401
    least = -1 if key == "max_retries" else 0
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        allowed = "0, -1" if least else "0"
        raise ValueError(f"The keyword {key!r} only accepts {allowed} or a positive integer, not {value!r}.")
    return value


def _retry_exceptions(_key: str, value: Any) -> bytes:  # noqa: ANN401
    if isinstance(value, bool):
        return b"*" if value else b""
    classes = tuple(value) if isinstance(value, (list, tuple)) else (None,)
    if not all(inspect.isclass(cls) and issubclass(cls, BaseException) for cls in classes):
        raise TypeError(f"retry_exceptions must be a boolean or a list of exception classes, not {value!r}.")
    data: bytes = cloudpickle.dumps(classes)
    return data


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "num_cpus": _number,
    "num_gpus": _number,
    "resources": _resources,
    "num_returns": _count,
    "max_retries": _count,
    "retry_exceptions": _retry_exceptions,
}


class RemoteFunction:
    """A function whose calls are tasks; made by `@remote`.

    The function is pickled at its first `.remote(...)`, with the closure and the global variables that it has
    then, and sent to a worker when the worker first needs it.  Defining it anew, in a notebook cell, makes a
    new `RemoteFunction`.

    Example:
        >>> @ray.remote
        ... def square(n):
        ...     return n * n
        >>> ray.get(square.remote(4))
        16
    """

    def __init__(self, function: Callable[..., Any], options: TaskOptions) -> None:
        self._function = function
        self._options = options
        self._id = os.urandom(16)
        self._name = getattr(function, "__qualname__", type(function).__name__).split("<locals>.")[-1]
        self._demand = options.demand()
        functools.update_wrapper(self, function, updated=())
        self._signature: inspect.Signature | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        raise TypeError(
            f"Remote functions cannot be called directly. Instead of running '{self._name}()', "
            f"try '{self._name}.remote()'."
        )

    def remote(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Submit a task that calls the function; return at once.

        Args:
            *args: positional arguments; an `ObjectRef` is replaced by its value before the function runs, one
                inside a list or other container stays a reference.
            **kwargs: keyword arguments, likewise.

        Returns:
            An `ObjectRef`; a list of them if the function has `num_returns` > 1; None if it has 0.

        Raises:
            TypeError: the arguments do not fit the function's signature, or something cannot be pickled.
        """
        return self._submit(args, kwargs, self._options, self._demand)

    def options(self, **changes: Any) -> "BoundOptions":  # noqa: ANN401
        """The same function with other options, for the next call.

        Args:
            **changes: `num_cpus`, `num_gpus`, `resources`, `num_returns`, `max_retries`, `retry_exceptions`,
            `name`.

        Raises:
            ValueError: there is no such option; the message names the nearest one.
        """
        return BoundOptions(self, update_options(self._options, changes))

    def _submit(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], options: TaskOptions, demand: Demand
    ) -> Any:  # noqa: ANN401
        self._check_arguments(args, kwargs)
        core = process_state.connected_core()
        core.export(self._id, self._name, lambda: serialize_function(self._function, self._name))
        refs: list[ObjectRef] = core.submit(
            self._id,
            options.name or self._name,
            args,
            kwargs,
            num_returns=options.num_returns,
            demand=demand,
            max_retries=options.max_retries,
            retry_exceptions=options.retry_exceptions,
        )
        if options.num_returns == 1:
            return refs[0]
        return refs or None

    def _check_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A wrong call is an error here and now, not later in a worker."""
        if self._signature is None:
            try:
                self._signature = inspect.signature(self._function)
            except (TypeError, ValueError):  # some built-in functions have none
                self._signature = inspect.Signature(
                    [
                        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
                    ]
                )
            parameters = self._signature.parameters.values()
            simple = all(p.kind == p.POSITIONAL_OR_KEYWORD for p in parameters)
            required = sum(p.default is p.empty for p in parameters)
            # How many positional arguments are surely right, so that most calls need not be bound.
            self._fitting = range(required, len(parameters) + 1) if simple else range(0)
        if not kwargs and len(args) in self._fitting:
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{self._name}.remote(): {error}. Its signature is {self._name}{self._signature}."
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_signature": None}

    def __repr__(self) -> str:
        return f"<remote function {self._name}>"


class BoundOptions:
    """A remote function with options for one call: what `RemoteFunction.options` returns."""

    def __init__(self, function: RemoteFunction, options: TaskOptions) -> None:
        self._function = function
        self._options = options

    def remote(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Submit a task; see `RemoteFunction.remote`."""
        return self._function._submit(args, kwargs, self._options, self._options.demand())
