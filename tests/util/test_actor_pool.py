"""`ActorPool`: who works on what, in which order results come, and what happens to actors that fail."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minray
from minray.util import ActorPool
from runtime_tools import Gate


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """One session for this module."""
    minray.init(num_cpus=2, include_dashboard=False)
    yield minray
    minray.shutdown()


@minray.remote(num_cpus=0)
class Helper:
    def double(self, n: int) -> int:
        return 2 * n

    def through(self, gate: Gate, n: int) -> int:
        gate.wait()
        return n

    def fail(self) -> None:
        raise KeyError("on purpose")

    def die(self) -> None:
        import os

        os._exit(1)

    @minray.method(num_returns=2)
    def pair(self, n: int) -> tuple[int, int]:
        return n, -n


def double(actor: Any, n: int) -> Any:  # noqa: ANN401
    return actor.double.remote(n)


def die(actor: Any, _: object) -> Any:  # noqa: ANN401
    return actor.die.remote()


@pytest.fixture(scope="module")
def pool(ray: ModuleType) -> ActorPool:
    """Two actors that every test leaves free."""
    return ActorPool([Helper.remote(), Helper.remote()])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-9, 9), max_size=20))
def test_a_pool_maps_like_python(pool: ActorPool, items: list[int]) -> None:
    assert list(pool.map(double, items)) == [2 * n for n in items]
    assert sorted(pool.map_unordered(double, items)) == sorted(2 * n for n in items)
    assert not pool.has_next()
    assert pool.has_free()


def test_results_come_in_order_or_as_they_are_finished(pool: ActorPool, tmp_path: Path) -> None:
    gates = [Gate(tmp_path), Gate(tmp_path)]

    def through(actor: Any, n: int) -> Any:  # noqa: ANN401
        return actor.through.remote(gates[n], n)

    results = pool.map_unordered(through, [0, 1])
    gates[1].open()
    assert next(results) == 1
    gates[0].open()
    assert list(results) == [0]
    assert list(pool.map(through, [0, 1])) == [0, 1]


def test_more_work_than_actors_waits_for_its_turn(ray: ModuleType, tmp_path: Path) -> None:
    gate, pool = Gate(tmp_path), ActorPool([Helper.remote()])
    for n in range(3):
        pool.submit(lambda actor, n: actor.through.remote(gate, n), n)
    assert not pool.has_free()
    assert pool.pop_idle() is None
    gate.wait_for_visitors(1)
    with pytest.raises(TimeoutError):
        pool.get_next(timeout=0.01)
    assert gate.visitors() == 1
    gate.open()
    assert [pool.get_next() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration):
        pool.get_next()


def test_a_result_that_is_late_can_be_forgotten(ray: ModuleType, tmp_path: Path) -> None:
    gate, pool = Gate(tmp_path), ActorPool([Helper.remote()])
    for get in (pool.get_next, pool.get_next_unordered):
        pool.submit(lambda actor, n: actor.through.remote(gate, n), 1)
        with pytest.raises(TimeoutError, match="ignored"):
            get(timeout=0.01, ignore_if_timedout=True)
        assert not pool.has_next()
    gate.open()
    assert list(pool.map(double, [4])) == [8]


def test_a_new_map_throws_away_what_was_under_way(ray: ModuleType, tmp_path: Path) -> None:
    gate, pool = Gate(tmp_path), ActorPool([Helper.remote()])
    for n in range(3):
        pool.submit(lambda actor, n: actor.through.remote(gate, n), n)
    results = pool.map(double, [5])
    gate.open()
    assert list(results) == [10]


def test_a_pool_goes_on_after_errors(pool: ActorPool) -> None:
    for _ in range(3):
        pool.submit(lambda actor, _: actor.fail.remote(), None)
        with pytest.raises(KeyError):
            pool.get_next()
    assert list(pool.map(double, [1, 2, 3])) == [2, 4, 6]


def test_an_actor_that_dies_leaves_its_pool(ray: ModuleType) -> None:
    pool = ActorPool([Helper.remote(), Helper.remote()])
    pool.submit(die, None)
    with pytest.raises(ray.exceptions.ActorDiedError):
        pool.get_next()
    assert list(pool.map(double, range(5))) == [0, 2, 4, 6, 8]
    assert pool.pop_idle() is not None
    assert pool.pop_idle() is None


def test_methods_with_several_returns_give_lists(pool: ActorPool) -> None:
    def pair(actor: Any, n: int) -> Any:  # noqa: ANN401
        return actor.pair.remote(n)

    assert list(pool.map(pair, [1, 2, 3])) == [[1, -1], [2, -2], [3, -3]]
    assert sorted(pool.map_unordered(pair, [1, 2])) == [[1, -1], [2, -2]]


def test_actors_can_be_added_and_taken_out(ray: ModuleType, tmp_path: Path) -> None:
    first, second, gate = Helper.remote(), Helper.remote(), Gate(tmp_path)
    pool = ActorPool([first])
    for n in range(2):
        pool.submit(lambda actor, n: actor.through.remote(gate, n), n)
    with pytest.raises(ValueError, match="already belongs"):
        pool.push(first)
    pool.push(second)  # works off what waited
    gate.wait_for_visitors(2)
    gate.open()
    assert sorted([pool.get_next_unordered(), pool.get_next_unordered()]) == [0, 1]
    assert {pool.pop_idle(), pool.pop_idle()} == {first, second}
    assert not pool.has_free()


def test_the_order_is_lost_after_an_unordered_result(pool: ActorPool, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    pool.submit(lambda actor, n: actor.through.remote(gate, n), 0)
    pool.submit(double, 1)
    assert pool.get_next_unordered() == 2
    with pytest.raises(ValueError, match="not allowed"):
        pool.get_next()
    gate.open()
    assert pool.get_next_unordered() == 0
