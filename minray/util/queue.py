"""`Queue`: first in, first out, between any tasks, actors and the driver.

An actor holds an `asyncio.Queue`; whoever puts into it when it is full, or gets from it when it is empty,
waits inside the actor, and the others go on.

Source: https://docs.ray.io/en/latest/ray-core/api/utility.html.
"""

import asyncio
import queue
from collections.abc import Iterable
from typing import Any

from .. import api
from ..frontend.named_actors import kill
from ..remote_function import remote


class Empty(queue.Empty):
    """There is nothing in the queue, or not enough."""


class Full(queue.Full):
    """There is no room in the queue, or not enough."""


class Queue:
    """A queue that can be passed to tasks and actors; they all share it.

    Args:
        maxsize: how many items it holds at most; 0 for any number.
        actor_options: options of the actor that holds the items, such as `{"num_cpus": 1}`.

    Example:
        >>> queue = Queue(maxsize=100)
        >>> queue.put("a")
        >>> queue.get(timeout=5)
        'a'
    """

    def __init__(self, maxsize: int = 0, actor_options: dict[str, Any] | None = None) -> None:
        self.maxsize = maxsize
        self.actor: Any = remote(_QueueActor).options(**(actor_options or {})).remote(maxsize)

    def __len__(self) -> int:
        return self.qsize()

    def qsize(self) -> int:
        """How many items are in the queue now."""
        size: int = api.get(self.actor.qsize.remote())
        return size

    size = qsize

    def empty(self) -> bool:
        """Whether there are none."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Whether there is no room for another; never true without a `maxsize`."""
        return 0 < self.maxsize <= self.qsize()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ANN401
        """Add an item at the end.

        Args:
            item: anything that can be pickled.
            block: wait for room if there is none.
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            Full: there was no room, or none in time.
            ValueError: the timeout is negative.
        """
        try:
            api.get(self._put(item, block, timeout))
        except asyncio.QueueFull:
            raise Full from None

    async def put_async(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ANN401
        """Like `put`, for coroutines."""
        try:
            await self._put(item, block, timeout)
        except asyncio.QueueFull:
            raise Full from None

    def _put(self, item: Any, block: bool, timeout: float | None) -> Any:  # noqa: ANN401
        if not block:
            return self.actor.put_nowait.remote(item)
        return self.actor.put.remote(item, _checked(timeout))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Take the first item out.

        Args:
            block: wait for an item if there is none.
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            Empty: there was no item, or none in time.
            ValueError: the timeout is negative.
        """
        try:
            return api.get(self._get(block, timeout))
        except asyncio.QueueEmpty:
            raise Empty from None

    async def get_async(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Like `get`, for coroutines."""
        try:
            return await self._get(block, timeout)
        except asyncio.QueueEmpty:
            raise Empty from None

    def _get(self, block: bool, timeout: float | None) -> Any:  # noqa: ANN401
        if not block:
            return self.actor.get_nowait.remote()
        return self.actor.get.remote(_checked(timeout))

    def put_nowait(self, item: Any) -> None:  # noqa: ANN401
        """Add an item, or raise `Full`: `put(item, block=False)`."""
        self.put(item, block=False)

    def get_nowait(self) -> Any:  # noqa: ANN401
        """Take an item, or raise `Empty`: `get(block=False)`."""
        return self.get(block=False)

    def put_nowait_batch(self, items: Iterable[Any]) -> None:
        """Add all of these items, or none.

        Raises:
            Full: there is no room for all of them.
            TypeError: this is not iterable.
        """
        if not isinstance(items, Iterable):
            raise TypeError("Argument 'items' must be an Iterable")
        api.get(self.actor.put_nowait_batch.remote(list(items)))

    def get_nowait_batch(self, num_items: int) -> list[Any]:
        """Take so many items, or none.

        Raises:
            Empty: there are fewer.
            TypeError, ValueError: this is not a number of items.
        """
        if not isinstance(num_items, int):
            raise TypeError("Argument 'num_items' must be an int")
        if num_items < 0:
            raise ValueError("'num_items' must be nonnegative")
        items: list[Any] = api.get(self.actor.get_nowait_batch.remote(num_items))
        return items

    def shutdown(self, force: bool = False, grace_period_s: float = 5) -> None:
        """End the queue's actor; what is in the queue is lost, and the queue cannot be used any more.

        Args:
            force: do not let calls that are under way end.
            grace_period_s: else, after so many seconds.
        """
        if self.actor is not None:
            ended = (
                [] if force else api.wait([self.actor.__ray_terminate__.remote()], timeout=grace_period_s)[0]
            )
            if not ended:
                kill(self.actor)
        self.actor = None


def _checked(timeout: float | None) -> float | None:
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return timeout


class _QueueActor:
    """Holds the items. Its methods are coroutines, so that many callers can wait in it at once."""

    def __init__(self, maxsize: int) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue(maxsize)

    async def qsize(self) -> int:
        return self.queue.qsize()

    async def empty(self) -> bool:
        return self.queue.empty()

    async def full(self) -> bool:
        return self.queue.full()

    async def put(self, item: Any, timeout: float | None = None) -> None:  # noqa: ANN401
        try:
            await asyncio.wait_for(self.queue.put(item), timeout)
        except TimeoutError:
            raise Full from None

    async def get(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        try:
            return await asyncio.wait_for(self.queue.get(), timeout)
        except TimeoutError:
            raise Empty from None

    async def put_nowait(self, item: Any) -> None:  # noqa: ANN401
        self.queue.put_nowait(item)

    async def get_nowait(self) -> Any:  # noqa: ANN401
        return self.queue.get_nowait()

    async def put_nowait_batch(self, items: list[Any]) -> None:
        size, maxsize = self.queue.qsize(), self.queue.maxsize
        if 0 < maxsize < size + len(items):
            raise Full(f"Cannot add {len(items)} items to queue of size {size} and maxsize {maxsize}.")
        for item in items:
            self.queue.put_nowait(item)

    async def get_nowait_batch(self, num_items: int) -> list[Any]:
        if num_items > self.queue.qsize():
            raise Empty(f"Cannot get {num_items} items from queue of size {self.queue.qsize()}.")
        return [self.queue.get_nowait() for _ in range(num_items)]
