"""The store's bookkeeping: it adds up, and a segment is used again only when that is right."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from minray.object_store.book import Segment, StoreBook

CAPACITY = 100


class BookMachine(RuleBasedStateMachine):
    """The book, and beside it who should have what."""

    def __init__(self) -> None:
        super().__init__()
        self.book = StoreBook(CAPACITY)
        self.live: dict[str, Segment] = {}
        self.freed: list[Segment] = []  # neither live nor in the pool, as views are not known yet
        self.idle: dict[int, Segment] = {}
        self.leaving: list[Segment] = []
        self.names: set[str] = set()
        self.now = 0.0

    @rule(size=st.integers(0, CAPACITY + 1), writer=st.integers(1, 3))
    def create(self, size: int, writer: int) -> None:
        segment = self.book.create(size, writer)
        if segment is None:
            assert self.taken() + size > CAPACITY
            return
        assert segment.name not in self.names, "no name is used twice"
        if self.idle.pop(segment.number, None) is not None:
            assert size <= segment.capacity <= size * 9 / 8
        self.names.add(segment.name)
        self.live[segment.name] = segment

    @precondition(lambda self: self.live)
    @rule(data=st.data(), discard=st.booleans())
    def free(self, data: st.DataObject, discard: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.live)))
        segment = self.live.pop(name)
        if discard:
            self.leaving.append(self.book.discard(name))
        else:
            assert self.book.free(name) == segment.size
            self.freed.append(segment)

    @precondition(lambda self: self.freed)
    @rule(data=st.data(), viewed=st.booleans())
    def look_for_views(self, data: st.DataObject, viewed: bool) -> None:
        self.now += 1
        for segment in [*self.book.take_retired(), *self.book.take_viewed()]:
            if viewed:
                self.book.viewed.append(segment)
            else:
                self.freed.remove(segment)
                self.book.recycle(segment, self.now)
                self.idle[segment.number] = segment

    @rule(size=st.integers(1, CAPACITY))
    def make_room(self, size: int) -> None:
        before = sorted(self.idle.values(), key=lambda segment: segment.freed)
        self.leave(self.book.make_room(size))
        assert CAPACITY - self.taken() + self.going() >= size or not self.idle
        gone = {segment.freed for segment in before if segment.number not in self.idle}
        assert all(segment.freed >= max(gone, default=0) for segment in self.idle.values()), "oldest first"

    @rule(seconds=st.integers(0, 3))
    def clear_pool(self, seconds: int) -> None:
        self.leave(self.book.clear_pool(self.now, seconds))
        assert all(self.now - segment.freed < seconds for segment in self.idle.values())

    def leave(self, segments: list[Segment]) -> None:
        for segment in segments:
            self.leaving.append(self.idle.pop(segment.number))

    @precondition(lambda self: self.leaving)
    @rule()
    def removed(self) -> None:
        self.book.removed(self.leaving.pop())

    def going(self) -> int:
        return sum(segment.capacity for segment in self.leaving)

    def taken(self) -> int:
        kept = [*self.live.values(), *self.freed, *self.idle.values(), *self.leaving]
        return sum(segment.capacity for segment in kept)

    @invariant()
    def it_adds_up(self) -> None:
        assert self.book.used == sum(segment.size for segment in self.live.values())
        assert self.book.taken == self.taken() <= CAPACITY
        assert all(self.book.size(name) == segment.size for name, segment in self.live.items())


TestStoreBook = BookMachine.TestCase
TestStoreBook.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def recycled(book: StoreBook, *segments: Segment | None) -> None:
    """Free these segments, and let nobody view them."""
    for segment in segments:
        assert segment is not None
        book.free(segment.name)
        book.recycle(segment, 0.0)


def test_a_segment_that_fits_exactly_is_granted() -> None:
    book = StoreBook(100)
    assert book.create(100, "driver")
    assert book.create(1, "driver") is None
    assert book.create(0, "driver")


def test_a_refused_segment_takes_no_room() -> None:
    book = StoreBook(100)
    assert book.create(101, "driver") is None
    assert (book.used, book.taken) == (0, 0)


def test_a_writer_gets_a_segment_that_it_has_written_before() -> None:
    book = StoreBook(1000)
    recycled(book, book.create(100, "one"), book.create(100, "other"))
    again = book.create(100, "other")
    assert again is not None
    assert again.warm == {"other"}


def test_the_smallest_segment_that_fits_is_used_again() -> None:
    book = StoreBook(1000)
    recycled(book, *(book.create(size, "one") for size in (112, 104, 99, 108)))
    again = book.create(100, "other")
    assert again is not None
    assert again.capacity == 104


def test_a_segment_much_too_large_is_not_used() -> None:
    book = StoreBook(1000)
    recycled(book, book.create(200, "one"))
    fresh = book.create(100, "one")
    assert fresh is not None
    assert fresh.capacity == 100
