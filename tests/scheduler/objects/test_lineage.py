"""Lineage: records that live as long as they may be needed, and plans that run what is missing, in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from minray.scheduler.objects.lineage import Lineage, Record


def keep(lineage: Lineage, name: bytes, *inputs: bytes, pinned: tuple[bytes, ...] = ()) -> list[bytes]:
    """A task with one result in the store, named like the task."""
    return lineage.keep(name, Record(name.decode(), 10, inputs, pinned), [name])


def plan(lineage: Lineage, name: bytes, gone: dict[str, list[bytes]]) -> list[bytes] | None:
    return lineage.plan(name, lambda task: gone.get(task, []))


def test_a_record_goes_with_the_last_object_that_its_task_made() -> None:
    lineage: Lineage = Lineage()
    lineage.keep(b"f", Record("f", 10, (), (b"small",)), [b"f0", b"f1"])
    assert lineage.forget_object(b"f", b"f0") == []
    assert lineage.get(b"f") is not None
    assert lineage.forget_object(b"f", b"f1") == [b"small"]
    assert lineage.get(b"f") is None


def test_a_record_keeps_those_of_its_inputs_although_their_objects_are_freed() -> None:
    lineage: Lineage = Lineage()
    keep(lineage, b"f")
    keep(lineage, b"g", b"f")
    keep(lineage, b"h", b"g")
    for name in (b"f", b"g"):
        lineage.forget_object(name, name)
    assert plan(lineage, b"h", {"h": [b"g"], "g": [b"f"]}) == [b"f", b"g", b"h"]
    lineage.forget_object(b"h", b"h")
    assert len(lineage) == 0


def test_only_what_is_missing_is_planned_and_each_task_once() -> None:
    lineage: Lineage = Lineage()
    keep(lineage, b"f")
    keep(lineage, b"g", b"f")
    keep(lineage, b"h", b"f")
    keep(lineage, b"i", b"g", b"h")
    assert plan(lineage, b"i", {}) == [b"i"]
    order = plan(lineage, b"i", {"i": [b"g", b"h"], "g": [b"f"], "h": [b"f"]})
    assert order is not None
    assert sorted(order) == [b"f", b"g", b"h", b"i"]
    assert (order[0], order[-1]) == (b"f", b"i")


def test_without_a_record_there_is_no_plan() -> None:
    lineage: Lineage = Lineage()
    keep(lineage, b"g")
    assert plan(lineage, b"f", {}) is None
    assert plan(lineage, b"g", {"g": [b"put"]}) is None


def test_the_oldest_records_go_when_there_are_too_many() -> None:
    lineage: Lineage = Lineage(limit=3100)
    names = [bytes([letter]) for letter in b"abcdef"]
    unpinned = [keep(lineage, name, pinned=(name * 2,)) for name in names]
    assert len(lineage) == 3
    assert lineage.get(b"c") is None
    assert lineage.get(b"d") is not None
    assert [name for names in unpinned for name in names] == [b"aa", b"bb", b"cc"]


def test_a_chain_of_any_length_is_forgotten_at_once() -> None:
    lineage: Lineage = Lineage()
    last = b"0"
    keep(lineage, last)
    for number in range(1, 5000):
        name = str(number).encode()
        keep(lineage, name, last)
        lineage.forget_object(last, last)
        last = name
    assert len(lineage) == 5000
    lineage.forget_object(last, last)
    assert len(lineage) == 0


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_graph_can_be_planned_until_all_is_forgotten(data: st.DataObject) -> None:
    lineage: Lineage = Lineage()
    inputs: dict[bytes, list[bytes]] = {}
    count = data.draw(st.integers(1, 12))
    for number in range(count):
        name = str(number).encode()
        inputs[name] = data.draw(st.lists(st.sampled_from(sorted(inputs)), unique=True)) if inputs else []
        keep(lineage, name, *inputs[name])
    kept = data.draw(st.sampled_from(sorted(inputs)))
    for name in inputs:
        if name != kept:
            lineage.forget_object(name, name)
    order = plan(lineage, kept, {name.decode(): sources for name, sources in inputs.items()})
    assert order is not None
    assert order[-1] == kept
    for place, name in enumerate(order):
        assert set(inputs[name]) <= set(order[:place])
    assert len(lineage) == len(order), "what is not needed for it is forgotten"
    lineage.forget_object(kept, kept)
    assert (len(lineage), lineage._size) == (0, 0)
