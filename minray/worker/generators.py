"""The items of generator tasks, from the worker's side: sent one by one, or all at the end.

An item of ``num_returns="streaming"`` goes out at once, as `ItemYielded`, while the generator runs on; with
"dynamic" all go with `TaskDone`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core_worker.connection import Connection
from ..core_worker.generator import DynamicObjectRefGenerator
from ..core_worker.lending import Lending
from ..core_worker.outbox import Outbox
from ..values.ref import load_ref
from ..wire.ids import object_id
from ..wire.messages import ItemsTaken, ItemYielded, RunTask
from . import failures
from .failures import Result

_LIMIT = "RAY_max_num_generator_returns"  # Ray's name for it
_MOST_ITEMS = int(os.environ.get(_LIMIT, 100_000_000))


@dataclass(eq=False)
class Yielding:
    """Takes the items of generators that run in this process.

    Args:
        one: serializes a value, as a task's result with that index.
        outbox: sends it.
        connection: brings word of items that were taken.
        lending: is told when a generator begins to wait for that.
    """

    _one: Callable[[RunTask, int, Any], Result]
    _outbox: Outbox
    _connection: Connection
    _lending: Lending

    def __post_init__(self) -> None:
        self._taken: dict[bytes, int] = {}  # of generators that must not run ahead, by their tasks
        self._connection.handle(ItemsTaken, self._on_items_taken)

    def collect(self, task: RunTask, items: Any) -> tuple[Any, Any]:  # noqa: ANN401 - what the user returned
        """All that a generator yields; if it raises, the error is the last item."""
        results: list[Any] = []
        failure: Any = ((), None, False)
        try:
            for item in items:
                results.append(self._one(task, 1 + len(results), item))
        except Exception as raised:
            failure = failures.raised(task, raised)
            if failure[2]:
                return None, failure
            results += failure[0]
        refs = [load_ref(object_id(task.task_id, 1 + index)) for index in range(len(results))]
        whole = self._one(task, 0, DynamicObjectRefGenerator(refs))
        return refs, ((whole, *results), *failure[1:])

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
                    self._wait_until_taken(task.task_id, index + 2 - task.backpressure)
        finally:
            self._taken.pop(task.task_id, None)

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
            self._outbox.send(ItemYielded(task.task_id, index, *self._one(task, 1 + index, item)))

    def _on_items_taken(self, message: ItemsTaken) -> None:
        self._taken[message.task_id] = message.taken

    def _wait_until_taken(self, task_id: bytes, count: int) -> None:
        """Wait until so many items of the generator that runs here have been taken."""
        if self._taken.get(task_id, 0) < count:
            self._outbox.flush()
            self._lending.will_wait()
            self._connection.wait_until(lambda: self._taken.get(task_id, 0) >= count)


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
