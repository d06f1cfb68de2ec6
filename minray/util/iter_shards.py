"""The shards of a parallel iterator: the actors that hold the items, and how items are fetched from them.

`ParallelIteratorWorker` is the actor.  The functions `read_...` are the base iterators of `LocalIterator`:
given a timeout in seconds or None they yield items, and with a timeout `NextValueNotReady` in between.
"""

import functools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import api
from .iter_metrics import SharedMetrics
from .local_iterator import LocalIterator, NextValueNotReady

# An operator for the shards: the name of a method of `LocalIterator`, and its arguments.
Step = tuple[str, tuple[Any, ...]]


class ParallelIteratorWorker:
    """A shard: keeps an iterable, applies operators to it, and hands the items out in lists.

    An empty list says that there are no more items.

    Args:
        item_generator: an iterable, or a function that returns one.
        repeat: begin again at its end, forever.
    """

    def __init__(self, item_generator: Any, repeat: bool) -> None:  # noqa: ANN401
        self.item_generator = item_generator
        if repeat:
            self.item_generator = self._cycle(item_generator)
        elif callable(item_generator):
            self.item_generator = item_generator()
        self._items: Iterator[Any] = iter(())
        self._slices: list[deque[Any]] = []

    @staticmethod
    def _cycle(source: Any) -> Iterator[Any]:  # noqa: ANN401
        while True:
            items = source() if callable(source) else source
            if iter(items) is source:
                raise ValueError(
                    f"Cannot iterate over {source} multiple times. Please pass in the base iterable or a "
                    "function that returns it instead."
                )
            yield from items

    def par_iter_init(self, steps: list[Step]) -> None:
        """Begin to iterate, with these operators."""
        iterator = LocalIterator[Any](lambda timeout: self.item_generator, SharedMetrics())
        for operator, arguments in steps:
            iterator = getattr(iterator, operator)(*arguments)
        self._items = iter(iterator)
        self._slices = []

    def par_iter_next_batch(self, batch_ms: float) -> list[Any]:
        """The next items: one, or as many as come within so many milliseconds."""
        return _gather(lambda: list(_next_of(self._items)), batch_ms)

    def par_iter_slice_batch(self, step: int, start: int, batch_ms: float) -> list[Any]:
        """Like `par_iter_next_batch`, but only every `step`-th item, beginning with number `start`.

        The items between are kept for those who ask for them.
        """
        self._slices = self._slices or [deque() for _ in range(step)]

        def next_one() -> list[Any]:
            if not self._slices[start]:
                for kept in self._slices:
                    kept.extend(_next_of(self._items))
            return [self._slices[start].popleft()] if self._slices[start] else []

        return _gather(next_one, batch_ms)


def _next_of(items: Iterator[Any]) -> Iterator[Any]:
    """The next item, if there is one."""
    for item in items:
        yield item
        return


def _gather(next_one: Callable[[], list[Any]], batch_ms: float) -> list[Any]:
    """One item, then more until the time is over; fewer where the items end."""
    deadline = time.monotonic() + batch_ms / 1000
    batch = found = next_one()
    while found and time.monotonic() < deadline:
        found = next_one()
        batch += found
    return batch


class Shard:
    """An actor, and the operators that it is to apply."""

    def __init__(self, actor: Any, steps: tuple[Step, ...] = ()) -> None:  # noqa: ANN401
        self.actor = actor
        self.steps = steps


def start(shards: list[Shard]) -> list[Any]:
    """Have shards begin to iterate; return their actors."""
    api.get([shard.actor.par_iter_init.remote(list(shard.steps)) for shard in shards])
    return [shard.actor for shard in shards]


def read_rows(shards: list[Shard], timeout: float | None) -> Iterator[Any]:
    active = start(shards)
    while active:
        requests = [actor.par_iter_next_batch.remote(0) for actor in active]
        while api.wait(requests, num_returns=len(requests), timeout=timeout)[1]:
            yield NextValueNotReady()
        batches = api.get(requests)
        active = [actor for actor, batch in zip(active, batches, strict=True) if batch]
        if active:
            yield [item for batch in batches for item in batch]
        if timeout is not None:
            yield NextValueNotReady()


def read_in_order(shard: Shard, batch_ms: float, num_async: int, timeout: float | None) -> Iterator[Any]:
    (actor,) = start([shard])
    requests = deque(actor.par_iter_next_batch.remote(batch_ms) for _ in range(num_async))
    while True:
        while api.wait([requests[0]], timeout=timeout)[1]:
            yield NextValueNotReady()
        batch = api.get(requests.popleft())
        if not batch:
            return
        requests.append(actor.par_iter_next_batch.remote(batch_ms))
        yield from batch
        if timeout is not None:
            yield NextValueNotReady()


def read_as_they_come(
    shards: list[Shard], batch_ms: float, num_async: int, metrics: SharedMetrics, timeout: float | None
) -> Iterator[Any]:
    actors = start(shards) * num_async
    requests = [functools.partial(actor.par_iter_next_batch.remote, batch_ms) for actor in actors]
    for number, batch in _repeat(requests, timeout):
        if number is not None:
            metrics.get().current_actor = actors[number]
        yield from batch


def read_slice(actors: list[Any], step: int, start: int, batch_ms: float) -> Iterator[Any]:
    requests = [
        functools.partial(actor.par_iter_slice_batch.remote, step, start, batch_ms) for actor in actors
    ]
    for _, batch in _repeat(requests, None):
        yield from batch


def _repeat(
    requests: Sequence[Callable[[], Any]], timeout: float | None
) -> Iterator[tuple[int | None, list[Any]]]:
    """Make requests again and again, until each is answered with an empty list.

    Yields:
        The number of a request and its answer, as they come; None and `NextValueNotReady` after each round
        if there is a timeout.
    """
    under_way = {request(): number for number, request in enumerate(requests)}
    while under_way:
        pending = list(under_way)
        # All that are ready, so that none has to wait for its turn; if none is, the first that will be.
        ready, _ = api.wait(pending, num_returns=len(pending), timeout=timeout or 0)
        if not ready and timeout is None:
            ready, _ = api.wait(pending)
        for ref in ready:
            number, batch = under_way.pop(ref), api.get(ref)
            if batch:
                under_way[requests[number]()] = number
                yield number, batch
        if timeout is not None:
            yield None, [NextValueNotReady()]
