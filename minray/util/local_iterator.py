"""`LocalIterator`: items from one or more shards, and what happens to them in the process that reads them.

An iterator is a recipe until somebody asks for its first item: a function that fetches items, and operators
to put on top of it, which are generator functions::

    base_iterator(timeout) --> operator --> operator --> ... --> your loop

Recipes can be sent to other processes; running generators cannot.  Read each iterator in one process only.
"""

import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from .. import api
from ..remote_function import remote
from .iter_metrics import MetricsContext, SharedMetrics

T = TypeVar("T")
Operator = Callable[[Iterator[Any]], Iterator[Any]]

_MOST_WITHOUT_WAITING = 100  # items that a union takes from an iterator of weight "*" before the next one
_PAUSE = 0.001  # seconds; between two rounds of a union in which no iterator had anything


class NextValueNotReady:
    """Comes in place of an item where waiting for the item would take longer than the timeout.

    So a union can look at several iterators in turn. Operators pass it on; the loops of users never see it.
    """


class LocalIterator(Generic[T]):
    """Iterates over items; made by `gather_sync`, `gather_async`, ... of a `ParallelIterator`.

    Args:
        base_iterator: given a timeout in seconds or None, yields items; with a timeout, also
            `NextValueNotReady`.
        shared_metrics: what the operators share.
        local_transforms: the operators, first to last.
        timeout: for `base_iterator`.
        name: says how it came about.
    """

    _thread = threading.local()

    def __init__(
        self,
        base_iterator: Callable[[float | None], Iterable[Any]],
        shared_metrics: SharedMetrics,
        local_transforms: Iterable[Operator] = (),
        timeout: float | None = None,
        name: str = "unknown",
    ) -> None:
        self.base_iterator = base_iterator
        self.shared_metrics = shared_metrics
        self.local_transforms = list(local_transforms)
        self.timeout = timeout
        self.name = name
        self._running: Iterator[T] | None = None

    def __iter__(self) -> Iterator[T]:
        if self._running is None:
            items: Iterator[Any] = iter(self.base_iterator(self.timeout))
            for operator in self.local_transforms:
                items = operator(items)
            self._running = items
        return self._running

    def __next__(self) -> T:
        return next(iter(self))

    def __repr__(self) -> str:
        return f"LocalIterator[{self.name}]"

    @classmethod
    def get_metrics(cls) -> MetricsContext:
        """The context of the iterator whose function calls this.

        Raises:
            ValueError: this is called outside a function that was given to an iterator.
        """
        metrics: MetricsContext | None = getattr(cls._thread, "metrics", None)
        if metrics is None:
            raise ValueError("Cannot access context outside an iterator.")
        return metrics

    @contextmanager
    def _metrics_set(self) -> Iterator[None]:
        outer = getattr(self._thread, "metrics", None)
        self._thread.metrics = self.shared_metrics.get()
        try:
            yield
        finally:
            self._thread.metrics = outer

    def _with(self, operator: Operator, name: str) -> "LocalIterator[Any]":
        operators = [*self.local_transforms, operator]
        return LocalIterator(self.base_iterator, self.shared_metrics, operators, name=self.name + name)

    # --- operators ----------------------------------------------------------------------------------

    def transform(self, fn: Operator) -> "LocalIterator[Any]":
        """Apply a generator function to the iterator as a whole."""
        return self._with(lambda items: iter(fn(items)), ".transform()")

    def for_each(
        self, fn: Callable[[T], Any], max_concurrency: int = 1, resources: dict[str, Any] | None = None
    ) -> "LocalIterator[Any]":
        """Apply a function to each item.

        Args:
            fn: called here, or in tasks if `max_concurrency` is not 1.
            max_concurrency: how many tasks at once; 0 for any number. The results come as they are ready.
            resources: options of those tasks.
        """

        def here(items: Iterator[Any]) -> Iterator[Any]:
            for item in items:
                if not isinstance(item, NextValueNotReady):
                    with self._metrics_set():
                        item = fn(item)
                yield item

        def in_tasks(items: Iterator[Any]) -> Iterator[Any]:
            function = remote(fn).options(**(resources or {}))
            under_way: list[Any] = []
            for item in items:
                if isinstance(item, NextValueNotReady):
                    yield item
                    continue
                if max_concurrency and len(under_way) >= max_concurrency:
                    ready, under_way = api.wait(under_way)
                    yield from api.get(ready)
                under_way.append(function.remote(item))
            while under_way:
                ready, under_way = api.wait(under_way)
                yield from api.get(ready)

        return self._with(here if max_concurrency == 1 else in_tasks, ".for_each()")

    def filter(self, fn: Callable[[T], Any]) -> "LocalIterator[T]":
        """Keep the items for which the function is true."""

        def operator(items: Iterator[Any]) -> Iterator[Any]:
            for item in items:
                with self._metrics_set():
                    keep = isinstance(item, NextValueNotReady) or fn(item)
                if keep:
                    yield item

        return self._with(operator, ".filter()")

    def batch(self, n: int) -> "LocalIterator[list[T]]":
        """Lists of `n` items each; the last may be shorter."""

        def operator(items: Iterator[Any]) -> Iterator[Any]:
            batch = []
            for item in items:
                if isinstance(item, NextValueNotReady):
                    yield item
                    continue
                batch.append(item)
                if len(batch) >= n:
                    yield batch
                    batch = []
            if batch:
                yield batch

        return self._with(operator, f".batch({n})")

    def flatten(self) -> "LocalIterator[Any]":
        """The items of the items."""

        def operator(items: Iterator[Any]) -> Iterator[Any]:
            for item in items:
                if isinstance(item, NextValueNotReady):
                    yield item
                else:
                    yield from item

        return self._with(operator, ".flatten()")

    def combine(self, fn: Callable[[T], Iterable[Any]]) -> "LocalIterator[Any]":
        """Apply a function that returns several items for each: `for_each(fn).flatten()`."""
        combined = self.for_each(fn).flatten()
        combined.name = self.name + ".combine()"
        return combined

    def shuffle(self, shuffle_buffer_size: int, seed: int | None = None) -> "LocalIterator[T]":
        """Draw the items at random from a buffer that is kept filled.

        Args:
            shuffle_buffer_size: 1 changes nothing; as many as there are items shuffles perfectly.
            seed: for the same order again.
        """

        def operator(items: Iterator[Any]) -> Iterator[Any]:
            dice, buffer = random.Random(seed), []
            for item in items:
                if isinstance(item, NextValueNotReady):
                    yield item
                    continue
                buffer.append(item)
                if len(buffer) >= shuffle_buffer_size:
                    yield buffer.pop(dice.randint(0, len(buffer) - 1))
            while buffer:
                yield buffer.pop(dice.randint(0, len(buffer) - 1))

        return self._with(operator, f".shuffle(shuffle_buffer_size={shuffle_buffer_size}, seed={seed})")

    def zip_with_source_actor(self) -> "LocalIterator[tuple[Any, T]]":
        """Pairs of the actor that an item came from, and the item; after `gather_async`."""

        def with_source(item: T) -> tuple[Any, T]:
            actor = LocalIterator.get_metrics().current_actor
            if actor is None:
                raise ValueError("Could not identify source actor of item; use gather_async() to know it.")
            return actor, item

        zipped = self.for_each(with_source)
        zipped.name = self.name + ".zip_with_source_actor()"
        return zipped

    # --- several iterators --------------------------------------------------------------------------

    def duplicate(self, n: int) -> list["LocalIterator[T]"]:
        """Iterators that each give all items of this one; read them together, in a `union`.

        Raises:
            ValueError: `n` is below 2.
        """
        if n < 2:
            raise ValueError("Number of copies must be >= 2")
        queues: list[deque[Any]] = [deque() for _ in range(n)]

        def copy(own: deque[Any], timeout: float | None) -> Iterator[Any]:
            while True:
                if timeout is not None and len(own) < max(map(len, queues)):
                    yield NextValueNotReady()  # let those behind go first, so that nothing piles up
                    continue
                if not own:
                    self.timeout = timeout
                    try:
                        item = next(self)
                    except StopIteration:
                        return
                    for queue in queues:
                        queue.append(item)
                yield own.popleft()

        return [
            LocalIterator(
                lambda timeout, own=queue: copy(own, timeout),  # type: ignore[misc]
                self.shared_metrics,
                name=f"{self.name}.duplicate[{index}]",
            )
            for index, queue in enumerate(queues)
        ]

    def union(
        self,
        *others: "LocalIterator[T]",
        deterministic: bool = False,
        round_robin_weights: list[Any] | None = None,
    ) -> "LocalIterator[T]":
        """The items of this iterator and others.

        Args:
            *others: further iterators.
            deterministic: take one item from each in turn, instead of those that are ready.
            round_robin_weights: how many items to take from each in turn: numbers (of 1.5, sometimes 1 and
                sometimes 2), or "*" for all that are ready. Overrides `deterministic`.

        Raises:
            ValueError: one of the others is no `LocalIterator`, or the weights are not as many.
        """
        iterators = [self, *others]
        for iterator in iterators:
            if not isinstance(iterator, LocalIterator):
                raise ValueError(f"other must be of type LocalIterator, got {type(iterator)}")
        weights = round_robin_weights or [1] * len(iterators)
        if len(weights) != len(iterators):
            raise ValueError("Length of round robin weights must equal number of iterators total.")
        waits = [weight != "*" if round_robin_weights else deterministic for weight in weights]
        metrics = SharedMetrics(iterator.shared_metrics for iterator in iterators)
        parts = [
            LocalIterator[Any](part.base_iterator, metrics, part.local_transforms, None if wait else 0)
            for part, wait in zip(iterators, waits, strict=True)
        ]
        names = ", ".join(map(str, iterators))
        return LocalIterator(
            lambda timeout: _take_turns(list(zip(weights, parts, strict=True)), timeout),
            metrics,
            name=f"LocalUnion[{names}]",
        )

    # --- ends ---------------------------------------------------------------------------------------

    def take(self, n: int) -> list[T]:
        """The first `n` items, or as many as there are."""
        return list(itertools.islice(self, n))

    def show(self, n: int = 20) -> None:
        """Print the first `n` items."""
        for item in itertools.islice(self, n):
            print(item)


def _take_turns(active: list[tuple[Any, LocalIterator[Any]]], timeout: float | None) -> Iterator[Any]:
    """Items from iterators in turn, of each as many as its weight says."""
    while active:
        idle = True
        for turn in list(active):
            weight, iterator = turn
            for _ in range(_MOST_WITHOUT_WAITING if weight == "*" else _whole(weight)):
                try:
                    item = next(iterator)
                except StopIteration:
                    active.remove(turn)
                    idle = False
                    break
                if isinstance(item, NextValueNotReady):
                    break
                idle = False
                yield item
        if timeout is not None:
            yield NextValueNotReady()
        elif idle:
            time.sleep(_PAUSE)


def _whole(weight: float) -> int:
    """A whole number next to the weight, by chance such that the mean is right."""
    return int(weight) + (random.random() < weight % 1)
