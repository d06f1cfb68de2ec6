"""Reference counting against a naive model: who needs what is simply written down in a list."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from minray.scheduler.objects.table import ReferenceTable

PROCESSES = ["driver", 1, 2]
OBJECTS = [b"a", b"b", b"c", b"d"]
processes = st.sampled_from(PROCESSES)
objects = st.sampled_from(OBJECTS)


class ReferenceMachine(RuleBasedStateMachine):
    """The table, and beside it the set of holds and the count of pins that it stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.table = ReferenceTable()
        self.holds: set[tuple[object, bytes]] = set()
        self.pins: Counter[bytes] = Counter()

    def needs(self, object_id: bytes) -> int:
        return sum(held == object_id for _, held in self.holds) + self.pins[object_id]

    @rule(process=processes, object_id=objects)
    def hold(self, process: object, object_id: bytes) -> None:
        self.table.hold(process, object_id)
        self.holds.add((process, object_id))

    @rule(process=processes, object_id=objects)
    def drop(self, process: object, object_id: bytes) -> None:
        had_it = (process, object_id) in self.holds
        self.holds.discard((process, object_id))
        assert self.table.drop(process, object_id) == (had_it and not self.needs(object_id))

    @rule(object_id=objects)
    def pin(self, object_id: bytes) -> None:
        self.table.pin(object_id)
        self.pins[object_id] += 1

    @precondition(lambda self: self.pins.total())
    @rule(data=st.data())
    def unpin(self, data: st.DataObject) -> None:
        object_id = data.draw(st.sampled_from([name for name in OBJECTS if self.pins[name]]))
        self.pins[object_id] -= 1
        assert self.table.unpin(object_id) == (not self.needs(object_id))

    @rule(process=processes)
    def forget(self, process: object) -> None:
        held = {object_id for holder, object_id in self.holds if holder == process}
        self.holds = {(holder, object_id) for holder, object_id in self.holds if holder != process}
        freed = self.table.forget(process)
        assert sorted(freed) == sorted(object_id for object_id in held if not self.needs(object_id))

    @invariant()
    def counts_agree(self) -> None:
        for object_id in OBJECTS:
            assert self.table.count(object_id) == self.needs(object_id)

    def teardown(self) -> None:
        for process in PROCESSES:
            self.table.forget(process)
        for object_id in self.pins.elements():
            self.table.unpin(object_id)
        assert not self.table._counts
        assert not self.table._held


TestReferences = ReferenceMachine.TestCase
TestReferences.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_holding_twice_is_holding_once() -> None:
    table = ReferenceTable()
    table.hold("driver", b"x")
    table.hold("driver", b"x")
    assert table.drop("driver", b"x")


def test_dropping_what_is_not_held_frees_nothing() -> None:
    table = ReferenceTable()
    table.hold("driver", b"x")
    assert not table.drop(1, b"x")
    assert table.count(b"x") == 1


def test_unpinning_what_is_not_pinned_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        ReferenceTable().unpin(b"x")


def test_changes_are_told_of_watched_objects_alone_and_once() -> None:
    table = ReferenceTable()
    table.hold("driver", b"seen")
    table.hold("driver", b"unseen")
    table.watch(b"seen")
    assert table.take_changes() == [(b"seen", 1)]
    table.pin(b"seen")
    table.pin(b"unseen")
    table.hold("worker", b"seen")
    assert table.take_changes() == [(b"seen", 3)]
    table.drop("worker", b"seen")
    table.forget("driver")
    assert table.take_changes() == [(b"seen", 1)]
    table.hold("worker", b"seen")
    table.unwatch(b"seen")
    assert table.take_changes() == []
