"""How many workers there are: as many as can be used, no more, and the spare ones go."""

from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_node import FakeChannel
from minray.scheduler.tables.nodes import Nodes
from minray.scheduler.tables.records import Worker
from minray.scheduler.tables.worker_pool import WorkerPool

PATIENCE = 1.0


def pool_of(target: int) -> WorkerPool[Worker]:
    """The pool of a node with so many CPUs."""
    return Nodes(count(1)).add(0, {"NodeID": "00"}, {"CPU": target}, FakeChannel()).pool


def pool_with(idle: int, target: int = 2) -> WorkerPool[Worker]:
    """A pool whose workers are all idle since time 0."""
    pool = pool_of(target)
    for worker in pool.to_start(idle):
        pool.connected(worker.number, 0.0)
    return pool


def test_numbers_are_drawn_once() -> None:
    source = count(1)
    nodes = Nodes(source)
    pools = [nodes.add(number, {}, {"CPU": 2}, FakeChannel()).pool for number in range(2)]
    numbers = [next(source)] + [worker.number for pool in pools for worker in pool.to_start(3)]
    assert len(set(numbers)) == 7
    assert 0 not in numbers, "0 stands for a driver that has no number yet"


def test_workers_that_are_starting_are_not_started_again() -> None:
    pool = pool_of(2)
    assert len(pool.to_start(2)) == 2
    assert len(pool.to_start(2)) == 0
    assert len(pool.to_start(3)) == 1


def test_idle_workers_are_used_before_new_ones_are_started() -> None:
    pool = pool_with(2)
    assert len(pool.to_start(2)) == 0
    assert len(pool.to_start(5)) == 3


def test_a_worker_is_idle_once_it_has_connected() -> None:
    pool = pool_of(1)
    (worker,) = pool.to_start(1)
    assert pool.take_idle() is None
    assert pool.connected(worker.number, 0.0) is worker
    assert pool.take_idle() is worker
    assert pool.take_idle() is None


def test_the_worker_that_was_busy_last_is_used_first() -> None:
    pool = pool_with(3)
    first, second = pool.take_idle(), pool.take_idle()
    assert first is not None
    assert second is not None
    pool.make_idle(first, 1.0)
    pool.make_idle(second, 2.0)
    assert pool.take_idle() is second


def test_a_worker_that_died_is_not_given_a_task() -> None:
    pool = pool_with(1)
    (number,) = pool.workers
    worker = pool.died(number)
    assert worker is not None
    assert worker.number == number
    assert pool.take_idle() is None
    assert not pool.workers


def test_a_worker_that_died_before_it_connected_is_started_anew() -> None:
    pool = pool_of(1)
    (worker,) = pool.to_start(1)
    assert pool.died(worker.number) is worker
    assert len(pool.to_start(1)) == 1


def test_the_death_of_an_unknown_worker_is_no_news() -> None:
    assert pool_of(1).died(99) is None


def test_spare_workers_leave_when_they_have_been_idle_for_long() -> None:
    pool = pool_with(5, target=2)
    assert not list(pool.superfluous(0.5, PATIENCE))
    leaving = list(pool.superfluous(1.5, PATIENCE))
    assert len(leaving) == 3
    assert all(worker.leaving for worker in leaving)
    assert pool.idle == 2


def test_workers_that_are_leaving_are_not_counted_as_there() -> None:
    """Else the ones that should stay would be sent away while the first still pack."""
    pool = pool_with(5, target=2)
    assert len(list(pool.superfluous(1.5, PATIENCE))) == 3
    assert not list(pool.superfluous(1.6, PATIENCE))
    assert pool.idle == 2


def test_a_busy_worker_does_not_leave() -> None:
    pool = pool_with(3, target=0)
    taken = pool.take_idle()
    leaving = list(pool.superfluous(1.5, PATIENCE))
    assert taken not in leaving
    assert len(leaving) == 2


def test_no_more_leave_than_are_spare() -> None:
    assert not list(pool_with(2, target=2).superfluous(100.0, PATIENCE))
    assert not list(pool_with(1, target=2).superfluous(100.0, PATIENCE))


def test_a_worker_that_said_hello_without_being_known_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        pool_of(1).connected(5, 0.0)


class PoolMachine(RuleBasedStateMachine):
    """Any order of events, against sets of workers in each state."""

    target = 2

    def __init__(self) -> None:
        super().__init__()
        self.pool = pool_of(self.target)
        self.now = 0.0
        self.starting: list[Worker] = []
        self.idle: list[Worker] = []
        self.busy: list[Worker] = []
        self.leaving: list[Worker] = []

    @rule(runnable=st.integers(0, 6))
    def start(self, runnable: int) -> None:
        started = self.pool.to_start(runnable)
        assert len(started) == max(0, runnable - len(self.idle) - len(self.starting))
        self.starting += started

    @precondition(lambda self: self.starting)
    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.starting))
        self.starting.remove(worker)
        assert self.pool.connected(worker.number, self.now) is worker
        self.idle.append(worker)

    @rule()
    def take(self) -> None:
        worker = self.pool.take_idle()
        assert (worker is None) == (not self.idle)
        if worker is not None:
            self.idle.remove(worker)
            self.busy.append(worker)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.busy))
        self.busy.remove(worker)
        self.pool.make_idle(worker, self.now)
        self.idle.append(worker)

    @precondition(lambda self: self.pool.workers)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        states = (self.starting, self.idle, self.busy, self.leaving)
        worker = data.draw(st.sampled_from([worker for state in states for worker in state]))
        assert self.pool.died(worker.number) is worker
        for state in states:
            if worker in state:
                state.remove(worker)

    @rule(seconds=st.floats(0.1, 3))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds
        for worker in self.pool.superfluous(self.now, PATIENCE):
            assert self.now - worker.idle_since > PATIENCE
            self.idle.remove(worker)
            self.leaving.append(worker)
            staying = len(self.starting) + len(self.idle) + len(self.busy)
            assert staying >= self.target

    @invariant()
    def every_worker_is_in_one_state(self) -> None:
        everyone = [*self.starting, *self.idle, *self.busy, *self.leaving]
        assert sorted(worker.number for worker in everyone) == sorted(self.pool.workers)
        assert self.pool.idle == len(self.idle)


TestWorkerPool = PoolMachine.TestCase
TestWorkerPool.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
