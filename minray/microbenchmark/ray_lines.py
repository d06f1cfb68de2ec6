"""The lines of Ray's own microbenchmark (`ray/_private/ray_perf.py` in Ray's wheel), under Ray's names.

What is written here does the same work by the same API, for any module with Ray's interface.  Left out is Ray
Client, which minray does not have.  `scale` makes the large batches smaller, for machines and engines that
would take minutes over them; the small ones stay as they are.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .benchmark import Benchmark


def ray_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401 - minray, or Ray itself
    """All lines, in Ray's order.

    Args:
        ray: an initialized module; the session has 100 of the resource "custom".
        scale: 1 for batches as large as Ray's.
    """
    yield from _object_lines(ray, scale)
    yield from _task_lines(ray, scale)
    yield from _actor_lines(ray, scale)
    yield from _async_actor_lines(ray, scale)
    yield from _placement_group_lines(ray, scale)


def _object_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401
    length = _scaled(100 * 1024 * 1024, scale)
    gigabytes = length * 8 / 1e9

    @ray.remote
    def do_put_small() -> None:
        for _ in range(100):
            ray.put(0)

    @ray.remote
    def do_put() -> None:
        for _ in range(10):
            ray.put(np.zeros(length // 10, dtype=np.int64))

    @ray.remote
    def create_object_containing_ref() -> list[Any]:
        return [ray.put(1) for _ in range(10000)]

    value = ray.put(0)
    yield Benchmark("single client get calls (Plasma Store)", "calls/s", 1, lambda: ray.get(value))
    yield Benchmark("single client put calls (Plasma Store)", "calls/s", 1, lambda: ray.put(0))
    yield Benchmark(
        "multi client put calls (Plasma Store)",
        "calls/s",
        1000,
        lambda: ray.get([do_put_small.remote() for _ in range(10)]),
    )
    array = np.zeros(length, dtype=np.int64)
    yield Benchmark("single client put gigabytes", "GB/s", gigabytes, lambda: ray.put(array))
    yield Benchmark(
        "multi client put gigabytes",
        "GB/s",
        10 * gigabytes,
        lambda: ray.get([do_put.remote() for _ in range(10)]),
    )
    containing = create_object_containing_ref.remote()
    name = "single client get object containing 10k refs"
    yield Benchmark(name, "objects/s", 1, lambda: ray.get(containing))


def _small_value(ray: Any) -> Any:  # noqa: ANN401
    @ray.remote
    def small_value() -> bytes:
        return b"ok"

    return small_value


def _task_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401
    small_value, actor_class = _small_value(ray), _actor_class(ray)

    def batch(count: int) -> Callable[[], object]:
        return lambda: ray.get([small_value.remote() for _ in range(count)])

    def wait_for_each() -> None:
        not_ready = [small_value.remote() for _ in range(1000)]
        while not_ready:
            _, not_ready = ray.wait(not_ready)

    yield Benchmark("single client tasks and get batch", "batches/s", 1, batch(1000))
    yield Benchmark("single client wait 1k refs", "runs/s", 1, wait_for_each)
    yield Benchmark("single client tasks sync", "round trips/s", 1, lambda: ray.get(small_value.remote()))
    yield Benchmark("single client tasks async", "tasks/s", 1000, batch(1000))
    count = _scaled(10000, scale)
    actors = [actor_class.remote() for _ in range(4)]
    yield Benchmark(
        "multi client tasks async",
        "tasks/s",
        count * 4,
        lambda: ray.get([actor.small_value_batch.remote(count) for actor in actors]),
    )


def _scaled(count: int, scale: float) -> int:
    return max(int(count * scale), 10)


def _servers() -> int:
    return max((os.cpu_count() or 1) // 2, 1)


def _actor_class(ray: Any) -> Any:  # noqa: ANN401
    small_value_task = _small_value(ray)

    @ray.remote(num_cpus=0)
    class Server:
        def small_value(self) -> bytes:
            return b"ok"

        def small_value_arg(self, x: object) -> bytes:
            return b"ok"

        def small_value_batch(self, count: int) -> None:
            ray.get([small_value_task.remote() for _ in range(count)])

    return Server


def _client_class(ray: Any) -> Any:  # noqa: ANN401
    @ray.remote(num_cpus=0)
    class Caller:
        def __init__(self, servers: list[Any]) -> None:
            self.servers = servers

        def small_value_batch(self, count: int) -> None:
            ray.get([server.small_value.remote() for server in self.servers for _ in range(count)])

        def small_value_batch_arg(self, count: int) -> None:
            x = ray.put(0)
            ray.get([server.small_value_arg.remote(x) for server in self.servers for _ in range(count)])

    return Caller


def _calls(ray: Any, actor: Any, count: int) -> Callable[[], object]:  # noqa: ANN401
    return lambda: ray.get([actor.small_value.remote() for _ in range(count)])


def _actor_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401
    actor_class, client_class = _actor_class(ray), _client_class(ray)
    actor = actor_class.remote()
    yield Benchmark("1:1 actor calls sync", "round trips/s", 1, lambda: ray.get(actor.small_value.remote()))
    yield Benchmark("1:1 actor calls async", "calls/s", 1000, _calls(ray, actor, 1000))
    concurrent = actor_class.options(max_concurrency=16).remote()
    yield Benchmark("1:1 actor calls concurrent", "calls/s", 1000, _calls(ray, concurrent, 1000))
    yield from _many_actors(ray, actor_class, "actor", scale)
    count, clients = _scaled(1000, scale), [client_class.remote([actor_class.remote()])] * _servers()
    yield Benchmark(
        "n:n actor calls with arg async",
        "calls/s",
        count * len(clients),
        lambda: ray.get([client.small_value_batch_arg.remote(count) for client in clients]),
    )


def _many_actors(ray: Any, actor_class: Any, kind: str, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401
    """One client, then four tasks, that call half as many actors as there are CPUs."""
    count, servers = _scaled(5000, scale), [actor_class.remote() for _ in range(_servers())]
    client = _client_class(ray).remote(servers)
    yield Benchmark(
        f"1:n {kind} calls async",
        "calls/s",
        count * len(servers),
        lambda: ray.get(client.small_value_batch.remote(count)),
    )

    @ray.remote
    def work(actors: list[Any]) -> None:
        ray.get([actors[place % len(actors)].small_value.remote() for place in range(count)])

    yield Benchmark(
        f"n:n {kind} calls async",
        "calls/s",
        count * 4,
        lambda: ray.get([work.remote(servers) for _ in range(4)]),
    )


def _async_actor_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401
    @ray.remote
    class AsyncActor:
        async def small_value(self) -> bytes:
            return b"ok"

        async def small_value_with_arg(self, x: object) -> bytes:
            return b"ok"

    async_actor_class: Any = AsyncActor
    actor = async_actor_class.remote()
    yield Benchmark(
        "1:1 async-actor calls sync", "round trips/s", 1, lambda: ray.get(actor.small_value.remote())
    )
    yield Benchmark("1:1 async-actor calls async", "calls/s", 1000, _calls(ray, actor, 1000))
    yield Benchmark(
        "1:1 async-actor calls with args async",
        "calls/s",
        1000,
        lambda: ray.get([actor.small_value_with_arg.remote(number) for number in range(1000)]),
    )
    yield from _many_actors(ray, async_actor_class, "async-actor", scale)


def _placement_group_lines(ray: Any, scale: float) -> Iterator[Benchmark]:  # noqa: ANN401
    from importlib import import_module

    count = max(int(100 * scale), 1)

    def create_and_remove() -> None:
        groups = import_module(f"{ray.__name__}.util.placement_group")
        made = [groups.placement_group([{"custom": 0.001}]) for _ in range(count)]
        for group in made:
            group.wait(timeout_seconds=30)
        for group in made:
            groups.remove_placement_group(group)

    yield Benchmark("placement group create/removal", "groups/s", count, create_and_remove)
