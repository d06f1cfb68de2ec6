"""`get` and `put`: fetching one value or many, in time or not, and storing values by hand."""

import threading
from pathlib import Path
from types import ModuleType

import pytest

from minray.exceptions import GetTimeoutError, RayTaskError
from runtime_tools import Gate


def test_get_of_one_reference_is_its_value(ray_session: ModuleType) -> None:
    assert ray_session.get(ray_session.put("one")) == "one"


def test_get_of_a_list_keeps_the_order(ray_session: ModuleType) -> None:
    references = [ray_session.put(n) for n in range(20)]
    assert ray_session.get(references[::-1]) == list(range(20))[::-1]


def test_get_of_an_empty_list_is_an_empty_list(ray_session: ModuleType) -> None:
    assert ray_session.get([]) == []


def test_get_takes_the_same_reference_several_times(ray_session: ModuleType) -> None:
    a, b = ray_session.put("a"), ray_session.put("b")
    assert ray_session.get([a, b, a, a]) == ["a", "b", "a", "a"]


def test_a_value_can_be_fetched_again_and_again(ray_session: ModuleType) -> None:
    reference = ray_session.put([1, 2])
    first, second = ray_session.get(reference), ray_session.get(reference)
    first.append(3)
    assert second == [1, 2]
    assert ray_session.get(reference) == [1, 2]


@pytest.mark.parametrize(
    "value", [None, 0, "", b"", (), {"k": [1]}, 1 << 80, float("inf"), {1, 2}, "ü" * 300]
)
def test_put_and_get_give_back_equal_values(ray_session: ModuleType, value: object) -> None:
    assert ray_session.get(ray_session.put(value)) == value


def test_put_takes_the_value_as_it_is_now(ray_session: ModuleType) -> None:
    value = [1]
    reference = ray_session.put(value)
    value.append(2)
    assert ray_session.get(reference) == [1]


def test_get_in_time_returns_the_value(ray_session: ModuleType) -> None:
    assert ray_session.get(ray_session.put(1), timeout=30) == 1
    assert ray_session.get(ray_session.put(1), timeout=0) == 1


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_get_that_takes_too_long_is_a_timeout(
    ray_session: ModuleType, tmp_path: Path, timeout: float
) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> str:
        gate.wait()
        return "through"

    held = hold.remote(gate)
    with pytest.raises(GetTimeoutError):
        ray_session.get(held, timeout=timeout)
    with pytest.raises(TimeoutError):
        ray_session.get([ray_session.put(1), held], timeout=timeout)
    gate.open()
    assert ray_session.get(held) == "through"


def test_get_of_many_raises_the_first_error_without_waiting_for_the_rest(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> int:
        return gate.wait()

    @ray_session.remote
    def fail() -> None:
        raise KeyError("lost")

    held = hold.remote(gate)
    with pytest.raises(KeyError, match="lost") as caught:
        ray_session.get([held, fail.remote()])
    assert isinstance(caught.value, RayTaskError)
    gate.open()
    ray_session.get(held)


def test_several_threads_may_get_and_submit_at_once(ray_session: ModuleType) -> None:
    @ray_session.remote
    def square(n: int) -> int:
        return n * n

    found: dict[int, list[int]] = {}

    def work(thread: int) -> None:
        numbers = range(thread * 100, thread * 100 + 50)
        found[thread] = [ray_session.get(square.remote(n)) for n in numbers]
        found[thread] += ray_session.get([square.remote(n) for n in numbers])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        assert found[n] == [m * m for m in range(n * 100, n * 100 + 50)] * 2


def test_a_get_in_one_thread_does_not_hold_up_another(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> str:
        gate.wait()
        return "through"

    held = hold.remote(gate)
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.append(ray_session.get(held)))
    waiting.start()
    gate.wait_for_visitors()
    assert ray_session.get(ray_session.put("meanwhile")) == "meanwhile"
    assert got == []
    gate.open()
    waiting.join()
    assert got == ["through"]


def test_a_reference_is_hashable_comparable_and_shows_its_id(ray_session: ModuleType) -> None:
    a, b = ray_session.put(1), ray_session.put(1)
    assert a == a
    assert a != b
    assert a != 1
    assert len({a, b, a}) == 2
    assert repr(a) == f"ObjectRef({a.hex()})"
    assert bytes.fromhex(a.hex()) == a.binary()


def test_a_reference_has_its_old_name_too(ray_session: ModuleType) -> None:
    assert ray_session.ObjectID is ray_session.ObjectRef
    assert isinstance(ray_session.put(1), ray_session.ObjectRef)
