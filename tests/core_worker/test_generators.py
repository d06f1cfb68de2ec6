"""Generator tasks: items as they are made, errors at their place, back-pressure, cancelling, crashes."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray.core_worker import current
from minray.exceptions import TaskCancelledError, WorkerCrashedError
from minray.worker import generators
from runtime_tools import Gate, Tally, session, wait_until


@pytest.fixture(scope="module")
def ray_running() -> Iterator[ModuleType]:
    """A session that the tests of this module share."""
    with session(num_cpus=2):
        yield ray


@ray.remote
def count(n: int, fail_at: int = -1) -> Iterator[int]:
    for i in range(n):
        if i == fail_at:
            raise ValueError(f"cannot count to {i}")
        yield i


@ray.remote
def count_at_gate(n: int, gate: Gate, tally: Tally) -> Iterator[int]:
    """Counts, waits at the gate after the first item, and notes each item."""
    for i in range(n):
        tally.add(i)
        yield i
        if i == 0:
            gate.wait()


def objects() -> int:
    """How many objects the node has."""
    assert current.core is not None
    answer: int = current.core.query("objects")
    return answer


def values(refs: Any) -> list[Any]:  # noqa: ANN401 - a generator of references
    return [ray.get(ref) for ref in refs]


def test_a_generator_function_gives_a_generator_of_references(ray_running: ModuleType) -> None:
    refs = count.remote(5)
    assert isinstance(refs, ray.ObjectRefGenerator)
    assert values(refs) == [0, 1, 2, 3, 4]


def test_an_item_can_be_taken_while_the_task_runs(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    refs = count_at_gate.remote(3, gate, Tally(tmp_path))
    assert ray.get(next(refs)) == 0
    assert not refs.next_ready()
    assert refs._next_sync(timeout_s=0.01).is_nil()
    gate.open()
    assert values(refs) == [1, 2]


def test_at_the_end_it_stays_at_its_end(ray_running: ModuleType) -> None:
    refs = count.remote(1)
    assert values(refs) == [0]
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(refs)
    assert refs.is_finished()
    assert not refs.next_ready()
    assert ray.get(refs.completed()) is None


def test_an_empty_generator_has_no_items(ray_running: ModuleType) -> None:
    assert values(count.remote(0)) == []


def test_an_exception_is_the_last_item(ray_running: ModuleType) -> None:
    refs = list(count.remote(5, fail_at=2))
    assert len(refs) == 3
    assert values(refs[:2]) == [0, 1]
    with pytest.raises(ValueError, match="cannot count to 2"):
        ray.get(refs[2])


def test_an_exception_before_the_first_item(ray_running: ModuleType) -> None:
    refs = list(count.remote(5, fail_at=0))
    assert len(refs) == 1
    with pytest.raises(ValueError, match="cannot count to 0"):
        ray.get(refs[0])


def test_an_item_that_cannot_be_pickled_is_an_error_at_its_place(ray_running: ModuleType) -> None:
    @ray.remote
    def bad() -> Iterator[Any]:
        yield 1
        yield (i for i in range(3))

    first, second = bad.remote()
    assert ray.get(first) == 1
    with pytest.raises(TypeError, match="cannot be sent"):
        ray.get(second)


def test_a_failed_argument_is_the_only_item(ray_running: ModuleType) -> None:
    @ray.remote
    def fail() -> None:
        raise ValueError("no argument")

    (only,) = count.remote(fail.remote())
    with pytest.raises(ValueError, match="no argument"):
        ray.get(only)


def test_async_iteration(ray_running: ModuleType) -> None:
    async def main() -> list[int]:
        return [await ref async for ref in count.remote(20)]

    assert asyncio.run(main()) == list(range(20))


def test_several_generators_are_iterated_at_once_in_one_loop(ray_running: ModuleType) -> None:
    async def total(n: int) -> int:
        return sum([await ref async for ref in count.remote(n)])

    async def main() -> list[int]:
        return await asyncio.gather(*[total(n) for n in range(8)])

    assert asyncio.run(main()) == [sum(range(n)) for n in range(8)]


def test_async_iteration_meets_the_error_at_its_place(ray_running: ModuleType) -> None:
    async def main() -> list[object]:
        got: list[object] = []
        async for ref in count.remote(5, fail_at=1):
            try:
                got.append(await ref)
            except ValueError:
                got.append("error")
        return got

    assert asyncio.run(main()) == [0, "error"]


def test_a_task_may_take_items_of_a_generator(ray_running: ModuleType) -> None:
    @ray.remote(num_cpus=0)
    def total(n: int) -> int:
        return sum(values(count.remote(n)))

    assert ray.get(total.remote(10)) == 45


def test_wait_takes_generators_beside_references(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    refs = count_at_gate.remote(2, gate, Tally(tmp_path))
    assert ray.wait([refs]) == ([refs], [])
    assert ray.get(next(refs)) == 0
    other = ray.put(1)
    assert ray.wait([refs, other]) == ([other], [refs])
    assert ray.wait([refs], timeout=0) == ([], [refs])
    gate.open()
    assert ray.wait([refs, other], num_returns=2) == ([refs, other], [])
    assert values(refs) == [1]
    assert ray.wait([refs]) == ([refs], []), "the end can be had without waiting"


def test_large_items_go_through_the_store_and_are_freed(ray_running: ModuleType) -> None:
    @ray.remote
    def arrays(n: int) -> Iterator[Any]:
        for i in range(n):
            yield np.full(100_000, i)

    before = objects()
    assert [int(ray.get(ref)[-1]) for ref in arrays.remote(5)] == [0, 1, 2, 3, 4]
    wait_until(lambda: objects() == before, "all items to be freed")


def test_references_inside_items_keep_their_values(ray_running: ModuleType) -> None:
    @ray.remote
    def boxes(n: int) -> Iterator[list[Any]]:
        for i in range(n):
            yield [ray.put(i)]

    got = values(boxes.remote(3))
    assert [ray.get(inner) for (inner,) in got] == [0, 1, 2]


def test_items_are_arguments_like_others(ray_running: ModuleType) -> None:
    @ray.remote
    def double(n: int) -> int:
        return 2 * n

    assert ray.get([double.remote(ref) for ref in count.remote(4)]) == [0, 2, 4, 6]


def test_back_pressure_keeps_the_generator_from_running_ahead(
    ray_running: ModuleType, tmp_path: Path
) -> None:
    tally, gate = Tally(tmp_path), Gate(tmp_path)
    gate.open()
    refs = count_at_gate.options(_generator_backpressure_num_objects=2).remote(6, gate, tally)
    wait_until(lambda: len(tally.lines()) == 2, "two items")
    for taken in range(4):
        assert ray.get(next(refs)) == taken
        wait_until(lambda made=taken + 3: len(tally.lines()) == made, "one more item")
        assert ray.wait([ray.remote(len).remote("xx")])[0], "time passes, and no further item is made"
        assert len(tally.lines()) == taken + 3
    assert values(refs) == [4, 5]


def test_a_dropped_generator_runs_to_its_end_and_its_items_are_freed(
    ray_running: ModuleType, tmp_path: Path
) -> None:
    before = objects()
    tally, gate = Tally(tmp_path), Gate(tmp_path)
    refs = count_at_gate.options(_generator_backpressure_num_objects=1).remote(6, gate, tally)
    next(refs)
    del refs
    gate.open()
    wait_until(lambda: len(tally.lines()) == 6, "all items to be made")
    wait_until(lambda: objects() == before, "all items to be freed")


def test_items_taken_before_the_generator_was_dropped_stay(ray_running: ModuleType) -> None:
    refs = count.remote(3)
    first = next(refs)
    del refs
    assert ray.get(first) == 0


def test_cancelling_a_running_generator(ray_running: ModuleType, tmp_path: Path) -> None:
    refs = count_at_gate.remote(3, Gate(tmp_path), Tally(tmp_path))
    assert ray.get(next(refs)) == 0
    ray.cancel(refs)
    with pytest.raises(TaskCancelledError):
        ray.get(next(refs))
    with pytest.raises(StopIteration):
        next(refs)


def test_cancelling_a_generator_that_waits_for_its_owner(ray_running: ModuleType, tmp_path: Path) -> None:
    tally, gate = Tally(tmp_path), Gate(tmp_path)
    refs = count_at_gate.options(_generator_backpressure_num_objects=1).remote(3, gate, tally)
    wait_until(lambda: len(tally.lines()) == 1, "the first item")
    ray.cancel(refs)
    assert ray.get(next(refs)) == 0
    with pytest.raises(TaskCancelledError):
        ray.get(next(refs))


@ray.remote
def crash_once(n: int, crash_at: int, tally: Tally) -> Iterator[Any]:
    """Counts, with items both small and large; its first attempt dies."""
    attempt = tally.add()
    for i in range(n):
        if i == crash_at and attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield i if i % 2 else np.full(50_000, i)


@pytest.mark.parametrize("crash_at", [0, 1, 4])
def test_after_a_crash_nothing_is_missing_and_nothing_comes_twice(
    ray_running: ModuleType, tmp_path: Path, crash_at: int
) -> None:
    tally = Tally(tmp_path)
    got = [int(np.max(value)) for value in values(crash_once.remote(6, crash_at, tally))]
    assert got == [0, 1, 2, 3, 4, 5]
    assert len(tally.lines()) == 2


def test_back_pressure_goes_on_after_a_crash(ray_running: ModuleType, tmp_path: Path) -> None:
    task = crash_once.options(_generator_backpressure_num_objects=1)
    assert len(values(task.remote(6, 3, Tally(tmp_path)))) == 6


def test_without_retries_the_crash_is_the_last_item(ray_running: ModuleType, tmp_path: Path) -> None:
    refs = list(crash_once.options(max_retries=0).remote(6, 2, Tally(tmp_path)))
    assert len(refs) == 3
    assert ray.get(refs[1]) == 1
    with pytest.raises(WorkerCrashedError):
        ray.get(refs[2])


def test_an_exception_that_is_retried_shows_no_error(ray_running: ModuleType, tmp_path: Path) -> None:
    @ray.remote(retry_exceptions=True)
    def fail_once(tally: Tally) -> Iterator[int]:
        attempt = tally.add()
        yield 0
        if attempt == 1:
            raise ValueError("the first time")
        yield 1

    assert values(fail_once.remote(Tally(tmp_path))) == [0, 1]


def test_a_fixed_number_of_returns_takes_so_many_items(ray_running: ModuleType) -> None:
    assert ray.get(count.options(num_returns=3).remote(3)) == [0, 1, 2]
    assert ray.get(count.options(num_returns=2).remote(3)) == [0, 1]
    assert ray.get(count.options(num_returns=1).remote(3)) == 0
    with pytest.raises(ValueError, match="should return 3 values"):
        ray.get(count.options(num_returns=3).remote(2))


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_of_a_fixed_number_of_returns_those_before_an_exception_are_there(
    ray_running: ModuleType, size: int
) -> None:
    def fail_at_the_third() -> Iterator[Any]:
        yield np.full(size, 0)
        yield np.full(size, 1)
        raise ValueError("enough")

    class Actor:
        def method(self) -> Iterator[Any]:
            return fail_at_the_third()

    actor = ray_running.remote(Actor).remote()
    task = ray_running.remote(fail_at_the_third)
    generator = ray_running.remote(lambda: fail_at_the_third())
    for call in (task, generator, actor.method):
        first, second, *others = call.options(num_returns=4).remote()
        assert ray_running.get(first)[-1] == 0
        assert ray_running.get(second)[-1] == 1
        for other in others:
            with pytest.raises(ValueError, match="enough"):
                ray_running.get(other)


def test_a_generator_may_not_yield_without_end(ray_running: ModuleType) -> None:
    @ray_running.remote
    def three_where_two_are_allowed() -> Iterator[int]:
        generators._MOST_ITEMS = 2
        try:
            yield from range(3)
        finally:
            generators._MOST_ITEMS = 100_000_000

    one, two, three = three_where_two_are_allowed.remote()
    assert ray_running.get([one, two]) == [0, 1]
    with pytest.raises(ValueError, match="RAY_max_num_generator_returns"):
        ray_running.get(three)


def test_dynamic_gives_one_reference_to_all_items(ray_running: ModuleType) -> None:
    before = objects()
    ref = count.options(num_returns="dynamic").remote(4)
    assert isinstance(ref, ray.ObjectRef)
    refs = ray.get(ref)
    assert isinstance(refs, ray.DynamicObjectRefGenerator)
    assert len(refs) == 4
    assert values(refs) == [0, 1, 2, 3]
    assert list(refs) == [], "it is iterated over once"
    del ref, refs
    wait_until(lambda: objects() == before, "all items to be freed")


def test_dynamic_items_can_be_had_by_another_task(ray_running: ModuleType) -> None:
    @ray.remote
    def total(refs: Any) -> int:  # noqa: ANN401
        return sum(values(refs))

    assert ray.get(total.remote(count.options(num_returns="dynamic").remote(5))) == 10


def test_dynamic_with_an_exception_has_it_as_the_last_item(ray_running: ModuleType) -> None:
    first, last = ray.get(count.options(num_returns="dynamic").remote(3, fail_at=1))
    assert ray.get(first) == 0
    with pytest.raises(ValueError, match="cannot count to 1"):
        ray.get(last)


@pytest.mark.parametrize("num_returns", ["streaming", "dynamic"])
def test_only_generator_functions_stream(ray_running: ModuleType, num_returns: str) -> None:
    def plain() -> int:
        return 1

    with pytest.raises(ValueError, match="can only be used with generator functions"):
        ray.remote(num_returns=num_returns)(plain)
    with pytest.raises(ValueError, match="can only be used with generator functions"):
        ray.remote(plain).options(num_returns=num_returns)


def test_a_generator_cannot_travel(ray_running: ModuleType) -> None:
    with pytest.raises(TypeError, match="cannot return or pass a generator"):
        count.remote(count.remote(3))
    with pytest.raises(TypeError, match="generator"):
        ray.put(count.remote(3))


def test_a_generator_is_no_python_generator(ray_running: ModuleType) -> None:
    refs = count.remote(1)
    for call in (lambda: refs.send(None), lambda: refs.throw(ValueError()), refs.close):
        with pytest.raises(NotImplementedError):
            call()
    assert ray.get(refs) is refs


def test_many_items_of_many_generators_come_in_order(ray_running: ModuleType) -> None:
    streams = [count.remote(300) for _ in range(4)]
    assert [ray.get(list(refs)) for refs in streams] == [list(range(300))] * 4
