"""The scheduler's side of generator tasks, and the owner's, without processes."""

from hypothesis import given
from hypothesis import strategies as st

from fake_node import Node, result
from minray.core_worker.generator import Streams
from minray.core_worker.getting import Arrivals
from minray.wire.ids import object_id
from minray.wire.messages import (
    ERROR,
    INLINE,
    STREAMING,
    CloseStream,
    DropReferences,
    ItemsTaken,
    ItemYielded,
    RunTask,
    StreamEnd,
    StreamItem,
    SubmitTask,
)


def submitted(node: Node, **changes: int) -> SubmitTask:
    """A generator task that a worker runs."""
    return node.submit(num_returns=STREAMING, **changes)


def make_items(node: Node, spec: SubmitTask, *places: int) -> None:
    """The generator yields these."""
    worker = node.runner(spec)
    assert worker is not None
    for place in places:
        node.tell(worker, ItemYielded(spec.task_id, place, INLINE, b"item %d" % place, ()))


def came(node: Node) -> list[bytes]:
    """The items that the driver was sent."""
    return [message.payload for message in node.driver.channel.all(StreamItem)]


def test_an_item_goes_to_the_owner_at_once() -> None:
    node = Node()
    spec = submitted(node)
    make_items(node, spec, 0, 1)
    assert came(node) == [b"item 0", b"item 1"]
    assert node.driver.channel.all(StreamEnd) == []
    node.finish(spec)
    assert node.driver.channel.all(StreamEnd) == [StreamEnd(spec.task_id, False)]


def test_the_next_attempt_skips_what_has_arrived() -> None:
    node = Node()
    spec = submitted(node, max_retries=1)
    make_items(node, spec, 0, 1)
    worker = node.runner(spec)
    assert worker is not None
    node.die(worker)
    assert node.order(spec).skip == 2
    make_items(node, spec, 2)
    node.finish(spec)
    assert came(node) == [b"item 0", b"item 1", b"item 2"]


def test_an_error_of_the_generator_is_an_item_and_one_of_the_runtime_is_the_result() -> None:
    node = Node()
    raised, lost = submitted(node), submitted(node, cpus=1)
    node.finish(raised, (ERROR, b"raised", ()), error=("ValueError", "raised", ""))
    worker = node.runner(lost)
    assert worker is not None
    node.die(worker)
    assert came(node) == [b"raised"]
    assert node.driver.channel.all(StreamEnd) == [
        StreamEnd(raised.task_id, False),
        StreamEnd(lost.task_id, True),
    ]
    assert node.values()[result(raised)][0] == INLINE
    assert node.values()[result(lost)][0] == ERROR


def test_what_the_owner_has_taken_is_passed_on_to_the_generator() -> None:
    node = Node()
    spec = submitted(node, backpressure=2, max_retries=1)
    worker = node.runner(spec)
    assert worker is not None
    make_items(node, spec, 0)
    node.tell(node.driver, ItemsTaken(spec.task_id, 1))
    assert [message.taken for message in worker.channel.all(ItemsTaken)] == [0, 1]
    node.die(worker)
    anew = node.runner(spec)
    assert anew is not None
    kinds = [type(message) for message in anew.channel.sent if type(message) in (RunTask, ItemsTaken)]
    assert kinds == [RunTask, ItemsTaken]
    assert anew.channel.all(ItemsTaken)[0].taken == 1


def test_a_closed_stream_needs_no_room_and_keeps_no_items() -> None:
    node = Node()
    spec = submitted(node, backpressure=1)
    worker = node.runner(spec)
    assert worker is not None
    make_items(node, spec, 0, 1, 2)
    node.tell(node.driver, CloseStream(spec.task_id, 1))
    assert worker.channel.all(ItemsTaken)[-1].taken > 10**9
    make_items(node, spec, 3)
    names = [object_id(spec.task_id, 1 + place) for place in range(4)]
    kept = [node.scheduler.objects.table.get(name) is not None for name in names]
    assert kept == [True, False, False, False], "the owner has a reference to the first"
    assert len(came(node)) == 3
    node.finish(spec)
    assert len(node.scheduler.streams) == 0


def test_a_stream_ends_with_its_owner() -> None:
    node = Node()
    owner = node.submit()
    process = node.runner(owner)
    assert process is not None
    spec = node.submit(by=process, num_returns=STREAMING)
    make_items(node, spec, 0)
    node.die(process)
    make_items(node, spec, 1)
    node.finish(spec)
    assert len(node.scheduler.streams) == 0
    names = [object_id(spec.task_id, 1 + place) for place in range(2)]
    assert [node.scheduler.objects.table.get(name) for name in names] == [None, None]


@given(st.lists(st.sampled_from(["item", "take", "die"]), max_size=12), st.booleans())
def test_items_come_once_in_order_and_nothing_is_left(steps: list[str], close_early: bool) -> None:
    node = Node()
    spec = submitted(node, max_retries=-1, backpressure=3)
    made = taken = 0
    for step in steps:
        worker = node.runner(spec)
        assert worker is not None
        if step == "item":
            make_items(node, spec, made)
            made += 1
        elif step == "take" and taken < made:
            taken += 1
            node.tell(node.driver, ItemsTaken(spec.task_id, taken))
        elif step == "die":
            node.die(worker)
            assert node.order(spec).skip == made
    assert came(node) == [b"item %d" % place for place in range(made)]
    close = CloseStream(spec.task_id, taken)
    if close_early:
        node.tell(node.driver, close)
    node.finish(spec)
    if not close_early:
        node.tell(node.driver, close)
    refs = [object_id(spec.task_id, place) for place in range(1 + taken)]
    node.tell(node.driver, DropReferences(tuple(refs)))
    assert len(node.scheduler.streams) == 0
    assert len(node.scheduler.objects.table) == 0


# --- the owner's side ----------------------------------------------------------------------------------

TASK = bytes(24)


def owner_side() -> tuple[Streams, Arrivals]:
    arrivals = Arrivals()
    return Streams(arrivals, lambda: None), arrivals


def test_the_place_of_the_next_item_gets_a_value_when_it_comes_or_when_the_stream_ends() -> None:
    streams, arrivals = owner_side()
    stream = streams.open(TASK, counted=False)
    assert stream.next_key() not in arrivals.values
    streams.on_item(StreamItem(TASK, INLINE, b"0"))
    assert arrivals.values[stream.next_key()] == (INLINE, b"0")
    stream.taken += 1
    assert stream.next_key() not in arrivals.values
    streams.on_end(StreamEnd(TASK, failed=False))
    assert stream.next_key() in arrivals.values


def test_closing_forgets_what_was_not_taken_and_says_how_much_was() -> None:
    streams, arrivals = owner_side()
    stream = streams.open(TASK, counted=False)
    for _ in range(3):
        streams.on_item(StreamItem(TASK, INLINE, b"x"))
    stream.taken = 1
    streams.note_drop(stream)
    news: list[object] = []
    streams.take_news(news)
    assert news == [CloseStream(TASK, 1)]
    assert list(arrivals.values) == [object_id(TASK, 1)]
    assert not arrivals.expected
    streams.on_item(StreamItem(TASK, INLINE, b"late"))
    streams.on_end(StreamEnd(TASK, failed=False))
    assert list(arrivals.values) == [object_id(TASK, 1)]
