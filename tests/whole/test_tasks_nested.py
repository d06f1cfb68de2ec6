"""Tasks that start tasks: a blocked task lends out its CPU, so no depth can deadlock."""

import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import minray as ray
from minray import ObjectRef
from runtime_tools import Gate, session, wait_until


@ray.remote
def depth(n: int) -> int:
    return 0 if n == 0 else 1 + ray.get(depth.remote(n - 1))


@ray.remote
def fibonacci(n: int) -> int:
    return n if n < 2 else sum(ray.get([fibonacci.remote(n - 1), fibonacci.remote(n - 2)]))


def test_tasks_wait_for_tasks_thirty_deep_on_two_cpus(ray_session: ModuleType) -> None:
    assert ray_session.get(depth.remote(30)) == 30


def test_tasks_wait_for_tasks_on_a_single_cpu() -> None:
    with session(num_cpus=1):
        assert ray.get(depth.remote(5)) == 5


def test_a_tree_of_waiting_tasks_finishes(ray_session: ModuleType) -> None:
    assert ray_session.get(fibonacci.remote(7)) == 13


def test_a_task_that_waits_in_wait_lends_out_its_cpu_too() -> None:
    @ray.remote
    def leaf() -> str:
        return "leaf"

    @ray.remote
    def branch() -> Any:  # noqa: ANN401
        ready, _ = ray.wait([leaf.remote()])
        return ray.get(ready[0])

    with session(num_cpus=1):
        assert ray.get(branch.remote()) == "leaf"


def test_the_lent_cpu_runs_others_while_the_task_is_blocked(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote(num_cpus=0)
    def hold(gate: Gate) -> int:
        return gate.wait()

    @ray.remote
    def blocked(held: list[ObjectRef]) -> str:
        ray.get(held[0])
        return "was blocked"

    @ray.remote
    def other() -> str:
        return "ran meanwhile"

    with session(num_cpus=1):
        waiting = blocked.remote([hold.remote(gate)])
        gate.wait_for_visitors()
        assert ray.get(other.remote()) == "ran meanwhile"
        gate.open()
        assert ray.get(waiting) == "was blocked"
        wait_until(lambda: ray.available_resources().get("CPU") == 1.0)


def test_a_get_that_finds_the_value_there_does_not_need_another_worker() -> None:
    @ray.remote
    def fetch(references: list[ObjectRef]) -> int:
        return len(ray.get(references))

    with session(num_cpus=1):
        references = [ray.put(bytes(1_000_000)) for _ in range(5)]
        assert ray.get([fetch.remote(references) for _ in range(10)]) == [5] * 10


def test_a_timeout_holds_inside_a_task_as_well(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> int:
        return gate.wait()

    @ray_session.remote
    def impatient(held: list[ObjectRef]) -> str:
        try:
            ray.get(held[0], timeout=0.05)
        except ray.exceptions.GetTimeoutError:
            return "gave up"
        return "waited"

    held = hold.remote(gate)
    assert ray_session.get(impatient.remote([held])) == "gave up"
    gate.open()
    ray_session.get(held)


def test_an_error_comes_up_through_all_levels(ray_session: ModuleType) -> None:
    @ray_session.remote
    def fail(n: int) -> int:
        if n == 0:
            raise ZeroDivisionError("at the bottom")
        return int(ray.get(fail.remote(n - 1)))

    with pytest.raises(ZeroDivisionError, match="at the bottom"):
        ray_session.get(fail.remote(5))


def test_children_that_nobody_waits_for_still_run(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.open()

    @ray_session.remote
    def child(gate: Gate) -> int:
        return gate.wait()

    @ray_session.remote
    def parent(gate: Gate) -> str:
        for _ in range(3):
            child.remote(gate)
        return "gone"

    assert ray_session.get(parent.remote(gate)) == "gone"
    gate.wait_for_visitors(3)


def test_a_task_can_be_defined_inside_a_task(ray_session: ModuleType) -> None:
    @ray_session.remote
    def outer(n: int) -> ObjectRef:
        @ray.remote
        def inner() -> int:
            return n

        return inner.remote()

    assert [ray_session.get(ray_session.get(outer.remote(n))) for n in range(10)] == list(range(10))


def test_threads_inside_a_task_may_submit_and_get(ray_session: ModuleType) -> None:
    @ray_session.remote
    def busy() -> list[int]:
        found: list[int] = []

        def work(n: int) -> None:
            found.append(ray.get(depth.remote(n)))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(found)

    assert ray_session.get(busy.remote()) == [0, 1, 2]


def test_many_blocked_parents_do_not_starve_their_children(ray_session: ModuleType) -> None:
    @ray_session.remote
    def parent(n: int) -> int:
        return int(ray.get(depth.remote(1))) + n

    assert ray_session.get([parent.remote(n) for n in range(20)]) == list(range(1, 21))


def test_a_get_of_values_that_are_there_lends_no_cpu_and_needs_no_other_worker() -> None:
    with session(num_cpus=1):
        stored = [ray.put(n) for n in range(10)]

        @ray.remote
        def add_up(references: list[ray.ObjectRef]) -> tuple[int, int]:
            return sum(ray.get(references)), os.getpid()

        found = ray.get([add_up.remote(stored) for _ in range(10)])
        assert {total for total, _ in found} == {45}
        assert len({pid for _, pid in found}) == 1
