"""The running of one task: load its function and arguments, call it, serialize what it returns or raises.

::

    RunTask -> function, arguments -> call -> results: (kind, payload, contained references)
                     |                 |
                     '--- an error ----'---> error results, a message for the event store, retry or not

What goes on around it (which task is next, signals, streams) is the matter of `worker.py`.
"""

import inspect
import itertools
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cloudpickle

from ..core_worker.core_worker import CoreWorker
from ..exceptions import ActorDiedError, RayError, RayTaskError, RuntimeEnvSetupError, TaskCancelledError
from ..session import here
from ..session.assignment import take_on
from ..values.functions import deserialize_function
from ..values.serialization import deserialize
from ..wire.ids import TaskID
from ..wire.messages import CONSTRUCTOR, DYNAMIC, ERROR, STREAMING, InterruptMissed, RunTask, result_count
from ..wire.task_error import user_traceback
from .results import Results

if TYPE_CHECKING:
    from .actor_host import ActorRunner


class _LazyFunction:
    """A function's code, or a class's, that has arrived but was not needed yet."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob

    def load(self, name: str, is_actor: bool) -> Callable[..., Any]:
        try:
            function = deserialize_function(self._blob)
        except Exception as error:
            # Ray raises this class and these first words, whatever went wrong.
            what = f"actor with name {name.removesuffix('.__init__')}" if is_actor else "remote function"
            raise RuntimeError(
                f"The {what} failed to import on the worker. This may be because needed library "
                f"dependencies are not installed in the worker environment.\n{type(error).__name__}: "
                f"{_with_advice(error, f'the function {name!r}')}"
            ) from error
        return function


class Execution:
    """Runs tasks in this process.

    Args:
        core: this process's connection.
    """

    def __init__(self, core: CoreWorker) -> None:
        self.in_user_code = False  # a signal to cancel finds the code that it is meant for
        self.interrupt_missed = False  # such a signal came when there was none
        self.setup_error = ""  # why this worker's runtime environment could not be set up
        self._core = core
        self._results = Results(core)
        self._functions: dict[bytes, Callable[..., Any] | _LazyFunction] = {}
        self.actor: ActorRunner | None = None  # if this process is an actor

    def run(self, task: RunTask) -> tuple[Any, Any]:
        """Run the task's function; whatever it raises becomes its result.

        Returns:
            What the function returned, and (results, error, retry) of `TaskDone`.
        """
        try:
            try:
                self.in_user_code = True  # loading arguments may take as long as using them
                if self.interrupt_missed:
                    self.interrupt_missed = False
                    self._core.send(InterruptMissed())
                function, args, kwargs = self._load(task)
                value = function(*args, **kwargs)
                del args, kwargs
                if task.num_returns == STREAMING:
                    self._results.stream(task, value)
                    value = None
                elif task.num_returns == DYNAMIC:
                    return self._collect(task, value)
                elif inspect.isgenerator(value):
                    return None, self._take(task, value)
                return value, (self._results.of(task, value), None, False)
            finally:
                self.in_user_code = False
        except KeyboardInterrupt as interrupt:
            text = user_traceback(interrupt).removesuffix("KeyboardInterrupt\n")
            _clear_frames(interrupt)
            return None, self.cancelled(task, text)
        except SystemExit:  # as in Ray, the process ends, and with it the task
            raise
        except BaseException as raised:
            return None, self._raised(task, raised)

    async def run_async(self, task: RunTask) -> tuple[Any, Any]:
        """Likewise in an event loop, which goes on with other calls while this one awaits something."""
        import asyncio  # only actors need it, and it takes long to load

        try:
            function, args, kwargs = self._load(task)
            value = function(*args, **kwargs)
            if inspect.iscoroutine(value):
                value = await value
            del args, kwargs
            if task.num_returns == STREAMING:
                await self._results.stream_async(task, value)
                value = None
            elif task.num_returns == DYNAMIC:
                return self._collect(task, value)
            return value, (self._results.of(task, value), None, False)
        except asyncio.CancelledError as interrupt:
            _clear_frames(interrupt)
            return None, self.cancelled(task)
        except SystemExit:
            raise
        except BaseException as raised:
            return None, self._raised(task, raised)

    def cancelled(self, task: RunTask, text: str = "") -> Any:  # noqa: ANN401
        """(results, error, retry) of a task that was cancelled; with a traceback if it ran."""
        error: BaseException = TaskCancelledError(TaskID(task.task_id))
        if text:
            error = self._task_error(task, f"{text}{type(error).__name__}: {error}\n", error)
        return self._failure(task, error, "TaskCancelledError", "")

    def _load(self, task: RunTask) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
        """The task's function and arguments."""
        if self.setup_error:
            raise RuntimeEnvSetupError(self.setup_error)
        if self.actor is None or task.method == CONSTRUCTOR:  # which is what an actor holds for life
            take_on(task)
        function = self._function(task)
        here.function = function
        try:
            values, keywords = deserialize(task.args)
        except Exception as error:
            raise _with_advice(error, f"an argument of {task.name!r}") from error
        for place, kind, payload in task.values:
            values[place] = self._core.getting.load((kind, payload))
        positional = len(values) - len(keywords)
        return function, values[:positional], dict(zip(keywords, values[positional:], strict=True))

    def _function(self, task: RunTask) -> Callable[..., Any]:
        if self.actor is not None and task.method != CONSTRUCTOR:
            return self.actor.function(task)
        if task.function_blob is not None:
            self._functions[task.function_id] = _LazyFunction(task.function_blob)
        function = self._functions[task.function_id]
        if isinstance(function, _LazyFunction):
            function = self._functions[task.function_id] = function.load(task.name, self.actor is not None)
        return function if self.actor is None else self.actor.constructor(function)

    def failed(self, task: RunTask, error: Exception) -> Any:  # noqa: ANN401
        """(results, error, retry) of a task that could not be begun."""
        return self._raised(task, error)

    def _collect(self, task: RunTask, items: Any) -> tuple[Any, Any]:  # noqa: ANN401 - what the user returned
        """All that a generator yields; if it raises, the error is the last item."""
        results: list[Any] = []
        failure: Any = ((), None, False)
        try:
            for item in items:
                results.append(self._results.one(task, 1 + len(results), item))
        except Exception as raised:
            failure = self._raised(task, raised)
            if failure[2]:
                return None, failure
            results += failure[0]
        refs, whole = self._results.references(task, len(results))
        return refs, ((whole, *results), *failure[1:])

    def _take(self, task: RunTask, items: Iterator[Any]) -> Any:  # noqa: ANN401
        """As many values of a generator as are wanted; if it raises, the error stands for those that lack.

        As in Ray, what it would yield beyond that is not asked for.
        """
        results: list[Any] = []
        try:
            for item in itertools.islice(items, task.num_returns):
                results.append(self._results.one(task, len(results), item))
            self._results.check_count(task, items, len(results))
        except Exception as raised:
            (errors, message, retry) = self._raised(task, raised)
            return (*results, *errors[len(results) :]), message, retry
        return tuple(results), None, False

    def _raised(self, task: RunTask, raised: BaseException) -> Any:  # noqa: ANN401
        """What becomes of an exception of the user's code."""
        text = user_traceback(raised)
        _clear_frames(raised)
        # No variable for the new error: its cause's traceback has this frame, which would be a cycle.
        return self._failure(task, self._task_error(task, text, raised), type(raised).__name__, text)

    def _task_error(self, task: RunTask, text: str, raised: BaseException) -> RayTaskError:
        if self.actor is None:
            return RayTaskError(task.name, text, raised)
        actor_id = self.actor.order.actor_id.hex()
        return RayTaskError(task.name, text, raised, actor_repr=self.actor.described(), actor_id=actor_id)

    def _failure(self, task: RunTask, error: BaseException, name: str, text: str) -> Any:  # noqa: ANN401
        cause = error.cause if isinstance(error, RayTaskError) else error
        message = (name, _short(cause), text)
        payload = _pickle_error(error)
        count = result_count(task.num_returns)
        if task.method == CONSTRUCTOR and isinstance(error, RayTaskError):
            payload, count = pickle.dumps(ActorDiedError(pickle.loads(payload))), 1
        results = ((ERROR, payload, ()),) * count
        return results, message, _should_retry(task, cause)


def _with_advice(error: Exception, what: str) -> Exception:
    """The same kind of error, with the likely cause and the remedy."""
    advice = (
        f"{error}\nThe worker could not unpickle {what}. Likely cause: a class or module that the driver "
        "has is not there in the worker, such as a module in a folder that only the driver's sys.path "
        "knows, or a name that was redefined. Put the module where both find it, or define the class in "
        "the notebook or script itself."
    )
    try:
        return type(error)(advice)
    except Exception:
        return RuntimeError(advice)


def _should_retry(task: RunTask, cause: BaseException) -> bool:
    if not task.retry_exceptions or isinstance(cause, TaskCancelledError):
        return False
    return task.retry_exceptions == b"*" or isinstance(cause, pickle.loads(task.retry_exceptions))


def _pickle_error(error: BaseException) -> bytes:
    """An exception as bytes; if it does not let itself be pickled, what can be said about it."""
    try:
        data: bytes = cloudpickle.dumps(error)
    except Exception as why:
        cause = error.cause if isinstance(error, RayTaskError) else error
        name = f"{type(cause).__module__}.{type(cause).__qualname__}"
        text = error.traceback_str if isinstance(error, RayTaskError) else _short(error)
        stand_in = RayError(
            f"Exception {name} isn't serializable: {why}.\nOriginal exception details:\n{text}"
        )
        if isinstance(error, RayTaskError):
            return pickle.dumps(RayTaskError(error.function_name, text, stand_in))
        return pickle.dumps(stand_in)
    return data


def _short(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its __str__ raised)"
    return text if len(text) <= 2000 else text[:2000] + "..."


def _clear_frames(error: BaseException) -> None:
    """Let go of what the frames of a failed task hold: references among it would keep their objects alive."""
    seen: set[int] = set()  # an error may be its own cause, by way of others
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
