"""What the scheduler knows of objects: declared, sealed, freed with all that was alive only inside them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from minray.scheduler.objects.table import ObjectTable
from minray.wire.messages import ERROR, INLINE


def table_with(*object_ids: bytes) -> ObjectTable:
    """A table in which the driver holds these objects, which exist."""
    table = ObjectTable()
    for object_id in object_ids:
        table.declare(object_id, None)
        table.references.hold("driver", object_id)
        table.seal(object_id, INLINE, b"", ())
    return table


def drop(table: ObjectTable, object_id: bytes) -> list[bytes]:
    """The driver forgets an object; return what is freed."""
    table.references.drop("driver", object_id)
    return [freed for freed, _ in table.release([object_id])]


def test_a_declared_object_is_known_and_not_ready() -> None:
    table = ObjectTable()
    entry = table.declare(b"x", 7)
    assert table.get(b"x") is entry
    assert entry.producer == 7
    assert not entry.ready


def test_an_object_that_nobody_spoke_of_is_unknown() -> None:
    assert ObjectTable().get(b"x") is None


def test_a_sealed_object_is_ready_whatever_its_kind() -> None:
    table = table_with(b"x")
    table.declare(b"y", 1)
    table.seal(b"y", ERROR, b"error", ())
    for object_id, kind in ((b"x", INLINE), (b"y", ERROR)):
        entry = table.get(object_id)
        assert entry is not None
        assert entry.ready
        assert entry.kind == kind


def test_an_object_is_freed_when_its_last_reference_goes() -> None:
    table = table_with(b"x")
    table.references.hold("worker", b"x")
    assert drop(table, b"x") == []
    table.references.drop("worker", b"x")
    assert [freed for freed, _ in table.release([b"x"])] == [b"x"]
    assert table.get(b"x") is None


def test_a_freed_object_comes_back_with_what_its_owner_must_clean_up() -> None:
    table = ObjectTable()
    table.declare(b"x", 3)
    table.seal(b"x", INLINE, b"payload", ())
    ((freed, entry),) = table.release([b"x"])
    assert (freed, entry.payload, entry.producer) == (b"x", b"payload", 3)


def test_an_object_that_does_not_exist_yet_stays_although_nobody_wants_it() -> None:
    """Its task will seal it, and only then can it be freed."""
    table = ObjectTable()
    table.declare(b"x", 1)
    assert table.release([b"x"]) == []
    table.seal(b"x", INLINE, b"", ())
    assert [freed for freed, _ in table.release([b"x"])] == [b"x"]


def test_releasing_twice_or_something_unknown_frees_nothing() -> None:
    table = table_with(b"x")
    table.references.drop("driver", b"x")
    assert [freed for freed, _ in table.release([b"x", b"x", b"unknown"])] == [b"x"]
    assert table.release([b"x"]) == []


def test_an_object_lives_as_long_as_one_that_contains_it() -> None:
    table = table_with(b"inner")
    table.declare(b"outer", None)
    table.references.hold("driver", b"outer")
    table.seal(b"outer", INLINE, b"", (b"inner",))
    assert drop(table, b"inner") == []
    assert drop(table, b"outer") == [b"outer", b"inner"]
    assert len(table) == 0


def test_an_object_contained_twice_is_freed_once() -> None:
    table = table_with(b"inner")
    table.declare(b"outer", None)
    table.references.hold("driver", b"outer")
    table.seal(b"outer", INLINE, b"", (b"inner", b"inner"))
    drop(table, b"inner")
    assert drop(table, b"outer") == [b"outer", b"inner"]


def test_a_chain_of_objects_is_freed_however_long_it_is() -> None:
    """A linked list of references must not overflow the stack of the scheduler."""
    names = [str(number).encode() for number in range(10_000)]
    table = table_with(names[0])
    for inner, outer in pairwise(names):
        table.declare(outer, None)
        table.references.hold("driver", outer)
        table.seal(outer, INLINE, b"", (inner,))
        assert drop(table, inner) == []
    assert drop(table, names[-1]) == names[::-1]
    assert len(table) == 0


@given(st.data(), st.integers(1, 12))
def test_after_any_drops_exactly_what_can_be_reached_is_left(data: st.DataObject, count: int) -> None:
    """Objects contain earlier ones at random; the model is a search from what is still held."""
    names = [bytes([number]) for number in range(count)]
    contains: dict[bytes, tuple[bytes, ...]] = {}
    table = ObjectTable()
    for number, name in enumerate(names):
        inner = st.lists(st.sampled_from(names[:number]), max_size=3) if number else st.just([])
        contains[name] = tuple(data.draw(inner))
        table.declare(name, None)
        table.references.hold("driver", name)
        table.seal(name, INLINE, b"", contains[name])
    held = set(names)
    for name in data.draw(st.permutations(names)):
        reachable, pending = set(), list(held)
        while pending:
            reachable.add(found := pending.pop())
            pending += contains[found]
        assert {known for known in names if table.get(known)} == reachable
        held.remove(name)
        drop(table, name)
    assert len(table) == 0
