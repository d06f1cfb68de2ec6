"""Room in the store: segments used again, objects spilled and restored, requests that wait their turn."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_node import Node
from minray.object_store.room import REMOVE, RESTORE, SPILL
from minray.object_store.segments import is_spilled
from minray.scheduler.tables.records import Client
from minray.wire.config import DISK_PAUSE_SECONDS, POOL_SECONDS
from minray.wire.messages import (
    STORED,
    CreateSegment,
    DropReferences,
    ForgetSegments,
    Locate,
    Reply,
    SealSegment,
    Subscribe,
)

BIG, OTHER, THIRD = b"big object", b"other object", b"third object"


def create(
    node: Node, name: bytes, size: int = 600, client: Client | None = None, on_disk: bool = False
) -> Reply | None:
    """Ask for room; return the answer if it comes at once."""
    client = client or node.driver
    before = len(client.channel.all(Reply))
    node.tell(client, CreateSegment(before + 1, name, size, on_disk))
    answers = client.channel.all(Reply)[before:]
    return answers[0] if answers else None


def put(node: Node, name: bytes, size: int = 600) -> tuple[str, bool]:
    """The driver puts an object; return its file, and whether that existed before."""
    answer = create(node, name, size)
    assert answer is not None
    node.tell(node.driver, SealSegment(name, ()))
    file: tuple[str, bool] = answer.value
    return file


def drop(node: Node, *names: bytes) -> None:
    """The driver has no reference to these objects any more."""
    node.tell(node.driver, DropReferences(names))


def find(node: Node, name: bytes, missing: str = "") -> Any:  # noqa: ANN401 - a place or None
    """Ask where an object is."""
    node.tell(node.driver, Locate(99, name, missing))
    return node.driver.channel.all(Reply)[-1].value


def jobs(node: Node, *kinds: str) -> list[str]:
    """The files that were worked on so far, by jobs of these kinds."""
    return [job.source for job in node.jobs if job.kind in kinds]


def history(node: Node, name: bytes) -> list[str]:
    """What happened to an object, from the event store's rows."""
    return [row[2] for row in node.rows["object_events"] if row[0] == name.hex()]


# --- segments that are used again --------------------------------------------------------------------


def test_a_freed_segment_is_used_again_under_a_new_name() -> None:
    node = Node()
    assert put(node, BIG) == ("1.1", False)
    drop(node, BIG)
    assert put(node, OTHER) == ("1.2", True)


def test_a_segment_that_somebody_views_is_not_used_again() -> None:
    node = Node(capacity=2000)
    put(node, BIG)
    node.viewed.add("1.1")
    drop(node, BIG)
    assert put(node, OTHER) == ("2.1", False)
    node.viewed.clear()
    assert put(node, THIRD) == ("1.2", True)


def test_the_pool_makes_room_for_objects_of_another_size() -> None:
    node = Node(capacity=1000)
    for name, size in ((BIG, 300), (OTHER, 400)):
        put(node, name, size)
    drop(node, BIG, OTHER)
    assert put(node, THIRD, 600) == ("3.1", False)
    assert jobs(node, REMOVE) == ["1.2"]
    told = [message.numbers for message in node.driver.channel.all(ForgetSegments)]
    assert told == [("1",)], "the driver keeps no mapping of it"


def test_memory_that_nobody_uses_for_some_time_goes_back_to_the_system() -> None:
    node = Node()
    put(node, BIG)
    drop(node, BIG)
    node.pass_time(POOL_SECONDS / 2)
    assert node.scheduler.objects.room.restless
    node.pass_time(POOL_SECONDS / 2)
    assert jobs(node, REMOVE) == ["1.2"]
    assert not node.scheduler.objects.room.restless
    assert node.scheduler.objects.room.book.taken == 0


def test_a_segment_whose_file_is_gone_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_segment: object) -> bool:
        raise FileNotFoundError

    node = Node(capacity=1000)
    put(node, BIG)
    monkeypatch.setattr(node, "_retire", gone)
    drop(node, BIG)
    assert node.scheduler.objects.room.book.taken == 0


def test_a_segment_that_cannot_be_looked_at_is_looked_at_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_segment: object) -> bool:
        raise OSError("Too many open files")

    node = Node(capacity=1000)
    put(node, BIG)
    with monkeypatch.context() as patch:
        patch.setattr(node, "_retire", fails)
        drop(node, BIG)
    assert put(node, OTHER) == ("1.2", True)


# --- spilling ----------------------------------------------------------------------------------------


def test_what_was_used_longest_ago_is_spilled_when_the_store_is_full() -> None:
    node = Node(capacity=1000)
    put(node, BIG, 400)
    put(node, OTHER, 400)
    node.tell(node.workers()[0], Subscribe((BIG,)))  # somebody reads it
    assert put(node, THIRD, 400) == ("2.2", True)
    assert jobs(node, SPILL) == ["2.1"]
    assert history(node, OTHER) == ["CREATED", "SEALED", "SPILLED"]
    entry = node.scheduler.objects.table.get(OTHER)
    assert entry is not None
    assert is_spilled(entry.payload[1])
    drop(node, OTHER)
    assert jobs(node, REMOVE) == [entry.payload[1]]
    assert node.scheduler.objects.room.book.spilled == 0


def test_no_more_is_spilled_than_is_needed() -> None:
    node = Node(capacity=1000)
    for number in range(10):
        put(node, bytes([number]), 100)
    put(node, BIG, 250)
    assert jobs(node, SPILL) == ["1.1", "2.1", "3.1"]


def test_a_task_is_told_where_its_spilled_argument_is() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    ((_, kind, place),) = node.order(node.submit(BIG)).values
    assert (kind, place[0], place[2]) == (STORED, BIG, 600)
    assert is_spilled(place[1])


def test_an_object_that_somebody_views_is_not_spilled() -> None:
    node = Node(capacity=1000)
    put(node, BIG, 500)
    put(node, OTHER, 500)
    node.viewed.add("1.1")
    assert put(node, THIRD, 500) == ("2.2", True)
    assert jobs(node, SPILL) == ["1.1", "2.1"]


def test_when_everything_is_viewed_new_objects_go_to_the_disk() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    node.viewed.add("1.1")
    name, recycled = put(node, OTHER)
    assert is_spilled(name)
    assert not recycled
    assert history(node, OTHER) == ["CREATED", "SEALED", "SPILLED"]
    drop(node, BIG)
    assert is_spilled(put(node, THIRD)[0]), "freed, but viewed still"


def test_an_object_larger_than_the_store_goes_to_the_disk_and_disturbs_nobody() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    assert is_spilled(put(node, OTHER, 1001)[0])
    assert jobs(node, SPILL) == []


def test_who_found_no_memory_in_the_system_gets_a_file_on_disk() -> None:
    node = Node(capacity=1000)
    answer = create(node, BIG, 600, on_disk=True)
    assert answer is not None
    assert is_spilled(answer.value[0])


def test_who_asks_for_room_waits_in_order_until_it_is_made() -> None:
    node = Node(capacity=1000)
    put(node, BIG, 900)
    node.disk_works = False
    assert create(node, OTHER, 600) is None
    assert create(node, THIRD, 50) is None, "there is room for it, but it is not its turn"
    node.disk_works = True
    node.settle()
    assert [reply.value for reply in node.driver.channel.all(Reply)[1:]] == [("3.1", False), ("4.1", False)]


def test_a_process_that_dies_while_it_waits_is_not_answered() -> None:
    node = Node(capacity=1000)
    put(node, BIG, 900)
    node.disk_works = False
    worker = node.workers()[0]
    assert create(node, OTHER, 600, worker) is None
    node.die(worker)
    node.disk_works = True
    node.settle()
    assert node.scheduler.objects.room.book.used == 0, "BIG was spilled, in vain"


def test_an_object_freed_while_it_is_spilled_leaves_nothing() -> None:
    node = Node(capacity=1000)
    put(node, BIG, 900)
    node.disk_works = False
    create(node, OTHER, 600)
    drop(node, BIG)
    node.disk_works = True
    node.settle()
    assert node.scheduler.objects.room.book.spilled == 0
    assert [source for source in jobs(node, REMOVE) if is_spilled(source)] != []


def test_when_the_disk_takes_nothing_it_is_left_alone_for_a_while() -> None:
    node = Node(capacity=1000)
    put(node, BIG, 900)
    node.disk_error = "No space left on device"
    assert is_spilled(put(node, OTHER)[0]), "whoever writes there will get the error"
    assert is_spilled(put(node, THIRD)[0])
    assert jobs(node, SPILL) == ["1.1"]
    node.disk_error = ""
    node.pass_time(DISK_PAUSE_SECONDS)
    assert put(node, b"fourth") == ("1.2", True) or jobs(node, SPILL) == ["1.1", "1.1"]
    assert history(node, BIG) == ["CREATED", "SEALED", "SPILLED"]


# --- restoring ---------------------------------------------------------------------------------------


def test_a_spilled_object_is_restored_when_there_is_room_again() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    drop(node, OTHER)
    place = find(node, BIG)
    assert place == (BIG, "1.3", 600), "in the segment that both have used"
    assert history(node, BIG) == ["CREATED", "SEALED", "SPILLED", "RESTORED"]
    assert len([source for source in jobs(node, REMOVE) if is_spilled(source)]) == 1
    assert node.scheduler.objects.room.book.spilled == 0


def test_a_spilled_object_is_read_where_it_is_when_there_is_no_room() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    assert is_spilled(find(node, BIG)[1])
    assert jobs(node, RESTORE) == []


def test_who_asks_twice_has_an_object_restored_once() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    drop(node, OTHER)
    node.disk_works = False
    node.tell(node.driver, Locate(7, BIG, ""), Locate(8, BIG, ""))
    node.disk_works = True
    node.settle()
    answers = {reply.request: reply.value for reply in node.driver.channel.all(Reply)[2:]}
    assert answers == {7: (BIG, "1.3", 600), 8: (BIG, "1.3", 600)}
    assert len(jobs(node, RESTORE)) == 1


def test_an_object_that_cannot_be_restored_is_read_where_it_is() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    drop(node, OTHER)
    node.disk_error = "Input/output error"
    assert is_spilled(find(node, BIG)[1])
    assert node.scheduler.objects.room.book.used == 0


def test_an_object_freed_while_it_is_restored_leaves_nothing() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    drop(node, OTHER)
    node.disk_works = False
    node.tell(node.driver, Locate(7, BIG, ""))
    drop(node, BIG)
    node.disk_works = True
    node.settle()
    book = node.scheduler.objects.room.book
    assert (book.used, book.taken, book.spilled) == (0, 0, 0)


def test_an_object_that_is_gone_is_not_found() -> None:
    node = Node()
    assert find(node, BIG) is None
    put(node, BIG)
    drop(node, BIG)
    assert find(node, BIG, "1.1") is None


def test_who_looked_too_early_is_told_the_new_place() -> None:
    node = Node(capacity=1000)
    put(node, BIG)
    put(node, OTHER)
    place = find(node, BIG, "1.1")
    assert is_spilled(place[1])


# --- anything at all ---------------------------------------------------------------------------------


class RoomMachine(RuleBasedStateMachine):
    """A driver that puts and drops, views that come and go, a disk that is slow or broken."""

    def __init__(self) -> None:
        super().__init__()
        self.node = Node(capacity=1000)
        self.names = iter(range(1, 10_000))
        self.requests: dict[int, bytes] = {}  # objects that wait for room
        self.objects: dict[bytes, int] = {}  # those that exist, and their sizes
        self.sizes: dict[bytes, int] = {}

    @rule(size=st.sampled_from([100, 300, 320, 700, 1200]))
    def put(self, size: int) -> None:
        number = next(self.names)
        name = number.to_bytes(28, "big")
        self.sizes[name] = size
        self.requests[number] = name
        self.node.tell(self.node.driver, CreateSegment(number, name, size))
        self.seal()

    def seal(self) -> None:
        for reply in self.node.driver.channel.all(Reply):
            name = self.requests.pop(reply.request, None)
            if name is not None:
                assert reply.error == ""
                self.objects[name] = self.sizes[name]
                self.node.tell(self.node.driver, SealSegment(name, ()))

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.objects)))
        del self.objects[name]
        drop(self.node, name)
        self.seal()

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def view(self, data: st.DataObject) -> None:
        self.node.viewed.add(self.place(data.draw(st.sampled_from(sorted(self.objects)))))

    @rule()
    def no_views(self) -> None:
        self.node.viewed.clear()

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def locate(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.objects)))
        self.node.tell(self.node.driver, Locate(1_000_000, name, ""))
        self.seal()

    @rule(works=st.booleans(), error=st.sampled_from(["", "broken"]))
    def disk(self, works: bool, error: str) -> None:
        self.node.disk_works, self.node.disk_error = works, error
        self.node.settle()
        self.seal()

    @rule(seconds=st.sampled_from([0.1, 1, 10]))
    def pass_time(self, seconds: float) -> None:
        self.node.pass_time(seconds)
        self.seal()

    def place(self, name: bytes) -> str:
        entry = self.node.scheduler.objects.table.get(name)
        assert entry is not None
        assert entry.payload[2] == self.objects[name]
        file: str = entry.payload[1]
        return file

    @invariant()
    def the_store_is_never_overfull(self) -> None:
        book = self.node.scheduler.objects.room.book
        assert 0 <= book.used <= book.taken <= book.capacity

    @invariant()
    def no_two_objects_share_a_file(self) -> None:
        places = [self.place(name) for name in self.objects]
        assert len(places) == len(set(places))
        numbers = [place.partition(".")[0] for place in places]
        assert len(numbers) == len(set(numbers))

    @invariant()
    def nobody_waits_for_a_disk_that_is_idle(self) -> None:
        assert not (self.requests and self.node.disk_works)

    def teardown(self) -> None:
        """The disk works again, all is dropped and nobody looks: then nothing is left."""
        self.node.disk_works, self.node.disk_error = True, ""
        self.node.settle()
        self.seal()
        assert not self.requests
        self.node.viewed.clear()
        drop(self.node, *self.objects)
        self.node.pass_time(POOL_SECONDS)
        self.node.pass_time(POOL_SECONDS)
        book = self.node.scheduler.objects.room.book
        assert (book.used, book.taken, book.spilled, book.unused) == (0, 0, 0, 0)
        assert not self.node.scheduler.objects.room._sealed
        made = {job.target for job in self.node.jobs if job.kind == SPILL}
        assert made >= {job.source for job in self.node.jobs if job.kind == RESTORE and job.source in made}


TestRoom = RoomMachine.TestCase
TestRoom.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
