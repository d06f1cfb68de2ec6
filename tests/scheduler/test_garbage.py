"""Cycles that hold references: collected when the store fills up or an actor waits, even if Python waits."""

import gc
from collections.abc import Iterator

import numpy as np
import pytest

import minray as ray
from minray.scheduler.announcements import GarbageWatch
from minray.wire.config import CROWDED_SHARE, GARBAGE_SECONDS
from runtime_tools import session, wait_until

STORE = 100 * 1024 * 1024
FIFTH = STORE // 5


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def leave_a_cycle(held: object) -> None:
    cycle: list[object] = [held]
    cycle.append(cycle)


@ray.remote
class Litterer:
    def __init__(self) -> None:
        gc.disable()
        self.collections = 0
        gc.callbacks.append(self.count)

    def count(self, phase: str, _info: dict[str, int]) -> None:
        self.collections += phase == "stop"

    def litter(self) -> None:
        leave_a_cycle(ray.put(np.zeros(FIFTH, np.uint8)))

    def collected(self) -> int:
        return self.collections


def test_garbage_is_collected_in_all_processes_when_the_store_fills_up(no_collector: None) -> None:
    with session(num_cpus=2, object_store_memory=STORE):
        litterer, other = Litterer.remote(), Litterer.remote()
        ray.get([litterer.litter.remote() for _ in range(3)])
        assert ray.get([actor.collected.remote() for actor in (litterer, other)]) == [0, 0], "60 % are used"
        ray.get(litterer.litter.remote())
        wait_until(lambda: all(ray.get([actor.collected.remote() for actor in (litterer, other)])))


def test_a_driver_collects_too_and_the_memory_is_free(no_collector: None) -> None:
    with session(num_cpus=1, object_store_memory=STORE):
        for _ in range(3):
            leave_a_cycle(ray.put(np.zeros(FIFTH, np.uint8)))
        last = ray.put(np.zeros(FIFTH, np.uint8))  # held: the collector may be quicker than we are

        def large() -> list[str]:
            return [entry.object_id for entry in ray.util.state.list_objects() if entry.object_size > FIFTH]

        wait_until(lambda: large() == [last.hex()])


def test_an_actor_that_only_a_cycle_refers_to_makes_room_for_the_next(no_collector: None) -> None:
    @ray.remote(num_cpus=1)
    class Greedy:
        def ping(self) -> str:
            return "here"

    with session(num_cpus=1):
        first = Greedy.remote()
        assert ray.get(first.ping.remote()) == "here"
        leave_a_cycle(first)
        del first
        assert ray.get(Greedy.remote().ping.remote()) == "here"


def test_garbage_is_not_collected_again_and_again() -> None:
    watch = GarbageWatch()
    asked = [second for second in range(100, 200) if watch.is_due(second, CROWDED_SHARE + 0.1, False)]
    assert asked == list(range(100, 200, int(GARBAGE_SECONDS)))


@pytest.mark.parametrize(
    ("share", "waits", "due"), [(0.0, False, False), (0.0, True, True), (1.0, False, True)]
)
def test_garbage_is_collected_for_want_of_memory_or_for_an_actor(
    share: float, waits: bool, due: bool
) -> None:
    assert GarbageWatch().is_due(1000.0, share, waits) == due
