"""The pool of `minray.util.multiprocessing` does what that of Python's multiprocessing does."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minray
from minray.util.multiprocessing import Pool, TimeoutError
from minray.util.multiprocessing.results import PoolTaskError
from runtime_tools import Gate, run_good_script


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """One session for this module."""
    minray.init(num_cpus=2, include_dashboard=False)
    yield minray
    minray.shutdown()


@pytest.fixture(scope="module")
def pool(ray: ModuleType) -> Iterator[Pool]:
    """A pool of two, which every test leaves with nothing to do."""
    with Pool(2) as pool:
        yield pool
    pool.join()


def inverse(n: int) -> float:
    return 1 / n


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-99, 99), max_size=25), st.one_of(st.none(), st.integers(1, 9)))
def test_all_kinds_of_map_agree_with_python(pool: Pool, items: list[int], chunksize: int | None) -> None:
    expected, pairs = [abs(n) for n in items], [(n, 3) for n in items]
    assert pool.map(abs, items, chunksize) == expected
    assert pool.map_async(abs, iter(items), chunksize).get() == expected
    assert pool.starmap(pow, pairs, chunksize) == list(itertools.starmap(pow, pairs))
    assert pool.starmap_async(pow, pairs).get() == list(itertools.starmap(pow, pairs))
    assert list(pool.imap(abs, items, chunksize)) == expected
    assert sorted(pool.imap_unordered(abs, iter(items), chunksize)) == sorted(expected)


def test_one_call_takes_positional_and_keyword_arguments(pool: Pool) -> None:
    assert pool.apply(int, ("ff",), {"base": 16}) == 255
    assert pool.apply_async(int, ("11",)).get(timeout=30) == 11
    assert pool.apply(lambda: None) is None


def test_the_error_of_a_call_is_raised_and_says_where_it_was(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        pool.map(inverse, [1, 0, 2])
    assert "return 1 / n" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="invalid literal"):
        pool.apply(int, ("x",))


def test_iterators_give_errors_in_place_of_results(pool: Pool) -> None:
    results = list(pool.imap(inverse, [1, 0, 2], chunksize=2))
    assert results[0::2] == [1.0, 0.5]
    assert isinstance(results[1], PoolTaskError)
    assert isinstance(results[1].underlying, ZeroDivisionError)


def test_an_exception_that_is_returned_is_a_result_like_any_other(pool: Pool) -> None:
    assert isinstance(pool.apply(KeyError, ("returned",)), KeyError)


def test_results_that_are_late_can_be_waited_for(pool: Pool, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    result = pool.apply_async(gate.wait)
    result.wait(timeout=0.01)
    assert not result.ready()
    with pytest.raises(TimeoutError):
        result.get(timeout=0.01)
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    gate.open()
    assert result.get() > 0
    assert result.ready()
    assert result.successful()
    failed = pool.apply_async(inverse, (0,))
    failed.wait()
    assert not failed.successful()


def test_iterators_take_a_timeout_and_can_be_asked_again(pool: Pool, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    def first_waits(n: int) -> int:
        if n == 0:
            gate.wait()
        return n

    ordered = pool.imap(first_waits, range(4))
    with pytest.raises(TimeoutError):
        ordered.next(timeout=0.01)
    unordered = pool.imap_unordered(lambda n: n, [5])
    gate.open()
    assert list(ordered) == [0, 1, 2, 3]
    assert unordered.next(timeout=30) == 5
    with pytest.raises(StopIteration):
        unordered.next()


def test_unordered_results_come_as_they_are_finished(pool: Pool, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    results = pool.imap_unordered(lambda n: gate.wait() and n if n == 0 else n, range(4))
    assert sorted(next(results) for _ in range(3)) == [1, 2, 3]
    gate.open()
    assert list(results) == [0]


def test_endless_arguments_are_taken_as_results_are_asked_for(pool: Pool) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for n in itertools.count():
            taken.append(n)
            yield n

    results = pool.imap(abs, endless())
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 5 + 2


def heard(submit: Callable[..., Any], *arguments: object) -> list[object]:
    """What the callbacks of a call were called with; they have run when the result is ready."""
    told: list[object] = []
    threads: list[threading.Thread] = []

    def callback(result: object) -> None:
        threads.append(threading.current_thread())
        told.append(result)

    submit(*arguments, callback=callback, error_callback=lambda error: told.append(repr(error))).wait(30)
    assert threading.main_thread() not in threads
    return told


def test_callbacks_hear_once_of_the_result_or_of_the_first_error(pool: Pool) -> None:
    error = repr(ZeroDivisionError("division by zero"))
    assert heard(pool.apply_async, abs, (-1,)) == [1]
    assert heard(pool.apply_async, inverse, (0,)) == [error]
    assert heard(pool.map_async, abs, [-1, -2]) == [[1, 2]]
    assert heard(pool.map_async, inverse, [1, 0, 0]) == [error]
    assert heard(pool.starmap_async, pow, [(2, 3)]) == [[8]]


def test_what_is_not_iterable_is_an_error_at_once(pool: Pool) -> None:
    for method in (pool.map, pool.imap, pool.imap_unordered):
        with pytest.raises(TypeError, match="not iterable"):
            method(abs, 3)  # type: ignore[operator]


def test_a_closed_pool_finishes_its_work_and_takes_no_more(ray: ModuleType, tmp_path: Path) -> None:
    gate, pool = Gate(tmp_path), Pool(2)
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    result = pool.map_async(lambda gate: gate.wait(), [gate] * 4)
    pool.close()
    for call in (pool.map, pool.imap):
        with pytest.raises(ValueError, match="not running"):
            call(abs, [1])
    with pytest.raises(ValueError, match="not running"), pool:
        pass
    gate.open()
    pool.join()
    assert len(set(result.get())) == 2


def test_a_terminated_pool_gives_up_its_work(ray: ModuleType, tmp_path: Path) -> None:
    gate, pool = Gate(tmp_path), Pool(2)
    result = pool.map_async(lambda gate: gate.wait(), [gate] * 4)
    gate.wait_for_visitors(2)
    pool.terminate()
    pool.join()
    result.wait(30)
    assert not result.successful()
    with pytest.raises(ray.exceptions.RayError):
        result.get()


def test_each_process_begins_with_the_initializer(ray: ModuleType, tmp_path: Path) -> None:
    def leave_a_trace(folder: Path) -> None:
        (folder / str(os.getpid())).touch()

    with Pool(2, initializer=leave_a_trace, initargs=(tmp_path,)) as pool:
        pids = set(pool.map(lambda _: os.getpid(), range(8)))
        assert {int(path.name) for path in tmp_path.iterdir()} == pids
    pool.join()


def test_an_initializer_that_raises_is_an_error_of_the_pool(ray: ModuleType) -> None:
    with pytest.raises(ray.exceptions.RayActorError):
        Pool(1, initializer=inverse, initargs=(0,))


def test_processes_are_replaced_after_so_many_chunks(ray: ModuleType) -> None:
    with Pool(2, maxtasksperchild=2) as pool:
        pids = pool.map(lambda _: os.getpid(), range(8), chunksize=1)
        assert len(set(pids)) == 4
        assert all(pids.count(pid) == 2 for pid in pids)
    pool.join()


def test_pools_can_be_nested_without_deadlock(ray: ModuleType) -> None:
    def inner(n: int) -> list[int]:
        with Pool(1) as pool:
            return pool.map(abs, [-n])

    with Pool(1) as pool:
        assert pool.map(inner, [1, 2]) == [[1], [2]]
    pool.join()


def test_the_actors_of_a_pool_take_options(ray: ModuleType) -> None:
    with Pool(2, ray_remote_args={"num_cpus": 1}):
        assert ray.available_resources().get("CPU", 0) == 0


def test_a_pool_cannot_be_larger_than_the_session(ray: ModuleType) -> None:
    with pytest.raises(ValueError, match="only 2 CPUs"):
        Pool(3)
    with pytest.raises(ValueError, match=">0"):
        Pool(0)


def test_a_result_of_a_session_that_ended_meanwhile_is_an_error_for_the_callback(tmp_path: Path) -> None:
    code = """
        import threading, time
        import minray as ray
        from minray.util.multiprocessing import Pool
        told = []
        with ray.init(num_cpus=1, include_dashboard=False):
            Pool(1).apply_async(time.sleep, (60,), error_callback=told.append)
        for thread in threading.enumerate():
            if "_run_callbacks" in thread.name:
                thread.join(30)
        print(len(told), "error")
    """
    assert "1 error" in run_good_script(tmp_path, code)


def test_a_pool_starts_a_session_of_its_size_if_none_runs(tmp_path: Path) -> None:
    code = """
        import functools
        import minray as ray
        from minray.util.multiprocessing import Pool, pool
        pool.init = functools.partial(ray.init, include_dashboard=False)
        with Pool(3) as pool:
            print(pool.map(abs, [-1]), ray.cluster_resources()["CPU"])
    """
    assert "[1] 3.0" in run_good_script(tmp_path, code)
