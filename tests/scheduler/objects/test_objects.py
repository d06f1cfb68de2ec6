"""Objects as the scheduler sees them: granted room, sealed, kept while needed, and freed for good."""

import pickle

from fake_node import Node, result
from minray.scheduler.tables.records import Client
from minray.wire.config import POOL_SECONDS
from minray.wire.messages import (
    ERROR,
    INLINE,
    STORED,
    AbortSegment,
    Blocked,
    CreateSegment,
    DropReferences,
    HoldReferences,
    Message,
    PutObject,
    Reply,
    SealSegment,
    SubmitTask,
)

BIG, OTHER = b"big object", b"other object"
FAILED = (ERROR, pickle.dumps(ValueError("no")), ())


def stored(name: bytes, segment: str = "1.1") -> tuple[int, tuple[bytes, str, int], tuple[bytes, ...]]:
    """A result of 600 bytes that a worker wrote into the store."""
    return STORED, (name, segment, 600), ()


def ask(node: Node, client: Client, message: CreateSegment) -> Reply:
    """Ask for room and return the answer."""
    node.tell(client, message)
    answer: Reply = client.channel.all(Reply)[-1]
    assert answer.request == message.request
    return answer


def runner(node: Node, task: SubmitTask) -> Client:
    """The worker that runs a task."""
    worker = node.runner(task)
    assert worker is not None
    return worker


def history(node: Node, name: bytes) -> list[str]:
    """What happened to an object, from the event store's rows."""
    return [row[2] for row in node.rows["object_events"] if row[0] == name.hex()]


def assert_store_is_empty(node: Node) -> None:
    """No object takes room, and what the store keeps for later it gives back in the end."""
    store = node.scheduler.objects.room.book
    assert store.used == 0
    node.pass_time(POOL_SECONDS)
    assert (store.taken, store.unused, store.leaving) == (0, 0, {})


# --- put ---------------------------------------------------------------------------------------------


def test_a_large_object_gets_room_is_sealed_and_is_freed_with_its_last_reference() -> None:
    node = Node(capacity=1000)
    assert ask(node, node.driver, CreateSegment(1, BIG, 600)) == Reply(1, ("1.1", False), "")
    assert node.scheduler.objects.room.book.used == 600
    node.tell(node.driver, SealSegment(BIG, ()))
    task = node.submit(BIG)
    assert node.order(task).values == ((0, STORED, (BIG, "1.1", 600)),)
    node.finish(task)
    node.tell(node.driver, DropReferences((BIG,)))
    assert_store_is_empty(node)
    assert history(node, BIG) == ["CREATED", "SEALED", "FREED"]


def test_a_put_that_failed_gives_its_room_back() -> None:
    node = Node()
    ask(node, node.driver, CreateSegment(1, BIG, 600))
    node.tell(node.driver, AbortSegment(BIG))
    assert_store_is_empty(node)
    assert history(node, BIG) == ["CREATED", "FREED"]


def test_a_worker_that_dies_while_it_writes_gives_its_room_back() -> None:
    node = Node()
    task = node.submit()
    worker = runner(node, task)
    ask(node, worker, CreateSegment(1, BIG, 600))
    node.die(worker)
    assert_store_is_empty(node)


def test_a_worker_that_dies_after_a_put_that_only_it_knows_of_gives_its_room_back() -> None:
    node = Node()
    worker = runner(node, node.submit())
    ask(node, worker, CreateSegment(1, BIG, 600))
    node.tell(worker, SealSegment(BIG, ()))
    node.die(worker)
    assert_store_is_empty(node)


# --- results -----------------------------------------------------------------------------------------


def test_a_large_result_lives_as_long_as_the_driver_refers_to_it() -> None:
    node = Node()
    task = node.submit()
    worker = runner(node, task)
    ask(node, worker, CreateSegment(1, result(task), 600))
    node.finish(task, stored(result(task)))
    assert node.values() == {result(task): (STORED, (result(task), "1.1", 600))}
    node.die(worker)
    assert node.scheduler.objects.room.book.used == 600
    node.tell(node.driver, DropReferences((result(task),)))
    assert_store_is_empty(node)
    assert history(node, result(task)) == ["CREATED", "SEALED", "FREED"]


def test_a_result_that_nobody_wants_any_more_is_freed_as_soon_as_it_is_there() -> None:
    node = Node()
    task = node.submit()
    node.tell(node.driver, DropReferences((result(task),)))
    ask(node, runner(node, task), CreateSegment(1, result(task), 600))
    node.finish(task, stored(result(task)))
    assert_store_is_empty(node)


def test_what_a_task_wrote_before_it_failed_is_freed() -> None:
    """Its first result was stored, its second could not be pickled: both are errors."""
    node = Node()
    task = node.submit(num_returns=2)
    ask(node, runner(node, task), CreateSegment(1, result(task), 600))
    node.finish(task, FAILED, FAILED, error=("TypeError", "cannot pickle", ""))
    assert_store_is_empty(node)


def test_a_task_may_write_the_same_result_again_at_its_next_attempt() -> None:
    node = Node(capacity=1000)
    task = node.submit(num_returns=2, max_retries=1)
    ask(node, runner(node, task), CreateSegment(1, result(task), 600))
    node.finish(task, FAILED, FAILED, error=("TypeError", "not yet", ""), retry=True)
    name, _ = ask(node, runner(node, task), CreateSegment(2, result(task), 600)).value
    node.finish(task, stored(result(task), name), (INLINE, b"", ()))
    assert node.scheduler.objects.room.book.used == 600


def test_what_another_thread_of_the_worker_is_writing_survives_the_end_of_the_task() -> None:
    node = Node(capacity=1000)
    task = node.submit()
    worker = runner(node, task)
    ask(node, worker, CreateSegment(1, BIG, 600))
    node.finish(task)
    assert node.scheduler.objects.room.book.used == 600
    node.tell(worker, SealSegment(BIG, ()))
    node.tell(worker, DropReferences((BIG,)))
    assert_store_is_empty(node)


# --- who keeps what alive ----------------------------------------------------------------------------


def test_an_argument_lives_until_its_task_has_ended() -> None:
    node = Node()
    node.tell(node.driver, PutObject(BIG, b"value", ()))
    task = node.submit(BIG)
    node.tell(node.driver, DropReferences((BIG,)))
    assert node.scheduler.objects.table.get(BIG)
    node.finish(task)
    assert node.scheduler.objects.table.get(BIG) is None


def test_a_reference_inside_an_argument_lives_until_the_task_has_ended() -> None:
    node = Node()
    node.tell(node.driver, PutObject(BIG, b"value", ()))
    task = node.submit(contained=(BIG,))
    node.tell(node.driver, DropReferences((BIG,)))
    assert node.scheduler.objects.table.get(BIG)
    node.finish(task)
    assert node.scheduler.objects.table.get(BIG) is None


def test_a_reference_that_a_worker_keeps_from_its_argument_outlives_the_task() -> None:
    node = Node()
    node.tell(node.driver, PutObject(BIG, b"value", ()))
    task = node.submit(contained=(BIG,))
    worker = runner(node, task)
    node.tell(node.driver, DropReferences((BIG,)))
    node.tell(worker, HoldReferences((BIG,)))
    node.finish(task)
    assert node.scheduler.objects.table.get(BIG)
    node.die(worker)
    assert node.scheduler.objects.table.get(BIG) is None


def test_a_reference_inside_a_result_lives_as_long_as_the_result() -> None:
    node = Node()
    task = node.submit()
    node.tell(runner(node, task), PutObject(BIG, b"value", ()))
    node.finish(task, (INLINE, b"[ref]", (BIG,)))
    for worker in node.workers():
        node.tell(worker, DropReferences((BIG,)))
    assert node.scheduler.objects.table.get(BIG)
    node.tell(node.driver, DropReferences((result(task),)))
    assert len(node.scheduler.objects.table) == 0


def test_a_result_of_a_child_that_its_parent_returns_outlives_both() -> None:
    node = Node()
    parent = node.submit()
    worker = runner(node, parent)
    child = node.submit(by=worker)
    node.finish(child)
    node.tell(worker, Blocked("get"))
    node.finish(parent, (INLINE, b"ref", (result(child),)))
    node.die(worker)
    assert node.scheduler.objects.table.get(result(child))
    node.tell(node.driver, DropReferences((result(parent),)))
    assert len(node.scheduler.objects.table) == 0


def test_dropping_what_was_never_held_is_harmless() -> None:
    node = Node()
    node.tell(node.driver, DropReferences((BIG,)), PutObject(BIG, b"", ()))
    worker = node.workers()[0]
    node.tell(worker, DropReferences((BIG,)))
    assert node.scheduler.objects.table.get(BIG)


def test_all_that_a_worker_made_and_nobody_else_knows_goes_with_it() -> None:
    node = Node()
    worker = runner(node, node.submit())
    made: list[Message] = [PutObject(bytes([number]), b"", ()) for number in range(10)]
    node.tell(worker, *made)
    before = len(node.scheduler.objects.table)
    node.die(worker)
    assert len(node.scheduler.objects.table) == before - 10
