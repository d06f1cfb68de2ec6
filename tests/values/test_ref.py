"""References: named by their id, equal by it, and noticed when they go."""

import gc
import pickle
from collections.abc import Callable

import pytest

from minray.values.ref import CollectRefs, ObjectRef, Port, load_ref
from minray.wire.ids import JobID

ID = bytes(range(28))


def ref(object_id: bytes = ID, on_drop: Callable[[bytes], None] = lambda _: None) -> ObjectRef:
    return ObjectRef(object_id, on_drop)


def test_a_reference_shows_its_id() -> None:
    assert ref().binary() == ID
    assert ref().hex() == ID.hex()
    assert repr(ref()) == f"ObjectRef({ID.hex()})"


def test_references_to_the_same_object_are_equal() -> None:
    assert ref() == ref()
    assert len({ref(), ref(), ref(bytes(28))}) == 2
    assert ref() != ref(bytes(28))
    assert ref() != ID


def test_only_nil_is_nil() -> None:
    assert ObjectRef.nil().is_nil()
    assert not ref().is_nil()


def test_each_reference_that_goes_is_noticed_once() -> None:
    dropped: list[bytes] = []
    one, other = ref(on_drop=dropped.append), ref(on_drop=dropped.append)
    assert dropped == []
    del one
    gc.collect()
    assert dropped == [ID]
    del other
    gc.collect()
    assert dropped == [ID, ID]


def test_a_reference_cannot_get_other_attributes() -> None:
    with pytest.raises(AttributeError):
        ref().note = "mine"  # type: ignore[attr-defined]


def test_collecting_inside_collecting_keeps_both_lists_apart() -> None:
    with CollectRefs() as outer:
        ref(b"outer").__reduce__()
        with CollectRefs() as inner:
            ref(b"inner").__reduce__()
        ref(b"outer again").__reduce__()
    assert inner == [b"inner"]
    assert outer == [b"outer", b"outer again"]


def test_collecting_ends_after_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    escaped: list[bytes] = []
    monkeypatch.setattr(ObjectRef, "port", Port(ref, escaped.append, JobID.nil, None))  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError), CollectRefs():
        raise ZeroDivisionError
    ref().__reduce__()
    assert escaped == [ID]


def test_a_reference_can_be_pickled_and_loaded_without_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ObjectRef, "port", None)
    made = ObjectRef.from_random()
    assert pickle.loads(pickle.dumps(made)) == made
    assert load_ref(ID).binary() == ID


def test_a_reference_made_by_hand_needs_an_id_of_the_right_length() -> None:
    assert ObjectRef(bytes(28)).binary() == bytes(28)
    assert ObjectRef.nil().is_nil()
    for size in (0, 27, 29):
        with pytest.raises(ValueError, match="needs to have length 28"):
            ObjectRef(bytes(size))
