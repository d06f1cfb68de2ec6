"""`Queue`: items in order between tasks, actors and the driver; limits, waiting, and the end."""

import asyncio
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minray
from minray.util.queue import Empty, Full, Queue


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """One session for this module."""
    minray.init(num_cpus=2, include_dashboard=False)
    yield minray
    minray.shutdown()


@minray.remote(num_cpus=0)
def put_all(queue: Queue, items: list[Any]) -> None:
    for item in items:
        queue.put(item)


@minray.remote(num_cpus=0)
def get_many(queue: Queue, count: int) -> list[Any]:
    return [queue.get() for _ in range(count)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.one_of(st.integers(), st.text(), st.none()), max_size=12), st.integers(0, 3))
def test_items_come_out_in_the_order_in_which_they_went_in(
    queues: dict[int, Queue], items: list[Any], maxsize: int
) -> None:
    queue = queues[maxsize]
    sending = put_all.remote(queue, items)
    assert [queue.get(timeout=30) for _ in items] == items
    minray.get(sending)
    assert queue.empty()


@pytest.fixture(scope="module")
def queues(ray: ModuleType) -> Iterator[dict[int, Queue]]:
    """Queues of several sizes, which every test leaves empty."""
    made = {maxsize: Queue(maxsize) for maxsize in range(4)}
    yield made
    for queue in made.values():
        queue.shutdown()


def test_a_full_queue_takes_nothing_more(queues: dict[int, Queue]) -> None:
    queue = queues[2]
    queue.put_nowait_batch("ab")
    assert queue.full()
    for put in (
        lambda: queue.put_nowait("c"),
        lambda: queue.put("c", timeout=0.02),
        lambda: queue.put_nowait_batch(["c"]),
    ):
        with pytest.raises(Full):
            put()
    assert queue.get_nowait_batch(2) == ["a", "b"]


def test_from_an_empty_queue_nothing_comes(queues: dict[int, Queue]) -> None:
    queue = queues[0]
    for get in (queue.get_nowait, lambda: queue.get(timeout=0.02), lambda: queue.get_nowait_batch(1)):
        with pytest.raises(Empty):
            get()
    assert not queue.full()
    assert (len(queue), queue.qsize(), queue.size()) == (0, 0, 0)


def test_a_batch_is_taken_in_whole_or_not_at_all(queues: dict[int, Queue]) -> None:
    queue = queues[3]
    with pytest.raises(Full, match="Cannot add 4 items"):
        queue.put_nowait_batch([1, 2, 3, 4])
    queue.put_nowait_batch([1, 2])
    with pytest.raises(Empty, match="Cannot get 3 items"):
        queue.get_nowait_batch(3)
    assert queue.get_nowait_batch(2) == [1, 2]


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        (lambda queue: queue.put(1, timeout=-1), ValueError),
        (lambda queue: queue.get(timeout=-1), ValueError),
        (lambda queue: queue.get_nowait_batch(-1), ValueError),
        (lambda queue: queue.get_nowait_batch(1.0), TypeError),
        (lambda queue: queue.put_nowait_batch(1), TypeError),
    ],
)
def test_senseless_arguments_are_errors(
    queues: dict[int, Queue], mistake: Callable[[Queue], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        mistake(queues[0])


def test_who_waits_gets_the_item_when_it_comes(queues: dict[int, Queue]) -> None:
    queue = queues[1]
    waiting = [get_many.remote(queue, 1) for _ in range(3)]
    sending = put_all.remote(queue, [1, 2, 3])
    assert sorted(minray.get(waiting)) == [[1], [2], [3]]
    minray.get(sending)


def test_coroutines_can_wait_too(queues: dict[int, Queue]) -> None:
    queue = queues[1]

    async def talk() -> list[object]:
        getting = asyncio.ensure_future(queue.get_async(timeout=30))
        await queue.put_async("a")
        found: list[object] = [await getting]
        await queue.put_async("b", block=False)
        for late in (queue.put_async("c", block=False), queue.put_async("c", timeout=0.02)):
            with pytest.raises(Full):
                await late
        found.append(await queue.get_async(block=False))
        for late in (queue.get_async(block=False), queue.get_async(timeout=0.02)):
            with pytest.raises(Empty):
                await late
        return found

    assert asyncio.run(talk()) == ["a", "b"]


def test_references_can_be_sent_through_a_queue(ray: ModuleType, queues: dict[int, Queue]) -> None:
    queue = queues[0]
    queue.put([ray.put("inside")])
    (reference,) = queue.get()
    assert ray.get(reference) == "inside"


@pytest.mark.parametrize("force", [False, True])
def test_a_queue_that_is_shut_down_is_gone(ray: ModuleType, force: bool) -> None:
    queue = Queue(actor_options={"num_cpus": 1})
    queue.put(1)
    actor = queue.actor
    queue.shutdown(force=force)
    assert queue.actor is None
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(actor.qsize.remote())
    queue.shutdown()  # once more is no error


def test_the_actor_of_a_queue_takes_options(ray: ModuleType) -> None:
    queue = Queue(actor_options={"name": "letters", "num_cpus": 0})
    queue.put("x")
    assert ray.get(ray.get_actor("letters").qsize.remote()) == 1
    queue.shutdown()
