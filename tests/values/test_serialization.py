"""User data as bytes and back: any nesting, views instead of copies, clear words when it cannot be done."""

import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minray.exceptions import OufOfBandObjectRefSerializationException
from minray.values import serialization
from minray.values.functions import serialize_function
from minray.values.ref import ObjectRef, Port
from minray.values.serialization import (
    deserialize,
    serialize,
    serialize_arguments,
)
from minray.wire.ids import JobID

arrays = hnp.arrays(
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.floating_dtypes()
    | hnp.datetime64_dtypes(endianness="="),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=8),
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
nested = st.recursive(
    leaves | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@dataclass
class Holder:
    """A class of the user's own."""

    content: Any


def same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Equal, arrays by type, shape and bytes."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


# --- there and back ----------------------------------------------------------------------------------


@given(nested)
def test_any_nesting_of_plain_data_and_arrays_comes_back_equal(value: object) -> None:
    serialized = serialize(value)
    data = serialized.to_bytes()
    assert len(data) == serialized.size
    assert same(deserialize(data), value)


@given(nested)
def test_writing_into_memory_gives_the_same_bytes(value: object) -> None:
    serialized = serialize(value)
    memory = bytearray(serialized.size + 7)
    serialized.write_into(memoryview(memory)[: serialized.size])
    assert bytes(memory) == serialized.to_bytes() + bytes(7), "and not one byte more"


@given(st.lists(nested, max_size=4), st.data())
def test_arguments_come_back_with_their_names(values: list[Any], data: st.DataObject) -> None:
    named = data.draw(st.integers(0, len(values)))
    keywords = tuple(f"key{number}" for number in range(named))
    loaded, names = deserialize(serialize_arguments(values, keywords).to_bytes())
    assert same(loaded, values)
    assert names == keywords


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_of_an_array_in_memory_is_kept(order: Any) -> None:  # noqa: ANN401
    array = np.asarray(np.arange(60).reshape(3, 4, 5), order=order)
    loaded = deserialize(serialize(array).to_bytes())
    assert loaded.flags["C_CONTIGUOUS"] == array.flags["C_CONTIGUOUS"]
    assert same(loaded, array)


def test_an_array_of_objects_comes_back() -> None:
    array = np.array([{"a": 1}, None, [np.arange(3)]], dtype=object)
    loaded = deserialize(serialize(array).to_bytes())
    assert same(list(loaded), list(array))


def test_one_array_at_two_places_is_one_array_again() -> None:
    array = np.arange(1000)
    one, other = deserialize(serialize([array, array]).to_bytes())
    assert one is other


def test_functions_and_classes_of_a_test_travel_too() -> None:
    factor = 3
    loaded = deserialize(serialize({"times": lambda number: number * factor, "class": Holder}).to_bytes())
    assert loaded["times"](5) == 15
    assert loaded["class"](1) == Holder(1)


def test_text_that_is_no_valid_unicode_comes_back() -> None:
    assert deserialize(serialize("\udcff").to_bytes()) == "\udcff"


# --- views -------------------------------------------------------------------------------------------


def views_of(value: object) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from views_of(inner)


def test_loaded_arrays_are_read_only_views_of_the_data() -> None:
    data = memoryview(serialize([np.arange(1000), (np.ones((20, 20)), "text")]).to_bytes())
    address = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    for array in views_of(deserialize(data)):
        assert address < array.__array_interface__["data"][0] < address + len(data)
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_loaded_arrays_are_read_only_even_if_the_memory_is_not() -> None:
    serialized = serialize(np.arange(100))
    memory = bytearray(serialized.size)
    serialized.write_into(memory)
    assert not deserialize(memoryview(memory)).flags.writeable


@given(st.lists(arrays, min_size=1, max_size=5))
def test_every_buffer_begins_at_a_multiple_of_64_bytes(values: list[Any]) -> None:
    data = memoryview(serialize(values).to_bytes())
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    for array in views_of(deserialize(data)):
        place = array.__array_interface__["data"][0] - start
        if array.nbytes and 0 <= place < len(data):  # NumPy itself copies dates
            assert place % 64 == 0


def test_serializing_does_not_copy_the_buffer() -> None:
    array = np.arange(1000)
    (buffer,) = serialize(array).buffers
    assert np.shares_memory(np.frombuffer(buffer, array.dtype), array)


def test_loaded_arrays_keep_the_data_alive() -> None:
    array = deserialize(memoryview(serialize(np.arange(10_000)).to_bytes()))
    assert array.sum() == 10_000 * 9_999 // 2


# --- references --------------------------------------------------------------------------------------


@pytest.fixture
def make_ref(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], ObjectRef]:
    """Makes references, and lets loaded ones be made."""

    def make(object_id: bytes) -> ObjectRef:
        return ObjectRef(object_id, lambda _: None)

    monkeypatch.setattr(ObjectRef, "port", Port(make, lambda key: None, JobID.nil, None))  # type: ignore[arg-type]
    return make


def test_the_references_inside_data_are_listed(make_ref: Callable[[bytes], ObjectRef]) -> None:
    value = {"a": [make_ref(b"one")], "b": Holder(make_ref(b"two")), "c": np.arange(5)}
    serialized = serialize(value)
    assert set(serialized.contained) == {b"one", b"two"}
    loaded = deserialize(serialized.to_bytes())
    assert loaded["a"] == [make_ref(b"one")]
    assert loaded["b"].content == make_ref(b"two")


def test_data_without_references_contains_none() -> None:
    assert serialize([1, "text", np.arange(5)]).contained == ()


def test_references_in_arguments_are_listed(make_ref: Callable[[bytes], ObjectRef]) -> None:
    assert serialize_arguments([1, [make_ref(b"one")]], ()).contained == (b"one",)


def test_a_reference_that_is_pickled_by_other_means_is_kept_from_then_on(
    make_ref: Callable[[bytes], ObjectRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []
    assert ObjectRef.port is not None
    monkeypatch.setattr(ObjectRef, "port", ObjectRef.port._replace(keep=kept.append))
    assert pickle.loads(pickle.dumps(make_ref(b"one"))) == make_ref(b"one")
    assert kept == [b"one"]


def test_pickling_a_reference_by_other_means_can_be_made_an_error(
    make_ref: Callable[[bytes], ObjectRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_allow_out_of_band_object_ref_serialization", "0")
    with pytest.raises(OufOfBandObjectRefSerializationException, match="argument"):
        pickle.dumps(make_ref(b"one"))
    reference = make_ref(b"two")
    with pytest.raises(OufOfBandObjectRefSerializationException):
        serialize_function(lambda: reference, "uses_it")


def test_small_arrays_that_travel_in_messages_are_aligned_too() -> None:
    for count in (200, 5000):
        array = deserialize(serialize(np.arange(count)).to_bytes())
        assert array.ctypes.data % 64 == 0
        assert list(array[:3]) == [0, 1, 2]
        assert not array.flags.writeable


def test_lists_of_references_of_two_threads_are_kept_apart(make_ref: Callable[[bytes], ObjectRef]) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        def __reduce__(self) -> Any:  # noqa: ANN401
            inside.set()
            go_on.wait(30)
            return int, ()

    found: list[tuple[bytes, ...]] = []
    slow = threading.Thread(target=lambda: found.append(serialize([Slow(), make_ref(b"slow")]).contained))
    slow.start()
    inside.wait(30)
    assert serialize([make_ref(b"quick")]).contained == (b"quick",)
    go_on.set()
    slow.join()
    assert found == [(b"slow",)]


# --- what cannot be sent -----------------------------------------------------------------------------


def test_a_value_that_cannot_be_pickled_raises_what_pickle_raises() -> None:
    with pytest.raises(TypeError, match="lock"):
        serialize({"here": threading.Lock()})


@given(st.integers(1, 5000), st.integers(1, 5))
def test_a_buffer_that_several_threads_copy_arrives_whole(size: int, copiers: int) -> None:
    array = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serialization, "MANY_BYTES", 1)
        patch.setattr(serialization, "MOST_COPIERS", copiers)
        patch.setattr("os.cpu_count", lambda: copiers)
        patch.delenv("OMP_NUM_THREADS", raising=False)
        data = serialize(array).to_bytes()
    np.testing.assert_array_equal(deserialize(data), array)


@pytest.mark.parametrize(
    ("threads", "copiers"), [(None, 3), ("", 3), ("1", 1), ("2,4", 2), ("64", 4), ("0", 1), ("many", 3)]
)
def test_a_buffer_is_copied_by_as_many_threads_as_a_numerical_library_would_use(
    monkeypatch: pytest.MonkeyPatch, threads: str | None, copiers: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if threads is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert serialization._copiers() == copiers
