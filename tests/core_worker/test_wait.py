"""`wait`: which references are ready, in which order, and what may be asked."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from minray import ObjectRef
from runtime_tools import Gate, wait_until


@pytest.fixture
def held(ray_session: ModuleType, tmp_path: Path) -> Callable[[], tuple[Gate, ObjectRef]]:
    """Makes a task that stays unfinished until its gate opens; it takes no CPU."""

    @ray_session.remote(num_cpus=0)
    def hold(gate: Gate) -> int:
        return gate.wait()

    def make() -> tuple[Gate, ObjectRef]:
        gate = Gate(tmp_path)
        return gate, hold.remote(gate)

    return make


Held = Callable[[], tuple[Gate, ObjectRef]]


def test_wait_returns_one_ready_reference_unless_asked_for_more(ray_session: ModuleType) -> None:
    references = [ray_session.put(n) for n in range(5)]
    ready, rest = ray_session.wait(references)
    assert ready == references[:1]
    assert rest == references[1:]


def test_wait_returns_exactly_as_many_as_asked_even_if_more_are_ready(ray_session: ModuleType) -> None:
    references = [ray_session.put(n) for n in range(5)]
    ready, rest = ray_session.wait(references, num_returns=3)
    assert ready == references[:3]
    assert rest == references[3:]


def test_both_lists_keep_the_order_of_the_input(ray_session: ModuleType, held: Held) -> None:
    (gate_a, a), (gate_b, b), (gate_c, c), (gate_d, d) = held(), held(), held(), held()
    gate_d.open()
    ray_session.get(d)
    gate_b.open()
    ray_session.get(b)
    assert ray_session.wait([a, b, c, d], num_returns=2) == ([b, d], [a, c])
    gate_c.open()
    assert ray_session.wait([a, b, c, d], num_returns=3) == ([b, c, d], [a])
    gate_a.open()
    assert ray_session.wait([d, c, b, a], num_returns=4) == ([d, c, b, a], [])


def test_wait_returns_as_soon_as_enough_are_ready(ray_session: ModuleType, held: Held) -> None:
    (gate, slow), fast = held(), ray_session.put(1)
    assert ray_session.wait([slow, fast]) == ([fast], [slow])
    gate.open()
    ray_session.get(slow)


def test_wait_gives_up_at_its_timeout_with_what_there_is(ray_session: ModuleType, held: Held) -> None:
    (gate, slow), fast = held(), ray_session.put(1)
    assert ray_session.wait([slow, fast], num_returns=2, timeout=0.05) == ([fast], [slow])
    assert ray_session.wait([slow], timeout=0.05) == ([], [slow])
    gate.open()
    ray_session.get(slow)


def test_a_timeout_of_zero_only_looks(ray_session: ModuleType, held: Held) -> None:
    gate, slow = held()
    assert ray_session.wait([slow], timeout=0) == ([], [slow])
    gate.open()
    wait_until(lambda: ray_session.wait([slow], timeout=0) == ([slow], []))


def test_a_failed_task_counts_as_ready(ray_session: ModuleType) -> None:
    @ray_session.remote
    def fail() -> None:
        raise ValueError

    failed = fail.remote()
    assert ray_session.wait([failed]) == ([failed], [])


def test_the_working_list_gives_every_result_once(ray_session: ModuleType) -> None:
    @ray_session.remote
    def square(n: int) -> int:
        return n * n

    working, found = [square.remote(n) for n in range(50)], []
    while working:
        ready, working = ray_session.wait(working, num_returns=min(2, len(working)), timeout=10)
        found += ray_session.get(ready)
    assert sorted(found) == [n * n for n in range(50)]


def test_waiting_for_the_same_list_again_gives_the_same_answer(ray_session: ModuleType) -> None:
    references = [ray_session.put(n) for n in range(3)]
    assert ray_session.wait(references) == ray_session.wait(references)


def test_wait_for_nothing_returns_at_once(ray_session: ModuleType) -> None:
    assert ray_session.wait([]) == ([], [])


def test_fetch_local_is_taken(ray_session: ModuleType) -> None:
    reference = ray_session.put(1)
    assert ray_session.wait([reference], fetch_local=False) == ([reference], [])
    assert ray_session.wait([reference], fetch_local=True) == ([reference], [])


def test_asking_for_more_than_there_are_is_a_value_error(ray_session: ModuleType) -> None:
    with pytest.raises(ValueError, match="num_returns"):
        ray_session.wait([ray_session.put(1)], num_returns=2)


@pytest.mark.parametrize("count", [0, -1])
def test_asking_for_none_is_a_value_error(ray_session: ModuleType, count: int) -> None:
    with pytest.raises(ValueError, match=str(count)):
        ray_session.wait([ray_session.put(1)], num_returns=count)


def test_a_reference_given_twice_is_a_value_error(ray_session: ModuleType) -> None:
    reference = ray_session.put(1)
    with pytest.raises(ValueError, match="unique"):
        ray_session.wait([reference, reference])


def test_a_negative_timeout_is_a_value_error(ray_session: ModuleType) -> None:
    with pytest.raises(ValueError, match="timeout"):
        ray_session.wait([ray_session.put(1)], timeout=-1)


def test_a_single_reference_instead_of_a_list_is_a_type_error(ray_session: ModuleType) -> None:
    with pytest.raises(TypeError, match="list"):
        ray_session.wait(ray_session.put(1))


@pytest.mark.parametrize("wrong", [1, "text", [1], ["text"], [[]]])
def test_anything_but_references_is_a_type_error(ray_session: ModuleType, wrong: object) -> None:
    with pytest.raises(TypeError, match=r"ObjectRef"):
        ray_session.wait(wrong)


def test_several_tasks_may_wait_for_the_same_reference(ray_session: ModuleType, held: Held) -> None:
    @ray_session.remote
    def look(references: list[ObjectRef]) -> int:
        ready, _ = ray_session.wait(references)
        return len(ready)

    gate, slow = held()
    lookers = [look.remote([slow]) for _ in range(4)]
    gate.wait_for_visitors()
    gate.open()
    assert ray_session.get(lookers) == [1, 1, 1, 1]


def test_a_thousand_references_are_waited_for_one_by_one(ray_session: ModuleType) -> None:
    @ray_session.remote
    def nothing() -> None:
        return None

    working, rounds = [nothing.remote() for _ in range(1000)], 0
    while working:
        _, working = ray_session.wait(working)
        rounds += 1
    assert rounds == 1000
