"""A task whose argument is an error never runs: the error becomes its result, with the task's name added.

The local scheduler decides so and adds the name without looking into the pickled error, which is the user's
data; who calls `get` puts the text together::

    ray::third() ...
      At least one of the input arguments for this task could not be computed:
    ray.exceptions.RayTaskError: ray::second() ...
      At least one of the input arguments for this task could not be computed:
    ray.exceptions.RayTaskError: ray::first() ...
      File "...", line 3, in first
    ValueError: no
"""

import marshal
import os
import pickle

from ..exceptions import ActorDiedError, RayTaskError, UnserializableException

_FIRST_OF_PICKLE = 0x80  # the first byte of a pickle, and never of what `marshal` makes of a tuple
# An error may run down a chain of any length; so many of its tasks are named.
_MOST_TASKS_NAMED = 20

_ACTOR = ""  # stands for the death of an actor whose constructor could not run

_Tasks = tuple[tuple[str, int], ...]  # name and process id, the last task of the chain first


def _parts(payload: bytes) -> tuple[bytes, _Tasks]:
    """The pickled error, and the tasks that did not run because of it."""
    if payload[0] == _FIRST_OF_PICKLE:
        return payload, ()
    parts: tuple[bytes, _Tasks] = marshal.loads(payload)
    return parts


def passed_on(payload: bytes, task: str) -> bytes:
    """The error of an argument as the result of the task that needed it."""
    pickled, tasks = _parts(payload)
    if len(tasks) == _MOST_TASKS_NAMED:
        tasks = tasks[:-1]
    return marshal.dumps((pickled, ((task, os.getpid()), *tasks)))


def died_of(payload: bytes, constructor: str) -> bytes:
    """The error of a constructor's argument as what all calls of the actor raise."""
    pickled, tasks = _parts(passed_on(payload, constructor))
    return marshal.dumps((pickled, ((_ACTOR, 0), *tasks)))


def load_error(payload: bytes) -> BaseException:
    """The exception to raise for a result that is an error."""
    pickled, tasks = _parts(payload)
    try:
        error: BaseException = pickle.loads(pickled)
    except Exception as why:
        error = UnserializableException(f"{type(why).__name__}: {why}")
    for task, pid in reversed(tasks):
        if task == _ACTOR:
            error = ActorDiedError(error if isinstance(error, RayTaskError) else str(error))
            continue
        text = (
            "Traceback (most recent call last):\n  At least one of the input arguments for this task could "
            f"not be computed:\nray.exceptions.{type(error).__name__}: {error}"
        )
        error = RayTaskError(task, text, error, pid=pid)
    return error.as_instanceof_cause() if isinstance(error, RayTaskError) else error
