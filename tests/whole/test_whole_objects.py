"""Large values: shared memory, zero-copy views, and memory that is given back."""

import gc
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray import ObjectRef
from minray.session.folders import shared_memory_dir
from runtime_tools import Gate, rows, session, session_dir, stored_bytes, wait_for_rows, wait_until

LARGE = 1_000_000  # float64 numbers: 8 MB, far beyond what travels inline

Array = np.ndarray[Any, Any]


def segments() -> list[Path]:
    """The files of the running session's object store."""
    folder = shared_memory_dir(session_dir().name)
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


@ray.remote
def make(size: int) -> Array:
    return np.arange(size, dtype=np.float64)


def test_a_large_result_comes_back_equal_and_read_only(ray_session: ModuleType) -> None:
    array = ray_session.get(make.remote(LARGE))
    assert np.array_equal(array, np.arange(LARGE))
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    copy = array.copy()
    copy[0] = 1
    assert ray_session.get(ray_session.put(copy))[0] == 1


def test_two_gets_of_a_large_value_see_the_same_memory(ray_session: ModuleType) -> None:
    reference = make.remote(LARGE)
    first, second = ray_session.get(reference), ray_session.get(reference)
    assert not first.flags.owndata
    assert np.shares_memory(first, second) or mapped_file(first) == mapped_file(second)


def mapped_file(array: Array) -> str:
    """Which file an array's memory is a mapping of, as the system tells."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells what is mapped where")
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split()
        start, _, end = fields[0].partition("-")
        if int(start, 16) <= address < int(end, 16):
            return fields[5] if len(fields) > 5 else ""
    return ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped where")
def test_a_large_value_is_a_view_of_shared_memory_in_the_driver_and_in_a_task(
    ray_session: ModuleType,
) -> None:
    @ray_session.remote
    def where(array: Array) -> tuple[str, bool]:
        return mapped_file(array), array.flags.writeable

    reference = ray_session.put(np.ones(LARGE))
    file, writeable = ray_session.get(where.remote(reference))
    assert file == mapped_file(ray_session.get(reference))
    assert Path(file) in segments()
    assert not writeable


def test_a_large_argument_given_by_value_arrives_read_only_too(ray_session: ModuleType) -> None:
    @ray_session.remote
    def look(array: Array) -> tuple[float, bool]:
        return float(array.sum()), array.flags.writeable

    assert ray_session.get(look.remote(np.ones(LARGE))) == (LARGE, False)


@pytest.mark.parametrize("dtype", ["float32", "int8", "complex128", "bool", "datetime64[s]", "S7", "f8,i4"])
def test_arrays_of_every_kind_survive_the_trip(ray_session: ModuleType, dtype: str) -> None:
    array = np.zeros(300_000, dtype=dtype)
    again = ray_session.get(ray_session.put(array))
    assert again.dtype == array.dtype
    assert np.array_equal(again, array)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_layout_of_an_array_is_kept(ray_session: ModuleType, order: Any) -> None:  # noqa: ANN401
    array = np.ones((500, 700), order=order)
    array[3, 4] = 5
    again = ray_session.get(ray_session.put(array))
    assert np.array_equal(again, array)
    assert again.flags[f"{order}_CONTIGUOUS"]


def test_a_strided_view_and_an_empty_array_survive_the_trip(ray_session: ModuleType) -> None:
    array = np.arange(2.0 * LARGE).reshape(2, -1)[:, ::3]
    assert np.array_equal(ray_session.get(ray_session.put(array)), array)
    assert ray_session.get(ray_session.put(np.empty((0, 3)))).shape == (0, 3)


def test_arrays_inside_other_objects_are_views_too(ray_session: ModuleType) -> None:
    value = {"a": [np.ones(LARGE), "text"], "b": np.zeros(3)}
    again = ray_session.get(ray_session.put(value))
    assert again["a"][1] == "text"
    assert again["a"][0].sum() == LARGE
    assert not again["a"][0].flags.owndata


def test_large_bytes_text_and_lists_survive_the_trip(ray_session: ModuleType) -> None:
    for value in (os.urandom(5_000_000), "ü" * 2_000_000, list(range(300_000)), bytearray(b"x") * 400_000):
        assert ray_session.get(ray_session.put(value)) == value


@pytest.mark.parametrize("size", [0, 1, 100 * 1024 - 200, 100 * 1024, 100 * 1024 + 1, 1_000_003])
def test_values_of_every_size_survive_both_ways(ray_session: ModuleType, size: int) -> None:
    @ray_session.remote
    def same(value: bytes) -> bytes:
        return value

    value = os.urandom(size)
    assert ray_session.get(same.remote(value)) == value
    assert ray_session.get(same.remote(ray_session.put(value))) == value


def test_several_large_results_of_one_task_are_kept_apart(ray_session: ModuleType) -> None:
    @ray_session.remote(num_returns=3)
    def split() -> list[Array]:
        return [np.full(LARGE // 4, n) for n in range(3)]

    assert [int(array[7]) for array in ray_session.get(list(split.remote()))] == [0, 1, 2]


def test_memory_is_given_back_when_the_last_reference_goes(ray_session: ModuleType) -> None:
    references = [make.remote(LARGE), ray_session.put(np.ones(LARGE))]
    ray_session.wait(references, num_returns=2)
    wait_until(lambda: stored_bytes() > 2 * 8 * LARGE)
    total = ray_session.cluster_resources()["object_store_memory"]
    free = ray_session.available_resources()["object_store_memory"]
    assert free == total - stored_bytes()
    del references
    gc.collect()
    wait_until(lambda: stored_bytes() == 0)
    assert ray_session.available_resources()["object_store_memory"] == total


def test_memory_that_is_not_used_goes_back_to_the_system() -> None:
    with session(num_cpus=1):
        ray.put(np.ones(LARGE))
        assert segments()
        wait_until(lambda: segments() == [])


def test_an_array_outlives_its_reference(ray_session: ModuleType) -> None:
    array = ray_session.get(make.remote(LARGE))
    gc.collect()
    wait_until(lambda: stored_bytes() == 0)
    others = [ray_session.get(make.remote(LARGE)) for _ in range(3)]
    assert np.array_equal(array, np.arange(LARGE))
    assert len(others) == 3


def test_an_array_outlives_its_session() -> None:
    with session(num_cpus=1):
        array = ray.get(ray.put(np.arange(LARGE)))
    assert array[-1] == LARGE - 1


def test_a_result_that_nobody_wants_any_more_is_dropped(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def later(gate: Gate) -> Array:
        gate.wait()
        return np.ones(LARGE)

    reference = later.remote(gate)
    gate.wait_for_visitors()
    del reference
    gc.collect()
    gate.open()
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0)
    wait_until(lambda: stored_bytes() == 0)


def test_an_argument_stays_until_its_task_has_used_it(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> int:
        return gate.wait()

    @ray_session.remote
    def total(array: Array, _after: object) -> float:
        return float(array.sum())

    reference = ray_session.put(np.ones(LARGE))
    summed = total.remote(reference, hold.remote(gate))
    del reference
    gc.collect()
    gate.open()
    assert ray_session.get(summed) == LARGE
    wait_until(lambda: stored_bytes() == 0)


def test_a_reference_inside_a_stored_object_keeps_its_value(ray_session: ModuleType) -> None:
    inner = ray_session.put(np.ones(LARGE))
    outer = ray_session.put({"inner": inner})
    del inner
    gc.collect()
    assert ray_session.get(ray_session.get(outer)["inner"]).sum() == LARGE
    del outer
    gc.collect()
    wait_until(lambda: stored_bytes() == 0)


def test_a_reference_that_a_task_returns_keeps_its_value(ray_session: ModuleType) -> None:
    @ray_session.remote
    def store() -> list[ObjectRef]:
        return [ray.put(np.ones(LARGE))]

    (inner,) = ray_session.get(store.remote())
    gc.collect()
    assert ray_session.get(inner).sum() == LARGE
    del inner
    gc.collect()
    wait_until(lambda: stored_bytes() == 0)


def test_a_reference_kept_by_a_task_that_runs_on_keeps_its_value(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def look_later(references: list[ObjectRef], gate: Gate) -> float:
        gate.wait()
        return float(ray.get(references[0]).sum())

    reference = ray_session.put(np.ones(LARGE))
    summed = look_later.remote([reference], gate)
    gate.wait_for_visitors()
    del reference
    gc.collect()
    gate.open()
    assert ray_session.get(summed) == LARGE
    wait_until(lambda: stored_bytes() == 0)


def test_thousands_of_large_results_fit_when_each_is_dropped(ray_session: ModuleType) -> None:
    for _ in range(200):
        assert ray_session.get(make.remote(LARGE))[1] == 1.0
    assert len(segments()) <= 4, "memory is used again"


def test_the_event_store_tells_an_objects_life(ray_session: ModuleType) -> None:
    reference = make.remote(LARGE)
    ray_session.wait([reference])
    name = reference.hex()
    wait_for_rows("SELECT * FROM object_events WHERE object_id = ? AND state = 'SEALED'", name)
    del reference
    gc.collect()
    wait_for_rows("SELECT * FROM object_events WHERE object_id = ? AND state = 'FREED'", name)
    told = rows("SELECT state, size FROM object_events WHERE object_id = ? ORDER BY seq", name)
    assert [state for state, _ in told] == ["CREATED", "SEALED", "FREED"]
    assert all(size >= 8 * LARGE for _, size in told)


def test_small_values_do_not_go_through_shared_memory(ray_session: ModuleType) -> None:
    references = [make.remote(10), ray_session.put(b"x" * 1000)]
    ray_session.wait(references, num_returns=2)
    assert stored_bytes() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/shm")
def test_objects_are_private_to_the_user(ray_session: ModuleType) -> None:
    reference = ray_session.put(np.ones(LARGE))
    assert segments()
    for segment in segments():
        assert segment.stat().st_mode & 0o077 == 0
        assert segment.parent.stat().st_mode & 0o077 == 0
    assert ray_session.get(reference)[0] == 1


def test_the_event_store_knows_how_many_references_there_are_to_what_is_stored(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def keep(refs: list[ObjectRef], gate: Gate) -> None:
        gate.wait()

    def counts() -> list[int]:
        sql = "SELECT count FROM object_references WHERE object_id = ? ORDER BY seq"
        return [count for (count,) in rows(sql, ref.hex())]

    ref = ray.put(np.ones(LARGE))
    wait_until(lambda: counts()[-1:] == [1])  # this process
    task = keep.remote([ref], gate)
    gate.wait_for_visitors()
    wait_until(lambda: counts()[-1:] == [2])  # the task that has it, too
    gate.open()
    ray.get(task)
    wait_until(lambda: counts()[-1:] == [1])
