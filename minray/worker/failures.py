"""What becomes of an exception of the user's code: results of its task that are errors, which `get` raises.

Each function here returns the outcome of a task that failed: its results, what the event store is told, and
whether it is one of the exceptions after which the task is to be tried again.
"""

import pickle
import traceback
from typing import Any

import cloudpickle

from ..exceptions import ActorDiedError, RayError, RayTaskError, TaskCancelledError
from ..session import here
from ..wire.ids import TaskID, result_count
from ..wire.messages import CONSTRUCTOR, ERROR, RunTask
from ..wire.task_error import user_traceback

# (kind, payload, references it contains)
Result = tuple[int, Any, tuple[bytes, ...]]
# The fields `results`, `error` and `retry` of `TaskDone`.
Outcome = tuple[tuple[Result, ...], tuple[str, str, str] | None, bool]


def raised(task: RunTask, error: BaseException) -> Outcome:
    """The task, or what was to be done before it could begin, raised this."""
    text = user_traceback(error)
    clear_frames(error)
    # No variable for the new error: its cause's traceback has this frame, which would be a cycle.
    return _failure(task, _task_error(task, text, error), type(error).__name__, text)


def cancelled(task: RunTask, interrupt: BaseException | None = None) -> Outcome:
    """The task was cancelled; in the midst of its code if there is an interrupt."""
    error: BaseException = TaskCancelledError(TaskID(task.task_id))
    if interrupt is not None:
        text = user_traceback(interrupt).removesuffix("KeyboardInterrupt\n")
        clear_frames(interrupt)
        error = _task_error(task, f"{text}{type(error).__name__}: {error}\n", error)
    return _failure(task, error, "TaskCancelledError", "")


def _task_error(task: RunTask, text: str, error: BaseException) -> RayTaskError:
    if here.actor is None:
        return RayTaskError(task.name, text, error)
    actor_id = here.actor.order.actor_id.hex()
    return RayTaskError(task.name, text, error, actor_repr=here.actor.described(), actor_id=actor_id)


def _failure(task: RunTask, error: BaseException, name: str, text: str) -> Outcome:
    cause = error.cause if isinstance(error, RayTaskError) else error
    message = (name, _short(cause), text)
    payload = _pickle_error(error)
    count = result_count(task.num_returns)
    if task.method == CONSTRUCTOR and isinstance(error, RayTaskError):
        payload, count = pickle.dumps(ActorDiedError(pickle.loads(payload))), 1
    return ((ERROR, payload, ()),) * count, message, _should_retry(task, cause)


def with_advice(error: Exception, what: str) -> Exception:
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
        return bytes(cloudpickle.dumps(error))
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


def _short(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its __str__ raised)"
    return text if len(text) <= 2000 else text[:2000] + "..."


def clear_frames(error: BaseException) -> None:
    """Let go of what the frames of a failed task hold: references among it would keep their objects alive."""
    seen: set[int] = set()  # an error may be its own cause, by way of others
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
