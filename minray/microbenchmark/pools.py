"""The same work on the engines that do not have Ray's interface: dask, loky, and two of Python's own."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np

from .baselines import start_up_line
from .benchmark import Benchmark
from .more_lines import busy, crossover, memory_line

CPUS = 2

_START_UP = """
import time
began = time.perf_counter()
def first():
    return 1
if __name__ == "__main__":
    {start}
    print("seconds", time.perf_counter() - began, flush=True)
    {stop}
"""


def small_value() -> bytes:
    """What most tasks here do."""
    return b"ok"


def make_array() -> Any:  # noqa: ANN401
    """A result of 8 MB."""
    return np.ones(1_000_000)


@dataclass
class Engine:
    """An engine that runs functions.

    Args:
        submit: starts a function on arguments, returns its future.
        result: a future's value.
        close: ends the engine.
    """

    submit: Callable[..., Any]
    result: Callable[[Any], Any]
    close: Callable[[], object]


def _concurrent_futures() -> Engine:
    from concurrent.futures import ProcessPoolExecutor

    executor = ProcessPoolExecutor(CPUS)
    return Engine(executor.submit, lambda future: future.result(), executor.shutdown)


def _multiprocessing() -> Engine:
    from multiprocessing import Pool as ProcessPool

    pool = ProcessPool(CPUS)
    return Engine(
        lambda function, *args: pool.apply_async(function, args), lambda later: later.get(), pool.terminate
    )


def _travel_by_value() -> None:
    """Let the workers get these functions as code: importing this package would cost them time and memory."""
    for name in (__name__, busy.__module__):
        cloudpickle.register_pickle_by_value(sys.modules[name])


def _loky() -> Engine:
    _travel_by_value()
    from loky import get_reusable_executor

    executor = get_reusable_executor(CPUS)
    return Engine(
        executor.submit, lambda future: future.result(), lambda: executor.shutdown(kill_workers=True)
    )


def _dask() -> Engine:
    _travel_by_value()
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=CPUS, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)

    def close() -> None:
        client.close()
        cluster.close()

    return Engine(
        lambda function, *args: client.submit(function, *args, pure=False),
        lambda future: future.result(),
        close,
    )


ENGINES: dict[str, Callable[[], Engine]] = {
    "concurrent.futures": _concurrent_futures,
    "multiprocessing": _multiprocessing,
    "loky": _loky,
    "dask": _dask,
}

_STARTS = {
    "concurrent.futures": (
        "from concurrent.futures import ProcessPoolExecutor; e = ProcessPoolExecutor(2); "
        "e.submit(first).result()",
        "e.shutdown()",
    ),
    "multiprocessing": (
        "from multiprocessing import Pool; e = Pool(2); e.apply_async(first).get()",
        "e.terminate()",
    ),
    "loky": (
        "from loky import get_reusable_executor; e = get_reusable_executor(2); e.submit(first).result()",
        "e.shutdown(kill_workers=True)",
    ),
    "dask": (
        "from distributed import Client; e = Client(n_workers=2, threads_per_worker=1, "
        "dashboard_address=None); e.submit(first).result()",
        "e.close()",
    ),
}


def pool_lines(engine: str, scale: float) -> Iterator[Benchmark]:
    """All lines for an engine of `ENGINES`; raises ImportError if it is not installed."""
    start, stop = _STARTS[engine]
    pool = ENGINES[engine]()
    try:
        pool.result(pool.submit(small_value))  # some start their processes only now
        time.sleep(0.5)
        yield memory_line()
        yield from _lines(pool, scale)
    finally:
        pool.close()
    yield start_up_line(_START_UP.format(start=start, stop=stop))


def _lines(pool: Engine, scale: float) -> Iterator[Benchmark]:
    submit, result = pool.submit, pool.result

    def batch(count: int) -> Callable[[], object]:
        return lambda: [result(future) for future in [submit(small_value) for _ in range(count)]]

    def run_all(seconds: float, count: int) -> object:
        return [result(future) for future in [submit(busy, seconds) for _ in range(count)]]

    yield Benchmark("single client tasks and get batch", "batches/s", 1, batch(1000))
    yield Benchmark("single client tasks sync", "round trips/s", 1, lambda: result(submit(small_value)))
    yield Benchmark("single client tasks async", "tasks/s", 1000, batch(1000))
    yield Benchmark("8 MB array from a task", "arrays/s", 1, lambda: result(submit(make_array)))
    yield Benchmark("shortest task worth a task", "us", 1, lambda: crossover(run_all))
    yield Benchmark("1,000 tasks in a batch", "tasks/s", 1000, batch(1000))
    if scale >= 0.1:
        yield Benchmark("10,000 tasks in a batch", "tasks/s", 10_000, batch(10_000))
        yield Benchmark("100,000 tasks in a batch", "tasks/s", 100_000, batch(100_000))
