"""What a task returns or yields on its way out: serialized, and in the object store if it is large.

A generator's items go out one by one while it runs, as `ItemYielded`; everything else goes with `TaskDone`.
"""

import os
from typing import Any

from ..core_worker.core_worker import CoreWorker
from ..core_worker.generator import DynamicObjectRefGenerator
from ..values.ref import ObjectRef, load_ref
from ..values.serialization import serialize
from ..wire.config import INLINE_BYTES
from ..wire.ids import object_id
from ..wire.messages import INLINE, ItemYielded, RunTask, result_count

_LIMIT = "RAY_max_num_generator_returns"  # Ray's name for it
_MOST_ITEMS = int(os.environ.get(_LIMIT, 100_000_000))

# (kind, payload, references it contains)
Result = tuple[int, Any, tuple[bytes, ...]]


class Results:
    """Serializes what tasks return.

    Args:
        core: this process's connection.
    """

    def __init__(self, core: CoreWorker) -> None:
        self._core = core

    def of(self, task: RunTask, value: Any) -> tuple[Result, ...]:  # noqa: ANN401
        """The results of a task that returned this.

        Raises:
            ValueError: these are not as many values as `num_returns` says.
            TypeError: something cannot be pickled.
        """
        wanted = task.num_returns
        if wanted <= 1:
            return (self.one(task, 0, value),) if result_count(wanted) else ()
        parts = value if hasattr(value, "__iter__") else [value]
        results = tuple(self.one(task, index, part) for index, part in enumerate(parts))
        self.check_count(task, value, len(results))
        return results

    @staticmethod
    def check_count(task: RunTask, value: Any, count: int) -> None:  # noqa: ANN401
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

    def one(self, task: RunTask, index: int, value: Any) -> Result:  # noqa: ANN401
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
            kind, payload = self._core.store(object_id(task.task_id, index), serialized)
            return kind, payload, serialized.contained
        return INLINE, serialized.to_bytes(), serialized.contained

    def references(self, task: RunTask, count: int) -> tuple[list[ObjectRef], Result]:
        """References to so many items of the task, and the result that holds them."""
        refs = [load_ref(object_id(task.task_id, 1 + index)) for index in range(count)]
        return refs, self.one(task, 0, DynamicObjectRefGenerator(refs))

    def stream(self, task: RunTask, items: Any) -> None:  # noqa: ANN401 - whatever the user's code returned
        """Send what a generator yields, each item at once, and wait where it may not run ahead.

        Raises:
            TypeError: this is no generator, or an item cannot be pickled.
        """
        if not hasattr(items, "__next__"):
            raise _no_generator(task, items)
        try:
            for index, item in enumerate(items):
                _check_number(index)
                self._send_item(task, index, item)
                if task.backpressure > 0:
                    self._core.wait_until_taken(task.task_id, index + 2 - task.backpressure)
        finally:
            self._core.forget_taken(task.task_id)

    async def stream_async(self, task: RunTask, items: Any) -> None:  # noqa: ANN401
        """Likewise, without holding up the event loop.

        Raises:
            ValueError: the generator is to wait for its owner, which async actors do not offer.
        """
        if task.backpressure > 0:
            raise ValueError("_generator_backpressure_num_objects is not supported for an async actor.")
        if hasattr(items, "__next__"):
            items = _in_turns(items)
        elif not hasattr(items, "__anext__"):
            raise _no_generator(task, items)
        index = 0
        async for item in items:
            _check_number(index)
            self._send_item(task, index, item)
            index += 1

    def _send_item(self, task: RunTask, index: int, item: Any) -> None:  # noqa: ANN401
        if index >= task.skip:
            self._core.send(ItemYielded(task.task_id, index, *self.one(task, 1 + index, item)))


async def _in_turns(items: Any) -> Any:  # noqa: ANN401
    """An ordinary generator's items; after each, others have their turn in the event loop."""
    import asyncio  # only actors need it, and it takes long to load

    for item in items:
        yield item
        await asyncio.sleep(0)


def _check_number(index: int) -> None:
    """Ray's limit to what a generator may yield.

    Raises:
        ValueError: it is reached.
    """
    if index >= _MOST_ITEMS:
        raise ValueError(
            f"The number of values yielded by the generator exceeds the limit of {_MOST_ITEMS}. Set the "
            f"environment variable {_LIMIT} to raise it."
        )


def _no_generator(task: RunTask, items: Any) -> TypeError:  # noqa: ANN401
    return TypeError(
        f"The task {task.name!r} has num_returns='streaming', so it must return a generator, but it "
        f"returned a {type(items).__name__}."
    )
