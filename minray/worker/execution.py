"""The running of one task: load its function and arguments, call it, serialize what it returns or raises.

::

    RunTask -> function, arguments -> call -> results: (kind, payload, contained references)
                     |                 |
                     '--- an error ----'---> error results, a message for the event store, retry or not

What goes on around it (which task is next, signals, streams) is the matter of `worker`.
"""

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ..core_worker.connection import Connection
from ..core_worker.getting import Getting
from ..core_worker.lending import Lending
from ..core_worker.outbox import Outbox
from ..exceptions import RuntimeEnvSetupError
from ..object_store.client import StoreClient
from ..session import here
from ..values.functions import deserialize_function
from ..values.serialization import deserialize, serialize
from ..wire.config import INLINE_BYTES
from ..wire.ids import object_id
from ..wire.messages import CONSTRUCTOR, DYNAMIC, INLINE, STREAMING, InterruptMissed, RunTask
from . import failures
from .failures import Outcome, Result
from .generators import Yielding


class Execution:
    """Runs tasks in this process.

    Args:
        getting: loads the arguments that other tasks have made.
        outbox: sends what goes out while a task runs.
        connection: brings word of a generator's items that were taken.
        lending: is told when a generator waits for that.
        store: takes large results.
    """

    def __init__(
        self, getting: Getting, outbox: Outbox, connection: Connection, lending: Lending, store: StoreClient
    ) -> None:
        self._getting, self._outbox, self._store = getting, outbox, store
        self._yielding = Yielding(self._one, outbox, connection, lending)
        self._functions: dict[bytes, Callable[..., Any] | bytes] = {}  # bytes: not needed yet
        self._in_user_code = False  # a signal to cancel finds the code that it is meant for
        self._interrupt_missed = False  # such a signal came when there was none
        self._setup_error = ""

    def refuse_all(self, why: str) -> None:
        """This worker's runtime environment could not be set up: its tasks fail."""
        self._setup_error = why

    def interrupt(self) -> None:
        """A signal to cancel has come, in the main thread.

        Raises:
            KeyboardInterrupt: the code that it is meant for runs.
        """
        if self._in_user_code:
            raise KeyboardInterrupt
        self._interrupt_missed = True

    def run(self, task: RunTask) -> tuple[Any, Outcome]:
        """Run the task's function; whatever it raises becomes its result.

        Returns:
            What the function returned, and (results, error, retry) of `TaskDone`.
        """
        try:
            try:
                self._in_user_code = True  # loading arguments may take as long as using them
                if self._interrupt_missed:
                    self._interrupt_missed = False
                    self._outbox.send(InterruptMissed())
                function, args, kwargs = self._load(task)
                value = function(*args, **kwargs)
                del args, kwargs
                if task.num_returns == STREAMING:
                    self._yielding.stream(task, value)
                    value = None
                elif task.num_returns == DYNAMIC:
                    return self._yielding.collect(task, value)
                elif inspect.isgenerator(value):
                    return None, self._take(task, value)
                return value, (self._results(task, value), None, False)
            finally:
                self._in_user_code = False
        except KeyboardInterrupt as interrupt:
            return None, failures.cancelled(task, interrupt)
        except SystemExit:  # as in Ray, the process ends, and with it the task
            raise
        except BaseException as raised:
            return None, failures.raised(task, raised)

    async def run_async(self, task: RunTask) -> tuple[Any, Outcome]:
        """Likewise in an event loop, which goes on with other calls while this one awaits something."""
        import asyncio  # only actors need it, and it takes long to load

        try:
            function, args, kwargs = self._load(task)
            value = function(*args, **kwargs)
            if inspect.iscoroutine(value):
                value = await value
            del args, kwargs
            if task.num_returns == STREAMING:
                await self._yielding.stream_async(task, value)
                value = None
            elif task.num_returns == DYNAMIC:
                return self._yielding.collect(task, value)
            return value, (self._results(task, value), None, False)
        except asyncio.CancelledError as interrupt:
            failures.clear_frames(interrupt)
            return None, failures.cancelled(task)
        except SystemExit:
            raise
        except BaseException as raised:
            return None, failures.raised(task, raised)

    def _load(self, task: RunTask) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
        """The task's function and arguments."""
        if self._setup_error:
            raise RuntimeEnvSetupError(self._setup_error)
        if here.actor is None or task.method == CONSTRUCTOR:  # which is what an actor holds for life
            here.take_on(task)
        function = self._function(task)
        here.runs(function)
        try:
            values, keywords = deserialize(task.args)
        except Exception as error:
            raise failures.with_advice(error, f"an argument of {task.name!r}") from error
        for place, kind, payload in task.values:
            values[place] = self._getting.load((kind, payload))
        positional = len(values) - len(keywords)
        return function, values[:positional], dict(zip(keywords, values[positional:], strict=True))

    def _function(self, task: RunTask) -> Callable[..., Any]:
        actor = here.actor
        if actor is not None and task.method != CONSTRUCTOR:
            return actor.function(task)
        if task.function_blob is not None:
            self._functions[task.function_id] = task.function_blob
        function = self._functions[task.function_id]
        if isinstance(function, bytes):
            function = self._functions[task.function_id] = _load_function(function, task.name)
        return function if actor is None else actor.constructor(function)

    # --- what it returns ----------------------------------------------------------------------------

    def _results(self, task: RunTask, value: Any) -> tuple[Result, ...]:  # noqa: ANN401
        """The results of a task that returned this.

        Raises:
            ValueError: these are not as many values as `num_returns` says.
            TypeError: something cannot be pickled.
        """
        wanted = task.num_returns
        if wanted <= 1:
            return (self._one(task, 0, value),) if wanted else ()
        parts = value if hasattr(value, "__iter__") else [value]
        results = tuple(self._one(task, index, part) for index, part in enumerate(parts))
        _check_count(task, value, len(results))
        return results

    def _one(self, task: RunTask, index: int, value: Any) -> Result:  # noqa: ANN401
        """One value.

        Raises:
            TypeError: it cannot be pickled.
        """
        try:
            serialized = serialize(value)
        except Exception as error:
            raise TypeError(
                f"The task {task.name!r} returned a {type(value).__name__}, which cannot be sent to "
                f"another process ({type(error).__name__}: {error}). Return plain data instead, and make "
                "such things where they are used."
            ) from error
        if serialized.size > INLINE_BYTES:
            kind, payload = self._store.write(object_id(task.task_id, index), serialized)
            return kind, payload, serialized.contained
        return INLINE, serialized.to_bytes(), serialized.contained

    def _take(self, task: RunTask, items: Iterator[Any]) -> Any:  # noqa: ANN401
        """As many values of a generator as are wanted; if it raises, the error stands for those that lack.

        As in Ray, what it would yield beyond that is not asked for.
        """
        results: list[Any] = []
        try:
            for item in itertools.islice(items, task.num_returns):
                results.append(self._one(task, len(results), item))
            _check_count(task, items, len(results))
        except Exception as raised:
            (errors, message, retry) = failures.raised(task, raised)
            return (*results, *errors[len(results) :]), message, retry
        return tuple(results), None, False


def _load_function(blob: bytes, name: str) -> Callable[..., Any]:
    """A function's code, or a class's."""
    try:
        return deserialize_function(blob)
    except Exception as error:
        # Ray raises this class and these first words, whatever went wrong.
        actor = f"actor with name {name.removesuffix('.__init__')}"
        raise RuntimeError(
            f"The {'remote function' if here.actor is None else actor} failed to import on the worker. This "
            "may be because needed library dependencies are not installed in the worker environment.\n"
            f"{type(error).__name__}: {failures.with_advice(error, f'the function {name!r}')}"
        ) from error


def _check_count(task: RunTask, value: Any, count: int) -> None:  # noqa: ANN401
    """Refuse a result with other than the number of values that the task promised.

    Raises:
        ValueError: it has.
    """
    if count != task.num_returns:
        what = f"{count} objects" if hasattr(value, "__iter__") else f"one {type(value).__name__}"
        raise ValueError(
            f"Task returned {what}, but num_returns={task.num_returns}. The task {task.name!r} should "
            f"return {task.num_returns} values, as a tuple, say, or num_returns should be another number."
        )
