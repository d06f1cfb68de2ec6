"""Parallel iterators in a session: their shards are actors, read in turn, as they come, or elsewhere."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minray
from minray.util.iter import (
    LocalIterator,
    ParallelIteratorWorker,
    from_actors,
    from_items,
    from_iterators,
    from_range,
)
from runtime_tools import Gate


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[ModuleType]:
    """One session for this module."""
    minray.init(num_cpus=2, include_dashboard=False)
    yield minray
    minray.shutdown()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(-9, 9), max_size=12), st.integers(1, 3), st.integers(1, 3))
def test_however_the_shards_are_read_all_items_come(items: list[int], shards: int, partitions: int) -> None:
    squares = from_items(items, shards).for_each(lambda x: x * x).filter(lambda x: x % 2)
    expected = [x * x for x in items if x % 2]
    assert sorted(squares.gather_sync()) == sorted(expected)
    assert sorted(squares.gather_async(batch_ms=1, num_async=2)) == sorted(expected)
    assert sorted(squares.repartition(partitions).gather_async()) == sorted(expected)
    assert [list(shard) for shard in squares.shards()] == [
        [x * x for x in items[shard::shards] if x % 2] for shard in range(shards)
    ]
    if shards == 1:
        assert list(squares.gather_sync()) == expected


def test_shards_are_read_in_turn_and_the_longer_ones_go_on() -> None:
    numbers = from_iterators([range(3), [7]])
    assert list(numbers.gather_sync()) == [0, 7, 1, 2]
    assert list(numbers.batch_across_shards()) == [[0, 7], [1], [2]]


def test_items_are_fetched_only_when_they_are_asked_for(tmp_path: Path) -> None:
    def endless() -> Iterator[int]:
        n = 0
        while True:
            (tmp_path / str(n)).touch()
            yield n
            n += 1

    assert from_iterators([endless]).take(3) == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 3


def test_gathering_as_they_come_does_not_wait_for_a_slow_shard(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    def slow() -> Iterator[str]:
        gate.wait()
        yield "slow"

    gathered = from_iterators([slow, ["fast"] * 3]).gather_async()
    assert gathered.take(3) == ["fast"] * 3
    gate.open()
    assert list(gathered) == ["slow"]


def test_a_union_of_local_iterators_does_not_wait_for_a_slow_one(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    def slow() -> Iterator[str]:
        gate.wait()
        yield "slow"

    for gather in (lambda it: it.gather_async(), lambda it: it.gather_sync(), lambda it: it.get_shard(0)):
        both = gather(from_iterators([slow])).union(gather(from_iterators([["fast"] * 3])))
        assert both.take(3) == ["fast"] * 3
        gate.open()
        assert list(both) == ["slow"]
        gate = Gate(tmp_path)


def test_copies_of_gathered_items_keep_together() -> None:
    one, other = from_range(5, num_shards=1).gather_sync().duplicate(2)
    assert one.batch(2).union(other).take(20) == [0, [0, 1], 1, 2, [2, 3], 3, 4, [4]]


def test_a_function_may_run_in_tasks_of_its_own(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    def through(n: int) -> int:
        gate.wait()
        return -n

    items = from_range(6, 1).for_each(through, max_concurrency=2, resources={"num_cpus": 0}).gather_async()
    found: list[int] = []
    reading = minray.remote(num_cpus=0)(lambda it: list(it)).remote(items)
    gate.wait_for_visitors(2)
    time.sleep(0.05)
    assert gate.visitors() == 2  # no third one before the first has come out
    gate.open()
    found = minray.get(reading)
    assert sorted(found) == [-5, -4, -3, -2, -1, 0]


def test_items_know_the_actor_that_they_came_from() -> None:
    counts = Counter(actor for actor, _ in from_range(6, 2).gather_async().zip_with_source_actor())
    assert list(counts.values()) == [3, 3]


def test_iterators_of_both_kinds_can_be_sent_to_tasks(ray: ModuleType) -> None:
    @ray.remote(num_cpus=0)
    def read(iterator: LocalIterator[Any]) -> list[Any]:
        return list(iterator)

    @ray.remote(num_cpus=0)
    def read_shard(iterator: Any, number: int) -> list[Any]:  # noqa: ANN401
        return list(iterator.get_shard(number))

    numbers = from_range(6, 2).for_each(lambda n: n + 1)
    local = numbers.gather_sync().for_each(lambda n: n * 10).batch(4)
    assert ray.get(read.remote(local)) == [[10, 40, 20, 50], [30, 60]]
    assert ray.get([read_shard.remote(numbers, n) for n in range(2)]) == [[1, 2, 3], [4, 5, 6]]


def test_actors_of_ones_own_can_be_shards(ray: ModuleType) -> None:
    @ray.remote(num_cpus=0)
    class Mine(ParallelIteratorWorker):
        def __init__(self, items: list[int]) -> None:
            super().__init__(items, False)

    numbers = from_actors([Mine.remote([1, 2]), Mine.remote([3, 4])])
    assert repr(numbers) == "ParallelIterator[from_actors[shards=2]]"
    assert list(numbers.gather_sync()) == [1, 3, 2, 4]


def test_a_repartition_deals_out_each_shard_in_turn_and_can_go_on() -> None:
    parts = from_range(9, num_shards=3).repartition(2).for_each(lambda x: 2 * x)
    assert [sorted(shard) for shard in parts.shards()] == [[0, 4, 6, 10, 12, 16], [2, 8, 14]]
    assert sorted(parts.union(from_items([100])).gather_async())[-1] == 100


def test_an_error_in_a_shard_is_raised_where_it_is_read() -> None:
    with pytest.raises(ZeroDivisionError):
        from_range(3, 1).for_each(lambda n: 1 // n).take(3)


def test_a_parallel_iterator_is_not_iterable_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = minray.util.iter.from_range(4)
    with pytest.raises(TypeError, match="gather_sync"):
        list(numbers)
    numbers.show(2)
    assert capsys.readouterr().out == "0\n2\n"
