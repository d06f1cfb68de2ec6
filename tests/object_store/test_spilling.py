"""A store that is too small: objects go to the disk and come back, and nobody notices but by the time."""

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray.exceptions import ObjectLostError, ObjectStoreFullError, OutOfDiskError
from runtime_tools import rows, session, session_dir, stored_bytes, wait_for_rows, wait_until

CAPACITY = 50_000_000
LENGTH = 1_000_000  # float64 numbers: 8 MB, so that six arrays fit

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module", autouse=True)
def small_store() -> Iterator[None]:
    with session(num_cpus=2, object_store_memory=CAPACITY):
        yield


def numbers(n: int, length: int = LENGTH) -> Array:
    return np.full(length, n, dtype=np.float64)


@ray.remote
def make(n: int) -> Array:
    return numbers(n)


@ray.remote
def total(array: Array) -> float:
    return float(array.sum())


def spilled_files() -> list[Path]:
    return list((session_dir() / "spilled").iterdir())


def assert_baseline() -> None:
    """No object is left in memory or on disk."""
    gc.collect()
    wait_until(lambda: stored_bytes() == 0 and not spilled_files())


def test_more_than_fits_can_be_put_and_read_again() -> None:
    references = [ray.put(numbers(n)) for n in range(15)]
    assert len(spilled_files()) >= 9
    for _ in range(2):
        assert [ray.get(reference)[-1] for reference in references] == list(range(15))
    told = dict(rows("SELECT object_id, min(size) FROM object_events WHERE state = 'SPILLED' GROUP BY 1"))
    assert told[references[0].hex()] > 8 * LENGTH
    del references
    assert_baseline()


def test_results_and_arguments_of_tasks_are_spilled_like_all_others() -> None:
    made = [make.remote(n) for n in range(15)]
    assert ray.get([total.remote(array) for array in made]) == [n * LENGTH for n in range(15)]
    del made
    assert_baseline()


def test_an_object_comes_back_into_memory_when_there_is_room() -> None:
    first = ray.put(numbers(1))
    others = [ray.put(numbers(n)) for n in range(8)]
    wait_for_rows("SELECT * FROM object_events WHERE object_id = ? AND state = 'SPILLED'", first.hex())
    del others
    gc.collect()
    wait_until(lambda: stored_bytes() < CAPACITY / 2)
    assert ray.get(first)[0] == 1
    wait_for_rows("SELECT * FROM object_events WHERE object_id = ? AND state = 'RESTORED'", first.hex())
    assert ray.get(total.remote(first)) == LENGTH
    del first
    assert_baseline()


def test_arrays_that_are_looked_at_stay_where_they_are() -> None:
    views = [ray.get(ray.put(numbers(n))) for n in range(5)]
    more = [ray.put(numbers(n)) for n in range(10)]
    assert all((view == n).all() for n, view in enumerate(views))
    assert [ray.get(total.remote(reference)) for reference in more] == [n * LENGTH for n in range(10)]
    del views, more
    assert_baseline()


def test_an_object_larger_than_the_store_lies_on_disk() -> None:
    large = ray.put(numbers(1, 2 * CAPACITY // 8))
    assert ray.get(large).sum() == 2 * CAPACITY // 8
    assert not ray.get(large).flags.writeable
    assert ray.get(total.remote(large)) == 2 * CAPACITY // 8
    del large
    assert_baseline()


def test_threads_and_tasks_that_fill_the_store_together_all_get_room() -> None:
    @ray.remote
    def fill(n: int) -> bool:
        mine = [ray.put(numbers(n * 10 + place)) for place in range(4)]
        return [ray.get(reference)[3] for reference in mine] == [n * 10 + place for place in range(4)]

    assert all(ray.get([fill.remote(n) for n in range(6)]))
    assert_baseline()


def test_a_chain_of_large_results_needs_no_more_than_two_at_a_time() -> None:
    @ray.remote
    def add(array: Array) -> Array:
        return array + 1

    array = ray.put(numbers(0))
    for _ in range(20):
        array = add.remote(array)
    assert ray.get(array)[0] == 20
    del array
    assert_baseline()


def test_a_spilled_file_that_is_gone_is_a_lost_object() -> None:
    first = ray.put(numbers(1))
    others = [ray.put(numbers(n)) for n in range(8)]
    wait_until(lambda: len(spilled_files()) >= 3)
    for file in spilled_files():
        file.unlink()
    with pytest.raises(ObjectLostError, match=first.hex()):
        ray.get(first)
    del first, others
    assert_baseline()


def test_a_full_disk_is_an_error_that_names_the_remedy_and_then_life_goes_on() -> None:
    """Where the disk would be, there is a file: nothing can be written there."""
    folder = session_dir() / "spilled"
    assert_baseline()
    shutil.rmtree(folder)
    folder.touch()
    try:
        with pytest.raises(OutOfDiskError, match="Delete references") as caught:
            ray.put(numbers(1, CAPACITY // 4))
        assert isinstance(caught.value, ObjectStoreFullError)
    finally:
        folder.unlink()
        folder.mkdir()
    reference = ray.put(numbers(1))
    assert ray.get(total.remote(reference)) == LENGTH


def test_nothing_of_a_session_stays_on_disk() -> None:
    """Its own session, as it ends."""
    ray.shutdown()
    with session(num_cpus=1, object_store_memory=CAPACITY):
        references = [ray.put(numbers(n)) for n in range(8)]
        folder = session_dir()
        assert spilled_files()
        assert len(references) == 8
    wait_until(lambda: not (folder / "spilled").exists())


@pytest.fixture
def spilled_notices(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], int]:
    """Says how many notices of spilling there were, after 15 objects, with a value of the variable."""

    def count(wanted: str) -> int:
        ray.shutdown()
        monkeypatch.setenv("RAY_verbose_spill_logs", wanted)
        with session(num_cpus=1, object_store_memory=CAPACITY):
            kept = [ray.put(numbers(n)) for n in range(15)]
            wait_until(lambda: len(spilled_files()) >= len(kept) - 6)
            wait_until(lambda: wanted == "0" or "Spilled" in caplog.text)
        return caplog.text.count("Spilled")

    return count


def test_the_user_is_told_when_much_is_spilled_and_not_each_time(
    spilled_notices: Callable[[str], int], caplog: pytest.LogCaptureFixture
) -> None:
    assert 0 < spilled_notices("1") < 15, "only whenever it has doubled"
    assert "object_store_memory" in caplog.text


def test_the_user_need_not_be_told_of_spilling(spilled_notices: Callable[[str], int]) -> None:
    assert spilled_notices("0") == 0


@pytest.mark.parametrize("nodes", [1, 2])
def test_objects_are_spilled_into_the_directory_that_was_asked_for(tmp_path: Path, nodes: int) -> None:
    ray.shutdown()
    directory = tmp_path / "another disk" / "for objects"
    with session(
        num_cpus=1,
        num_nodes=nodes,
        object_store_memory=CAPACITY,
        object_spilling_directory=str(directory),
    ):
        kept = [ray.put(numbers(n)) for n in range(15)]
        wait_until(lambda: len(list(directory.glob("*/spilled-*"))) >= len(kept) - 6)
        assert [ray.get(reference)[0] for reference in kept] == list(range(15))
        assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in directory.iterdir())
    assert list(directory.iterdir()) == []


def test_a_directory_for_spilling_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    ray.shutdown()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), session(object_spilling_directory=str(tmp_path / "file")):
        pass
