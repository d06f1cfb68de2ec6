"""`@remote`: makes functions whose calls are tasks, and classes whose instances are actors.

What all calls with the same options have in common is worked out at the first of them::

    f.remote(x) -> signature: do the arguments fit? -> submission: SubmitTask
                |- first call: options -> `_Prepared`
                '- first call in a session: the function's code -> ExportFunction
"""

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn, overload

from . import left_out
from .actor import ActorClass
from .core_worker import current
from .core_worker.submission import Calls
from .frontend.options import TaskOptions, number_of_returns, update_options
from .frontend.placing import place, places_itself
from .frontend.signatures import Signature
from .runtime_env import merge
from .session import here
from .values.functions import serialize_function
from .wire.demand import Demand
from .wire.ids import result_count


class _Prepared(NamedTuple):
    """What all calls with the same options have in common; it holds in every session and process."""

    options: TaskOptions
    calls: Calls
    demand: Demand
    is_placed: bool  # by its options; else it goes where its submitter's tasks go


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
        if inspect.iscoroutinefunction(function):
            raise ValueError(
                "'async def' should not be used for remote tasks. You can wrap the async function with "
                "`asyncio.run(f())` in a function of its own, or make it a method of an actor."
            )
        self._function, self._options = function, options
        self._id = os.urandom(16)
        self._name = getattr(function, "__qualname__", type(function).__name__).split("<locals>.")[-1]
        module, full_name = getattr(function, "__module__", ""), getattr(function, "__qualname__", self._name)
        self._full_name = f"{module}.{full_name}"
        self._prepared: _Prepared | None = None  # known at the first call
        self._is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        self._num_returns(options)
        # Takes a function of the arguments (a sequence and a dictionary), which submits the task, and returns
        # another to be used instead: Ray's way to let libraries change how functions are called.
        self._decorator = getattr(function, "__ray_invocation_decorator__", None)
        functools.update_wrapper(self, function, updated=())
        self._signature = Signature.of(function)

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
            An `ObjectRef`; a list of them if the function has `num_returns` > 1; None if it has 0; an
            `ObjectRefGenerator` if it is a generator function.

        Raises:
            TypeError: the arguments do not fit the function's signature, or something cannot be pickled.
            ValueError: the function asks for one and a half GPUs, or the like.
        """
        if self._prepared is None:
            self._prepared = self._prepare(self._options)
        submit = self._submit if self._decorator is None else self._submit_decorated
        return submit(self._prepared, args, kwargs)

    def _remote(
        self,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Arguments and options in one call: an older way to write `.options(...).remote(...)`."""
        bound = self.options(**options) if options else self
        return bound.remote(*(args or ()), **(kwargs or {}))

    def options(self, **changes: Any) -> "BoundOptions":  # noqa: ANN401
        """The same function with other options, for the next call.

        Args:
            **changes: any of `options.TASK` but `max_calls`.

        Raises:
            ValueError: there is no such option (the message names the nearest one), or its value is wrong.
            TypeError: a value has the wrong type.
        """
        options = update_options(self._options, changes, in_options=True)
        self._num_returns(options)
        return BoundOptions(self, options)

    def bind(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401
        """Left out: task graphs that are built before they run.

        Raises:
            LeftOutError: always.
        """
        raise left_out.error("The method .bind", left_out.LEFT_OUT["dag"])

    def _prepare(self, options: TaskOptions) -> _Prepared:
        num_returns = self._num_returns(options)
        calls = Calls(
            options.name or self._name,
            self._full_name,
            num_returns,
            result_count(num_returns),
            function_id=self._id,
            max_retries=options.max_retries,
            retry_exceptions=options.retry_exceptions,
            max_calls=options.max_calls,
            backpressure=options.backpressure,
            recorded=options.enable_task_events,
        )
        return _Prepared(options, calls, options.demand(), places_itself(options))

    def _submit(self, prepared: _Prepared, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        self._signature.check(self._name, args, kwargs)
        submission = (current.core or current.connected_core()).submission
        if self._id not in submission.exported:
            submission.export(self._id, self._name, serialize_function(self._function, self._name))
        options, calls, demand, is_placed = prepared
        placement, environment = here.placement(), here.environment
        if is_placed or placement:  # its submitter may be in a group that its tasks go into, too
            demand, placement = place(options, demand, self._name)
        if options.runtime_env:
            environment = merge(environment, options.runtime_env)
        return submission.submit(calls, args, kwargs, demand, placement, environment)

    def _submit_decorated(self, prepared: _Prepared, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        assert self._decorator is not None
        call = self._decorator(lambda args, kwargs: self._submit(prepared, tuple(args), kwargs))
        return call(args, kwargs)

    def _num_returns(self, options: TaskOptions) -> int:
        """What the option means for this function.

        Raises:
            ValueError: it is for generators, and the function is none.
        """
        if isinstance(options.num_returns, str) and not self._is_generator:
            raise ValueError(
                f"num_returns={options.num_returns!r} can only be used with generator functions (functions "
                f"that use 'yield'), and {self._name!r} is not one."
            )
        return number_of_returns(options.num_returns, self._is_generator)

    def __repr__(self) -> str:
        return f"<remote function {self._name}>"


class BoundOptions:
    """A remote function with options for one call: what `RemoteFunction.options` returns."""

    def __init__(self, function: RemoteFunction, options: TaskOptions) -> None:
        self._function, self._options = function, options
        self._prepared: _Prepared | None = None  # known at the first call

    def remote(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Submit a task; see `RemoteFunction.remote`."""
        function = self._function
        if self._prepared is None:
            self._prepared = function._prepare(self._options)
        submit = function._submit if function._decorator is None else function._submit_decorated
        return submit(self._prepared, args, kwargs)


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
