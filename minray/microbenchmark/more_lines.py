"""Lines that Ray's microbenchmark lacks: memory, large objects, long queues, and how small a task may be."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .baselines import pss_of_descendants
from .benchmark import Benchmark, Reading

# Tasks of these lengths are tried, in seconds, until one is worth being a task.
CROSSOVER_SECONDS = [1e-5 * 2**step for step in range(14)]


def busy(seconds: float) -> None:
    """Keep a CPU busy for so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def crossover(run_all: Callable[[float, int], object]) -> Reading:
    """How long a task must be, in us, for many of them to be quicker on an engine than in a loop.

    Args:
        run_all: runs so many busy tasks of so many seconds on the engine.
    """
    for seconds in CROSSOVER_SECONDS:
        count = max(20, min(200, int(0.2 / seconds)))
        began = time.perf_counter()
        run_all(seconds, count)
        if time.perf_counter() - began < count * seconds:
            return Reading(seconds * 1e6)
    raise ValueError(f"tasks of up to {CROSSOVER_SECONDS[-1]:.2g} s were slower than a loop")


def memory_line() -> Benchmark:
    """Must be the first one, in a session that has done nothing yet."""
    return Benchmark("idle memory beyond the driver (PSS)", "MB", 1, lambda: Reading(pss_of_descendants()))


def _large_get_line(ray: Any, length: int) -> Benchmark:  # noqa: ANN401
    large = ray.put(np.ones(length, dtype=np.int64))
    return Benchmark("get of an 800 MB array", "us", 1, lambda: ray.get(large))


def _large_put_line(ray: Any, length: int) -> Benchmark:  # noqa: ANN401
    """Unlike the array of Ray's own line, this one is not all zeros, whose pages would all be one."""
    array = np.ones(length, dtype=np.int64)
    return Benchmark("put of an 800 MB array", "GB/s", array.nbytes / 1e9, lambda: ray.put(array))


def more_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401 - minray, or Ray itself
    """All further lines for a module with Ray's interface."""

    @ray.remote
    def small_value() -> bytes:
        return b"ok"

    @ray.remote
    def make_array() -> Any:  # noqa: ANN401
        return np.ones(1_000_000)

    # By value: the other engine's workers need not be able to import this package.
    @ray.remote
    def busy_task(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    def batch(count: int) -> Callable[[], object]:
        return lambda: ray.get([small_value.remote() for _ in range(count)])

    def wait_for_each() -> None:
        not_ready = [small_value.remote() for _ in range(10_000)]
        while not_ready:
            _, not_ready = ray.wait(not_ready)

    def run_all(seconds: float, count: int) -> object:
        return ray.get([busy_task.remote(seconds) for _ in range(count)])

    yield Benchmark("8 MB array from a task", "arrays/s", 1, lambda: ray.get(make_array.remote()))
    yield _large_put_line(ray, int(100 * 1024 * 1024 * scale))
    yield _large_get_line(ray, int(100 * 1024 * 1024 * scale))
    yield Benchmark("shortest task worth a task", "us", 1, lambda: crossover(run_all))
    yield Benchmark("1,000 tasks in a batch", "tasks/s", 1000, batch(1000))
    if scale >= 0.1:
        yield Benchmark("10,000 tasks in a batch", "tasks/s", 10_000, batch(10_000))
        yield Benchmark("100,000 tasks in a batch", "tasks/s", 100_000, batch(100_000))
        yield Benchmark("wait for 10,000 refs, one by one", "s", 1, wait_for_each)
