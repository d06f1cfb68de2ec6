"""Lines for several nodes on this machine: tasks spread over three, a large object that goes to another."""

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .benchmark import Benchmark, Reading


@contextmanager
def three_nodes(engine: str) -> Iterator[Any]:
    """A cluster of three nodes with two CPUs each, which this process has joined.

    Args:
        engine: "minray" or "ray".
    """
    ray = importlib.import_module(engine)
    cluster = importlib.import_module(f"{engine}.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2}
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=2, resources={"elsewhere": 1})
        ray.init(address=cluster.address, logging_level="ERROR")
        yield ray
    finally:
        ray.shutdown()
        cluster.shutdown()


def cluster_lines(engine: str, scale: float) -> Iterator[Benchmark]:
    """The lines for a module with Ray's interface; the cluster lives as long as they are being taken."""
    count, length = max(100, int(10_000 * scale)), int(100 * 1024 * 1024 * scale)
    with three_nodes(engine) as ray:

        @ray.remote(scheduling_strategy="SPREAD")
        def small_value() -> bytes:
            return b"ok"

        @ray.remote(resources={"elsewhere": 1})
        def make_array(number: int) -> Any:  # noqa: ANN401
            return np.full(length, number, dtype=np.int64)

        def spread() -> None:
            ray.get([small_value.remote() for _ in range(count)])

        def pull() -> Reading:
            array = make_array.remote(time.monotonic_ns())  # another one each time: copies are kept
            ray.wait([array], fetch_local=False)
            began = time.perf_counter()
            size = ray.get(array).nbytes
            return Reading(size / 1e9 / (time.perf_counter() - began))

        yield Benchmark(f"{count:,} tasks spread over three nodes", "tasks/s", count, spread)
        yield Benchmark("get of an 800 MB array from another node", "GB/s", 1, pull)
