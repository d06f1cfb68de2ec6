"""Parallel iterators: streams of items whose shards live in actors, as Ray had them from 0.8 to 2.x.

::

    from_range(6, num_shards=2)            shards (actors)             the process that reads
                                        +--------------------+
         .for_each(f).filter(g)         | 0 1 2 -> f -> g    |----+
                                        +--------------------+    +--> gather_sync()  in turn
                                        +--------------------+    +--> gather_async() as they come
                                        | 3 4 5 -> f -> g    |----+
                                        +--------------------+

Operators on a `ParallelIterator` run in the shards; gathering makes a `LocalIterator`, whose operators run
where it is read.  Ray has marked this module as deprecated: new code rather uses tasks and generators.

Source: https://docs.ray.io/en/releases-1.13.0/ray-core/iter.html.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ..remote_function import remote
from .iter_metrics import MetricsContext, SharedMetrics
from .iter_shards import (
    ParallelIteratorWorker,
    Shard,
    read_as_they_come,
    read_in_order,
    read_rows,
    read_slice,
    start,
)
from .local_iterator import LocalIterator, NextValueNotReady, Operator

__all__ = [
    "LocalIterator",
    "MetricsContext",
    "ParallelIterator",
    "ParallelIteratorWorker",
    "SharedMetrics",
    "from_actors",
    "from_items",
    "from_iterators",
    "from_range",
]

T = TypeVar("T")
_NextValueNotReady = NextValueNotReady  # its name in Ray


def from_items(items: list[T], num_shards: int = 2, repeat: bool = False) -> "ParallelIterator[T]":
    """Deal items out to shards, one to each in turn.

    Args:
        items: anything that can be pickled.
        num_shards: how many actors to start.
        repeat: begin again after the last item, forever.

    Example:
        >>> list(from_items([1, 2, 3]).for_each(lambda n: n * n).gather_sync())
        [1, 4, 9]
    """
    items = list(items)
    kind = type(items[0]).__name__ if items else "None"
    name = f"from_items[{kind}, {len(items)}, shards={num_shards}{_repeating(repeat)}]"
    return from_iterators([items[shard::num_shards] for shard in range(num_shards)], repeat, name)


def from_range(n: int, num_shards: int = 2, repeat: bool = False) -> "ParallelIterator[int]":
    """The numbers from 0 to n - 1, each shard a stretch of them; the last takes what is left over."""
    size = n // num_shards
    ends = [size * shard for shard in range(num_shards)] + [n]
    name = f"from_range[{n}, shards={num_shards}{_repeating(repeat)}]"
    return from_iterators([range(*ends[shard : shard + 2]) for shard in range(num_shards)], repeat, name)


def from_iterators(
    generators: Iterable[Any], repeat: bool = False, name: str | None = None
) -> "ParallelIterator[Any]":
    """One shard for each iterable.

    Args:
        generators: lists, ranges, ...; or functions that return an iterable, as generators cannot travel.
        repeat: begin again at the end of the iterable, forever.
        name: shown by `repr`.

    Example:
        >>> from_iterators([range(3), lambda: (n * n for n in range(3))]).take(6)
        [0, 0, 1, 1, 2, 4]
    """
    worker = remote(ParallelIteratorWorker)
    actors = [worker.remote(generator, repeat) for generator in generators]
    return from_actors(actors, name or f"from_iterators[shards={len(actors)}{_repeating(repeat)}]")


def from_actors(actors: list[Any], name: str | None = None) -> "ParallelIterator[Any]":
    """Shards that exist already: actors of a class that inherits from `ParallelIteratorWorker`."""
    return ParallelIterator([Shard(actor) for actor in actors], name or f"from_actors[shards={len(actors)}]")


def _repeating(repeat: bool) -> str:
    return ", repeat=True" if repeat else ""


class ParallelIterator(Generic[T]):
    """Items in several shards; made by `from_items`, `from_range`, `from_iterators`, `from_actors`.

    Can be sent to tasks and actors. Each shard should be read by one process only.

    Example:
        >>> squares = ray.util.iter.from_range(4).for_each(lambda n: n * n)
        >>> squares
        ParallelIterator[from_range[4, shards=2].for_each()]
        >>> list(squares.gather_sync())
        [0, 4, 1, 9]
    """

    def __init__(
        self, shards: list[Shard], name: str, parents: tuple["ParallelIterator[Any]", ...] = ()
    ) -> None:
        self._shards = shards
        self.name = name
        # Their actors feed ours, and live only as long as somebody holds their handles.
        self._parents = parents

    def __iter__(self) -> Iterator[T]:
        raise TypeError(
            "You must use it.gather_sync() or it.gather_async() to iterate over the results of a "
            "ParallelIterator."
        )

    def __repr__(self) -> str:
        return f"ParallelIterator[{self.name}]"

    # --- operators, run in the shards ---------------------------------------------------------------

    def _with(self, name: str, operator: str, *arguments: Any) -> "ParallelIterator[Any]":  # noqa: ANN401
        step = (operator, arguments)
        shards = [Shard(shard.actor, (*shard.steps, step)) for shard in self._shards]
        return ParallelIterator(shards, self.name + name, self._parents)

    def transform(self, fn: Operator) -> "ParallelIterator[Any]":
        """Apply a generator function to each shard as a whole."""
        return self._with(".transform()", "transform", fn)

    def for_each(
        self, fn: Callable[[T], Any], max_concurrency: int = 1, resources: dict[str, Any] | None = None
    ) -> "ParallelIterator[Any]":
        """Apply a function to each item.

        Args:
            fn: called in the shard's actor, or in tasks if `max_concurrency` is not 1.
            max_concurrency: how many tasks at once for each shard; 0 for any number. Their results come in
                any order.
            resources: options of those tasks.
        """
        if max_concurrency < 0:
            raise AssertionError("max_concurrency must be non-negative.")
        return self._with(".for_each()", "for_each", fn, max_concurrency, resources)

    def filter(self, fn: Callable[[T], Any]) -> "ParallelIterator[T]":
        """Keep the items for which the function is true."""
        return self._with(".filter()", "filter", fn)

    def batch(self, n: int) -> "ParallelIterator[list[T]]":
        """Lists of `n` items each; the last of each shard may be shorter."""
        return self._with(f".batch({n})", "batch", n)

    def flatten(self) -> "ParallelIterator[Any]":
        """The items of the items."""
        return self._with(".flatten()", "flatten")

    def combine(self, fn: Callable[[T], Iterable[Any]]) -> "ParallelIterator[Any]":
        """Apply a function that returns several items for each: `for_each(fn).flatten()`."""
        return self._with(".combine()", "combine", fn)

    def local_shuffle(self, shuffle_buffer_size: int, seed: int | None = None) -> "ParallelIterator[T]":
        """Shuffle each shard for itself; see `LocalIterator.shuffle`."""
        name = f".local_shuffle(shuffle_buffer_size={shuffle_buffer_size}, seed={seed})"
        return self._with(name, "shuffle", shuffle_buffer_size, seed)

    # --- shards -------------------------------------------------------------------------------------

    def repartition(self, num_partitions: int, batch_ms: float = 0) -> "ParallelIterator[T]":
        """The same items in another number of shards: each old shard deals its own out in turn.

        Args:
            num_partitions: how many new shards.
            batch_ms: for how many milliseconds an old shard gathers items before it hands them on.

        Example:
            >>> [sorted(shard) for shard in from_range(6, 2).repartition(3).shards()]
            [[0, 3], [1, 4], [2, 5]]
        """
        actors = start(self._shards)
        sources = [
            functools.partial(read_slice, actors, num_partitions, number, batch_ms)
            for number in range(num_partitions)
        ]
        name = f"{self.name}.repartition[num_partitions={num_partitions}]"
        return ParallelIterator(from_iterators(sources)._shards, name, (self,))

    def union(self, other: "ParallelIterator[T]") -> "ParallelIterator[T]":
        """The shards of this iterator and another.

        Raises:
            TypeError: the other is no `ParallelIterator`.
        """
        if not isinstance(other, ParallelIterator):
            raise TypeError(f"other must be of type ParallelIterator, got {type(other)}")
        shards, parents = [*self._shards, *other._shards], (*self._parents, *other._parents)
        return ParallelIterator(shards, f"ParallelUnion[{self}, {other}]", parents)

    def select_shards(self, shards_to_keep: list[int]) -> "ParallelIterator[T]":
        """Only some of the shards, by number.

        Raises:
            ValueError: none is kept.
            AssertionError: there is no shard of such a number.
        """
        if not shards_to_keep:
            raise ValueError("at least one shard must be selected")
        if not set(shards_to_keep) <= set(range(len(self._shards))):
            raise AssertionError(
                f"Invalid actor index among {shards_to_keep}: they are 0 to {len(self._shards) - 1}."
            )
        kept = [self._shards[number] for number in sorted(shards_to_keep)]
        return ParallelIterator(kept, f"{self}.select_shards({len(kept)} total)", self._parents)

    def num_shards(self) -> int:
        """How many shards there are."""
        return len(self._shards)

    def shards(self) -> list[LocalIterator[T]]:
        """A local iterator over each shard."""
        return [self.get_shard(number) for number in range(len(self._shards))]

    def get_shard(self, shard_index: int, batch_ms: float = 0, num_async: int = 1) -> LocalIterator[T]:
        """A local iterator over one shard; can be sent to a task or an actor that reads it.

        Args:
            shard_index: the shard's number.
            batch_ms: for how many milliseconds it gathers items before it hands them over.
            num_async: how many requests for items to have under way.

        Raises:
            ValueError: there is no such shard, or an argument makes no sense.
        """
        _check_batching(batch_ms, num_async)
        if not 0 <= shard_index < len(self._shards):
            raise ValueError("Shard index out of range", shard_index, len(self._shards))
        read = functools.partial(read_in_order, self._shards[shard_index], batch_ms, num_async)
        return LocalIterator(read, SharedMetrics(), name=f"{self.name}.shard[{shard_index}]")

    # --- gathering ----------------------------------------------------------------------------------

    def batch_across_shards(self) -> LocalIterator[list[T]]:
        """Lists of one item from each shard; shards that have ended are left out.

        Example:
            >>> list(from_iterators([range(3), range(2)]).batch_across_shards())
            [[0, 0], [1, 1], [2]]
        """
        read = functools.partial(read_rows, self._shards)
        return LocalIterator(read, SharedMetrics(), name=f"{self}.batch_across_shards()")

    def gather_sync(self) -> LocalIterator[T]:
        """The items of all shards, one from each in turn, fetched only when they are asked for."""
        gathered: LocalIterator[T] = self.batch_across_shards().flatten()
        gathered.name = f"{self}.gather_sync()"
        return gathered

    def gather_async(self, batch_ms: float = 0, num_async: int = 1) -> LocalIterator[T]:
        """The items of all shards as they come, fetched ahead.

        Args:
            batch_ms: for how many milliseconds a shard gathers items before it hands them over: more
                throughput, more latency.
            num_async: how many requests for items to have under way at each shard.

        Raises:
            ValueError: an argument makes no sense.
        """
        _check_batching(batch_ms, num_async)
        metrics = SharedMetrics()
        read = functools.partial(read_as_they_come, self._shards, batch_ms, num_async, metrics)
        return LocalIterator(read, metrics, name=f"{self}.gather_async()")

    def take(self, n: int) -> list[T]:
        """The first `n` items of `gather_sync`."""
        return self.gather_sync().take(n)

    def show(self, n: int = 20) -> None:
        """Print the first `n` items of `gather_sync`."""
        self.gather_sync().show(n)


def _check_batching(batch_ms: float, num_async: int) -> None:
    if num_async < 1:
        raise ValueError("queue depth must be positive: num_async is at least 1")
    if batch_ms < 0:
        raise ValueError("batch time must be positive: batch_ms is at least 0")
