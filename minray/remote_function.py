"""`@remote`: turns a function into one whose calls are tasks."""

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from . import left_out
from .frontend.options import TaskOptions, update_options
from .frontend.placing import place
from .frontend.signatures import Signature
from .runtime_env import merge
from .session import here
from .values.functions import serialize_function
from .wire.demand import Demand
from .wire.messages import DYNAMIC, STREAMING


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
        self._function = function
        self._options = options
        self._id = os.urandom(16)
        self._name = getattr(function, "__qualname__", type(function).__name__).split("<locals>.")[-1]
        module, full_name = getattr(function, "__module__", ""), getattr(function, "__qualname__", self._name)
        self._full_name = f"{module}.{full_name}"
        self._demand: Demand | None = None  # known at the first call
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
        if self._demand is None:
            self._demand = self._options.demand()
        submit = self._submit if self._decorator is None else self._submit_decorated
        return submit(args, kwargs, self._options, self._demand)

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

    def _submit(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], options: TaskOptions, demand: Demand
    ) -> Any:  # noqa: ANN401
        self._signature.check(self._name, args, kwargs)
        core = here.connected_core()
        core.submission.export(self._id, self._name, lambda: serialize_function(self._function, self._name))
        demand, placement = place(options, demand, self._name)
        num_returns = self._num_returns(options)
        returned = core.submission.submit(
            self._id,
            options.name or self._name,
            args,
            kwargs,
            num_returns=num_returns,
            demand=demand,
            max_retries=options.max_retries,
            retry_exceptions=options.retry_exceptions,
            placement=placement,
            environment=merge(here.environment, options.runtime_env),
            max_calls=options.max_calls,
            backpressure=options.backpressure,
            function=self._full_name,
            recorded=options.enable_task_events,
        )
        if num_returns == 1 or num_returns < 0:
            return returned[0]
        return returned or None

    def _submit_decorated(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], options: TaskOptions, demand: Demand
    ) -> Any:  # noqa: ANN401
        assert self._decorator is not None
        call = self._decorator(lambda args, kwargs: self._submit(tuple(args), kwargs, options, demand))
        return call(args, kwargs)

    def _num_returns(self, options: TaskOptions) -> int:
        """What the option means for this function.

        Raises:
            ValueError: it is for generators, and the function is none.
        """
        given = options.num_returns
        if given is None:
            return STREAMING if self._is_generator else 1
        if isinstance(given, int):
            return given
        if not self._is_generator:
            raise ValueError(
                f"num_returns={given!r} can only be used with generator functions (functions that use "
                f"'yield'), and {self._name!r} is not one."
            )
        return STREAMING if given == "streaming" else DYNAMIC

    def __repr__(self) -> str:
        return f"<remote function {self._name}>"


class BoundOptions:
    """A remote function with options for one call: what `RemoteFunction.options` returns."""

    def __init__(self, function: RemoteFunction, options: TaskOptions) -> None:
        self._function = function
        self._options = options

    def remote(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Submit a task; see `RemoteFunction.remote`."""
        function = self._function
        submit = function._submit if function._decorator is None else function._submit_decorated
        return submit(args, kwargs, self._options, self._options.demand())
