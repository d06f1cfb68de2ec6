"""Actors that may have several calls under way: threads, groups, `async` methods, generators, cancelling."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import minray as ray
from minray.actor import exit_actor
from minray.exceptions import ActorDiedError, TaskCancelledError
from minray.util.state import list_tasks
from runtime_tools import Gate, session, wait_for_rows, wait_until


@pytest.fixture(scope="module")
def ray_running() -> Iterator[ModuleType]:
    """A session that the tests of this module share."""
    with session(num_cpus=2):
        yield ray


@ray.remote
def echo(value: Any) -> Any:  # noqa: ANN401
    return value


@ray.remote
class Async:
    """An async actor; its calls meet at events."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: dict[str, asyncio.Event] = {}
        self.noted: list[str] = []

    async def wait_for(self, name: str) -> str:
        await self.events.setdefault(name, asyncio.Event()).wait()
        return name

    async def set(self, name: str) -> None:
        self.events.setdefault(name, asyncio.Event()).set()

    async def waiting(self) -> int:
        return len(self.events)

    async def sleep_long(self) -> None:
        self.noted.append("began")
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.noted.append("cancelled")
            raise

    async def fail(self) -> None:
        raise KeyError("async")

    def plain(self) -> list[str]:
        assert asyncio.get_running_loop() is self.loop
        return self.noted

    async def ids(self) -> tuple[str, str]:
        before = ray.get_runtime_context().get_task_id()
        await asyncio.sleep(0.01)
        return before, ray.get_runtime_context().get_task_id()

    async def add(self, values: list[Any]) -> int:
        return sum(await asyncio.gather(*[echo.remote(value) for value in values]))

    async def blocking(self) -> int:
        value: int = ray.get(echo.remote(5))
        return value

    async def items(self, n: int, fail_at: int = -1) -> AsyncIterator[int]:
        for i in range(n):
            if i == fail_at:
                raise ValueError(f"no {i}")
            yield i
            await asyncio.sleep(0)

    def plain_items(self, n: int) -> Iterator[int]:
        yield from range(n)

    async def leave(self) -> None:
        exit_actor()


@ray.remote(concurrency_groups={"io": 2, "slow": 1})
class Grouped:
    """A threaded actor with groups."""

    def here(self) -> str:
        return threading.current_thread().name

    @ray.method(concurrency_group="io")
    def in_io(self) -> str:
        return threading.current_thread().name

    @ray.method(concurrency_group="slow")
    def wait_at(self, gate: Gate) -> bool:
        gate.wait()
        canceled: bool = ray.get_runtime_context().is_canceled()
        return canceled

    def leave(self) -> None:
        exit_actor()


@ray.remote
class Plain:
    """An ordinary actor."""

    def __init__(self) -> None:
        self.noted: list[object] = []

    def wait_at(self, gate: Gate) -> None:
        gate.wait()
        self.noted.append(ray.get_runtime_context().is_canceled())

    def note(self, thing: object) -> None:
        self.noted.append(thing)

    def get_noted(self) -> list[object]:
        return self.noted

    def meet(self, barrier_size: int) -> int:
        if not hasattr(self, "barrier"):
            self.barrier = threading.Barrier(barrier_size, timeout=30)
        self.barrier.wait()
        return barrier_size

    def items(self, n: int) -> Iterator[int]:
        yield from range(n)

    def hide(self) -> None:
        self.hidden = True

    def hidden(self) -> str:
        return "the method"


# --- async -----------------------------------------------------------------------------------------------


def test_async_calls_wait_for_each_other(ray_running: ModuleType) -> None:
    actor = Async.remote()
    waiting = [actor.wait_for.remote(name) for name in "ab"]
    for name in "ba":
        actor.set.remote(name)
    assert ray.get(waiting) == ["a", "b"]


def test_a_thousand_async_calls_may_be_under_way(ray_running: ModuleType) -> None:
    actor = Async.remote()
    waiting = [actor.wait_for.remote("go") for _ in range(900)]
    ray.get(actor.set.remote("go"))
    assert ray.get(waiting) == ["go"] * 900


def test_max_concurrency_holds_async_calls_back(ray_running: ModuleType) -> None:
    actor = Async.options(max_concurrency=2).remote()
    first, second, third = [actor.wait_for.remote(name) for name in "abc"]
    assert ray.wait([actor.waiting.remote()], timeout=0.2)[0] == []
    ray.cancel(first)
    ray.cancel(second)
    actor.set.remote("c")
    assert ray.get(third) == "c"


def test_plain_methods_of_an_async_actor_run_in_its_event_loop(ray_running: ModuleType) -> None:
    assert ray.get(Async.remote().plain.remote()) == []


def test_an_async_method_raises(ray_running: ModuleType) -> None:
    with pytest.raises(KeyError, match="async"):
        ray.get(Async.remote().fail.remote())


def test_each_coroutine_knows_its_own_task(ray_running: ModuleType) -> None:
    actor = Async.remote()
    refs = [actor.ids.remote() for _ in range(5)]
    assert ray.get(refs) == [(ref.task_id().hex(),) * 2 for ref in refs]


def test_an_async_method_awaits_tasks_it_submits(ray_running: ModuleType) -> None:
    actor = Async.remote()
    assert ray.get([actor.add.remote([1, 2]), actor.add.remote([3, 4])]) == [3, 7]
    assert ray.get(actor.blocking.remote()) == 5, "even a blocking get comes back"


def test_async_generators_stream(ray_running: ModuleType) -> None:
    actor = Async.remote()
    assert [ray.get(ref) for ref in actor.items.remote(5)] == [0, 1, 2, 3, 4]
    assert [ray.get(ref) for ref in actor.plain_items.remote(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="not supported for an async actor"):
        ray.get(next(actor.items.options(_generator_backpressure_num_objects=1).remote(4)))
    *good, bad = actor.items.remote(5, fail_at=2)
    assert ray.get(good) == [0, 1]
    with pytest.raises(ValueError, match="no 2"):
        ray.get(bad)


def test_cancelling_interrupts_where_an_async_call_awaits(ray_running: ModuleType) -> None:
    actor = Async.remote()
    ref = actor.sleep_long.remote()
    wait_until(lambda: ray.get(actor.plain.remote()) == ["began"])
    ray.cancel(ref)
    with pytest.raises(TaskCancelledError):
        ray.get(ref)
    assert ray.get(actor.plain.remote()) == ["began", "cancelled"]


def test_an_async_call_that_has_not_begun_never_does_when_cancelled(ray_running: ModuleType) -> None:
    actor = Async.options(max_concurrency=1).remote()
    first = actor.sleep_long.remote()
    others = [actor.sleep_long.remote() for _ in range(20)]
    for ref in [*others, first]:
        ray.cancel(ref)
    for ref in [first, *others]:
        with pytest.raises(TaskCancelledError):
            ray.get(ref)
    assert ray.get(actor.plain.remote()).count("began") <= 1


def test_cancelling_a_call_cancels_what_it_submitted_and_nothing_else(
    ray_running: ModuleType, tmp_path: Path
) -> None:
    @ray.remote(num_cpus=0)
    def held(gate: Gate) -> str:
        gate.wait()
        return "through"

    @ray.remote
    class Parent:
        async def run(self, gate: Gate) -> str:
            result: str = await held.remote(gate)
            return result

    gates = [Gate(tmp_path) for _ in range(2)]
    parent = Parent.remote()
    first, second = [parent.run.remote(gate) for gate in gates]
    for gate in gates:
        gate.wait_for_visitors()
    ray.cancel(first, recursive=True)
    with pytest.raises(TaskCancelledError):
        ray.get(first)
    gates[1].open()
    assert ray.get(second) == "through"


def test_an_async_method_may_end_the_actor(ray_running: ModuleType) -> None:
    actor = Async.remote()
    waiting = actor.wait_for.remote("never")
    for ref in (actor.leave.remote(), waiting, actor.plain.remote()):
        with pytest.raises(ActorDiedError):
            ray.get(ref)


def test_the_event_store_tells_calls_that_run_from_those_that_wait(
    ray_running: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    actor = Grouped.remote()
    names = [f"held {place} {gate.folder.name}" for place in range(2)]
    refs = [actor.wait_at.options(name=name).remote(gate) for name in names]
    running = "SELECT 1 FROM tasks t JOIN task_events e ON e.task = t.task WHERE t.name = ? AND e.state = ?"
    from minray.gcs.schema import TaskState

    wait_for_rows(running, names[0], int(TaskState.RUNNING))
    wait_for_rows(running, names[1], int(TaskState.PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY))
    gate.open()
    assert ray.get(refs) == [False, False]


# --- threads ---------------------------------------------------------------------------------------------


def test_max_concurrency_runs_calls_in_threads(ray_running: ModuleType) -> None:
    actor = Plain.options(max_concurrency=4).remote()
    assert ray.get([actor.meet.remote(4) for _ in range(4)]) == [4] * 4


def test_groups_have_threads_of_their_own(ray_running: ModuleType, tmp_path: Path) -> None:
    actor, gate = Grouped.remote(), Gate(tmp_path)
    held = actor.wait_at.remote(gate)
    assert set(ray.get([actor.in_io.remote() for _ in range(5)])) <= {"io-1", "io-2"}
    assert ray.get(actor.here.remote()) == ray.get(actor.here.remote())
    assert ray.get(actor.here.options(concurrency_group="io").remote()).startswith("io")
    gate.open()
    assert ray.get(held) is False


def test_an_unknown_group_is_an_error_that_names_the_groups(ray_running: ModuleType) -> None:
    with pytest.raises(ValueError, match="no concurrency group 'oi'; it has: io, slow"):
        ray.get(Grouped.remote().here.options(concurrency_group="oi").remote())


def test_a_thread_that_is_cancelled_runs_on_and_may_know_it(ray_running: ModuleType, tmp_path: Path) -> None:
    actor, gate = Grouped.remote(), Gate(tmp_path)
    running, waiting = actor.wait_at.remote(gate), actor.wait_at.remote(gate)
    gate.wait_for_visitors()
    ray.cancel(waiting)
    with pytest.raises(TaskCancelledError):
        ray.get(waiting)
    ray.cancel(running)
    ray.nodes()  # an answer means that the scheduler has read what came before, and passed it on
    gate.open()
    with pytest.raises(TaskCancelledError):
        ray.get(running)
    assert gate.visitors() == 1


def test_a_threaded_method_may_end_the_actor(ray_running: ModuleType) -> None:
    actor = Grouped.remote()
    with pytest.raises(ActorDiedError):
        ray.get(actor.leave.remote())


def test_generators_of_threaded_and_of_plain_actors(ray_running: ModuleType) -> None:
    for concurrency in (1, 3):
        actor = Plain.options(max_concurrency=concurrency).remote()
        streams = [actor.items.remote(4) for _ in range(3)]
        assert [[ray.get(ref) for ref in refs] for refs in streams] == [[0, 1, 2, 3]] * 3


# --- one at a time ---------------------------------------------------------------------------------------


def test_a_plain_actor_skips_a_cancelled_call(ray_running: ModuleType, tmp_path: Path) -> None:
    actor, gate = Plain.remote(), Gate(tmp_path)
    running = actor.wait_at.remote(gate)
    refs = [actor.note.remote(number) for number in range(4)]
    gate.wait_for_visitors()
    ray.cancel(refs[1])
    with pytest.raises(TaskCancelledError):
        ray.get(refs[1])
    ray.cancel(running)
    ray.nodes()  # an answer means that the scheduler has read what came before, and passed it on
    gate.open()
    with pytest.raises(TaskCancelledError):
        ray.get(running)
    assert ray.get(actor.get_noted.remote()) == [True, 0, 2, 3]


def test_force_is_refused_for_calls_of_actors(ray_running: ModuleType, tmp_path: Path) -> None:
    actor, gate = Plain.remote(), Gate(tmp_path)
    ref = actor.wait_at.remote(gate)
    with pytest.raises(ValueError, match="force=True is not supported for actor tasks"):
        ray.cancel(ref, force=True)
    gate.open()
    assert ray.get(ref) is None


def test_only_actors_and_tasks_know_whether_they_are_cancelled(ray_running: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="only available when the process is a worker"):
        ray.get_runtime_context().is_canceled()


def test_a_result_does_not_wait_for_the_calls_behind_it(ray_running: ModuleType, tmp_path: Path) -> None:
    actor, gate = Plain.remote(), Gate(tmp_path)
    ray.get(actor.note.remote(0))
    quick, held, last = actor.note.remote(1), actor.wait_at.remote(gate), actor.note.remote(2)
    assert ray.get(quick, timeout=10) is None
    gate.open()
    ray.get([held, last])


def test_the_system_group_is_apart_from_the_actors_own_calls(ray_running: ModuleType, tmp_path: Path) -> None:
    actor, gate = Plain.remote(), Gate(tmp_path)
    held = actor.wait_at.options(concurrency_group="_ray_system").remote(gate)
    gate.wait_for_visitors()
    assert ray.get(actor.get_noted.remote()) == []
    gate.open()
    ray.get(held)


def test_an_attribute_does_not_hide_the_method_of_its_name(ray_running: ModuleType) -> None:
    actor = Plain.remote()
    ray.get(actor.hide.remote())
    assert ray.get(actor.hidden.remote()) == "the method"


def test_an_async_function_is_no_task(ray_running: ModuleType) -> None:
    async def plain() -> None: ...

    with pytest.raises(ValueError, match="'async def' should not be used for remote tasks"):
        ray.remote(plain)


def test_what_a_thread_of_an_actors_own_submits_belongs_to_its_constructor(ray_running: ModuleType) -> None:
    class Threaded:
        def submit_in_a_thread(self) -> str:
            refs: list[Any] = []
            thread = threading.Thread(target=lambda: refs.append(echo.options(name="in a thread").remote(1)))
            thread.start()
            thread.join()
            assert ray.get(refs) == [1]
            own: str = ray.get_runtime_context().get_task_id()
            return own

    actor = ray_running.remote(Threaded).options(max_concurrency=3, name="of threads").remote()
    own = ray_running.get(actor.submit_in_a_thread.remote())
    (inner,) = list_tasks(filters=[("name", "=", "in a thread")], detail=True)
    (constructor,) = list_tasks(filters=[("name", "=", "Threaded.__init__")])
    assert inner.parent_task_id == constructor.task_id != own


def test_a_group_in_which_nothing_can_run_is_told_and_the_actor_dies(
    ray_running: ModuleType, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Idle:
        def ready(self) -> bool:
            return True

    monkeypatch.setattr(logging.getLogger("minray"), "propagate", True)
    actor = ray_running.remote(concurrency_groups={"io": 0})(Idle).remote()
    assert "max_concurrency must be greater than 0; for the concurrency group 'io' it is 0" in caplog.text
    with pytest.raises(ActorDiedError):
        ray_running.get(actor.ready.remote())


def test_a_cancelled_call_can_clean_up_with_calls_of_its_own(ray_running: ModuleType) -> None:
    notes = Async.remote()

    class Tidy:
        async def work(self) -> None:
            try:
                ray.get(notes.set.remote("began"))
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                ray.get(notes.set.remote("tidied up"))
                raise

    ref = ray_running.remote(Tidy).remote().work.remote()
    ray_running.get(notes.wait_for.remote("began"))
    ray_running.cancel(ref)
    with pytest.raises(TaskCancelledError):
        ray_running.get(ref)
    assert ray_running.get(notes.wait_for.remote("tidied up"), timeout=10) == "tidied up"
