"""`remote`: makes tasks of functions and actors of classes."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, overload

from ..actor import ActorClass
from ..remote_function import RemoteFunction
from .options import TaskOptions, update_options


@overload
def remote(function: type, /) -> Any: ...  # noqa: ANN401 - an ActorClass; its methods are only known at run time


@overload
def remote(function: Callable[..., Any], /) -> RemoteFunction: ...


@overload
def remote(**options: Any) -> Callable[[Any], Any]: ...  # noqa: ANN401


def remote(*args: Any, **options: Any) -> Any:
    """Turn a function into one whose calls are tasks, or a class into one whose instances are actors.

    Args:
        *args: the function or class, if used as ``@remote``.
        **options: if used as ``@remote(num_cpus=2)``. For both: `num_cpus`, `num_gpus`, `resources`,
            `memory`, `name`, `scheduling_strategy`, `runtime_env`. For functions: `num_returns`,
            `max_retries`, `retry_exceptions`. For classes: `max_restarts`, `max_task_retries`,
            `max_concurrency`, `concurrency_groups`, `max_pending_calls`, `lifetime`, `namespace`.

    Returns:
        A `RemoteFunction` or an `ActorClass`, or a decorator that makes one.

    Raises:
        AssertionError: there are arguments without keywords, or empty parentheses.
        TypeError: what is decorated is neither function nor class.
        ValueError: there is no such option.

    Example:
        >>> @ray.remote(num_returns=2)
        ... def halves(n):
        ...     return n // 2, n - n // 2
        >>> low, high = halves.remote(9)

    Source: https://docs.ray.io/en/latest/ray-core/api/core.html, under `ray.remote`
    """
    if len(args) == 1 and not options and callable(args[0]):
        return _make_remote(args[0], {})
    if args or not options:
        raise AssertionError(
            "The @remote decorator must be applied either with no arguments and no parentheses, as @remote, "
            "or with keyword options only, as in @remote(num_cpus=2)."
        )
    return lambda decorated: _make_remote(decorated, options)


def _make_remote(decorated: Any, options: dict[str, Any]) -> RemoteFunction | ActorClass:  # noqa: ANN401
    if inspect.isclass(decorated):
        return ActorClass(decorated, options)
    if not callable(decorated):
        raise TypeError(
            f"The @remote decorator must be applied to a function or a class, not to {decorated!r}."
        )
    given = update_options(TaskOptions(), options)
    if given.num_gpus and options.get("max_calls") is None:
        # As in Ray: libraries keep a GPU's memory until their process ends.
        given = replace(given, max_calls=1)
    return RemoteFunction(decorated, given)
