"""References as futures: awaited in event loops of drivers and tasks, waited for in threads; callbacks."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import minray as ray
from minray.exceptions import RayError, TaskCancelledError
from runtime_tools import PATIENCE, Gate, run_good_script, session


@pytest.fixture(scope="module")
def ray_running() -> Iterator[ModuleType]:
    """A session that the tests of this module share."""
    with session(num_cpus=2):
        yield ray


@ray.remote
def square(n: int) -> int:
    return n * n


@ray.remote
def fail() -> None:
    raise KeyError("no such thing")


@ray.remote
def pass_gate(gate: Gate) -> str:
    gate.wait()
    return "through"


def test_await_gives_the_value(ray_running: ModuleType) -> None:
    async def main() -> int:
        return await square.remote(7)

    assert asyncio.run(main()) == 49


def test_await_of_a_value_that_is_here_already(ray_running: ModuleType) -> None:
    ref = ray.put("here")

    async def main() -> list[str]:
        return [await ref, await ref]

    assert asyncio.run(main()) == ["here", "here"]


def test_gather_gives_the_values_in_order(ray_running: ModuleType) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*[square.remote(n) for n in range(50)])

    assert asyncio.run(main()) == [n * n for n in range(50)]


def test_await_raises_what_get_would_raise(ray_running: ModuleType) -> None:
    async def main() -> None:
        await fail.remote()

    with pytest.raises(KeyError, match="no such thing"):
        asyncio.run(main())


def test_the_loop_goes_on_while_a_coroutine_awaits(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    async def main() -> str:
        waiting = asyncio.ensure_future(pass_gate.remote(gate).as_future())
        while not gate.visitors():
            await asyncio.sleep(0.001)
        assert not waiting.done()
        gate.open()
        return await waiting

    assert asyncio.run(main()) == "through"


def test_wait_for_gives_up_and_the_task_goes_on(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    ref = pass_gate.remote(gate)

    async def main() -> None:
        await asyncio.wait_for(ref, 0.01)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    gate.open()
    assert ray.get(ref) == "through"


def test_asyncio_wait_takes_futures_of_references(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    async def main() -> int:
        slow, quick = pass_gate.remote(gate).as_future(), square.remote(3).as_future()
        done, pending = await asyncio.wait([slow, quick], return_when=asyncio.FIRST_COMPLETED)
        assert pending == {slow}
        gate.open()
        await slow
        return done.pop().result()

    assert asyncio.run(main()) == 9


def test_a_cancelled_asyncio_future_stays_cancelled(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    async def main() -> str:
        ref = pass_gate.remote(gate)
        future = ref.as_future()
        future.cancel()
        gate.open()
        assert await ref == "through"
        return "cancelled" if future.cancelled() else "not cancelled"

    assert asyncio.run(main()) == "cancelled"


def test_await_of_a_cancelled_task_raises(ray_running: ModuleType, tmp_path: Path) -> None:
    async def main() -> None:
        ref = pass_gate.remote(Gate(tmp_path))
        ray.cancel(ref)
        await ref

    with pytest.raises(TaskCancelledError):
        asyncio.run(main())


def test_several_threads_may_await_the_same_reference(ray_running: ModuleType, tmp_path: Path) -> None:
    gate, got = Gate(tmp_path), []
    ref = pass_gate.remote(gate)

    async def main() -> str:
        return await ref

    threads = [threading.Thread(target=lambda: got.append(asyncio.run(main()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.open()
    got.append(ray.get(ref))
    for thread in threads:
        thread.join()
    assert got == ["through"] * 5


def test_a_task_may_await_tasks(ray_running: ModuleType) -> None:
    @ray.remote(num_cpus=0)
    def sum_of_squares(count: int) -> int:
        async def main() -> int:
            first = sum(await asyncio.gather(*[square.remote(n) for n in range(count)]))
            return first + await square.remote(100)

        return asyncio.run(main())

    assert ray.get([sum_of_squares.remote(5), sum_of_squares.remote(6)]) == [10_030, 10_055]


def test_future_gives_a_future_of_the_standard_library(ray_running: ModuleType) -> None:
    futures = [square.remote(n).future() for n in range(10)]
    assert all(isinstance(future, concurrent.futures.Future) for future in futures)
    assert [future.result(PATIENCE) for future in futures] == [n * n for n in range(10)]
    assert {f.result() for f in concurrent.futures.as_completed(futures)} == {n * n for n in range(10)}


def test_a_future_has_the_exception(ray_running: ModuleType) -> None:
    error = fail.remote().future().exception(PATIENCE)
    assert isinstance(error, KeyError)
    assert isinstance(error, RayError)


def test_a_cancelled_future_is_left_alone(ray_running: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    ref = pass_gate.remote(gate)
    future, other = ref.future(), ref.future()
    assert future.cancel()
    gate.open()
    assert other.result(PATIENCE) == "through"
    assert future.cancelled()


def test_a_callback_gets_the_value_or_the_error_and_may_use_the_api(ray_running: ModuleType) -> None:
    got: list[object] = []
    both = threading.Semaphore(0)

    def note(value: object) -> None:
        got.append(ray.get(square.remote(value)) if isinstance(value, int) else type(value).__mro__[1:])
        both.release()

    square.remote(3)._on_completed(note)
    assert both.acquire(timeout=PATIENCE)
    fail.remote()._on_completed(note)
    assert both.acquire(timeout=PATIENCE)
    assert got[0] == 81
    assert KeyError in got[1]  # type: ignore[operator]


def test_large_values_can_be_awaited(ray_running: ModuleType) -> None:
    @ray.remote
    def large() -> bytes:
        return bytes(1_000_000)

    async def main() -> int:
        return len(await large.remote())

    assert asyncio.run(main()) == 1_000_000


def test_a_reference_names_its_task_and_job(ray_running: ModuleType) -> None:
    ref = square.remote(2)
    assert ref.hex().startswith(ref.task_id().hex())
    assert len(ref.job_id().binary()) == 4


def test_a_future_fails_when_its_session_ends(tmp_path: Path) -> None:
    printed = run_good_script(
        tmp_path,
        """
        import time, minray as ray
        ray.init(num_cpus=1, include_dashboard=False)
        ref = ray.remote(time.sleep).remote(60)
        future = ref.future()
        ray.shutdown()
        print(type(future.exception(30)).__name__)
        try:
            ref.future()
        except RuntimeError as error:
            print(error)
        """,
    )
    assert "RaySystemError" in printed
    assert "session that has ended" in printed
