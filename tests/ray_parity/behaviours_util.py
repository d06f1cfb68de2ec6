"""What stands on top of the core API: pools, queues, iterators, serializers; see ``behaviours.py``."""

import importlib
import io
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any


def util(ray: ModuleType, name: str) -> ModuleType:
    """A module of the engine's util package."""
    return importlib.import_module(f"{ray.__name__}.util.{name}")


def caught(call: Callable[[], Any], *classes: type[BaseException]) -> object:
    """What a call returns; or by which of these classes what it raises can be caught."""
    try:
        return call()
    except BaseException as error:
        found = [cls.__name__ for cls in classes if isinstance(error, cls)]
        if not found:
            raise
        return found


def actor_pools(ray: ModuleType) -> object:
    """Orders, timeouts, and what an actor pool says of itself."""

    @ray.remote(num_cpus=0)
    class Doubler:
        def double(self, n: int) -> int:
            return 2 * n

        def sleep(self, seconds: float) -> float:
            import time

            time.sleep(seconds)
            return seconds

        def fail(self) -> None:
            raise KeyError("on purpose")

    def double(actor: Any, n: int) -> Any:  # noqa: ANN401
        return actor.double.remote(n)

    pool = ray.util.ActorPool([Doubler.remote(), Doubler.remote()])
    found: list[object] = [list(pool.map(double, range(7))), sorted(pool.map_unordered(double, [3, 1, 2]))]
    found += [pool.has_next(), pool.has_free(), caught(pool.get_next, StopIteration)]
    pool.submit(lambda actor, n: actor.sleep.remote(n), 30)
    found += [pool.has_next(), pool.has_free()]
    for call in (pool.get_next, pool.get_next_unordered):
        found.append(caught(lambda call=call: call(timeout=0.01), TimeoutError))
    pool.submit(double, 4)
    found += [pool.has_free(), pool.pop_idle(), pool.get_next_unordered()]
    found.append(caught(pool.get_next, ValueError))
    found.append(caught(lambda: pool.push(pool._idle_actors[0]), ValueError))
    idle = pool.pop_idle()
    found.append(pool.has_free())
    pool.push(idle)
    pool.submit(lambda actor, _: actor.fail.remote(), None)
    found += [caught(pool.get_next_unordered, KeyError), pool.has_free()]
    return found


def queues(ray: ModuleType) -> object:
    """Limits, batches, waiting, and what a queue raises."""
    module = util(ray, "queue")
    queue, errors = module.Queue(maxsize=3), (module.Full, module.Empty, ValueError, TypeError)
    found: list[object] = [queue.empty(), queue.maxsize]
    calls = [
        lambda: queue.get_nowait(),
        lambda: queue.get(timeout=0.01),
        lambda: queue.get(timeout=-1),
        lambda: queue.get_nowait_batch(1),
        lambda: queue.get_nowait_batch(0),
        lambda: queue.get_nowait_batch(-1),
        lambda: queue.get_nowait_batch("1"),
        lambda: queue.put_nowait_batch(1),
        lambda: queue.put_nowait_batch([1, 2, 3, 4]),
        lambda: queue.put_nowait_batch([1, 2]),
        lambda: queue.put("three"),
        lambda: queue.full(),
        lambda: queue.put_nowait(4),
        lambda: queue.put(4, timeout=0.01),
        lambda: queue.put(4, timeout=-1),
        lambda: (len(queue), queue.qsize(), queue.size()),
        lambda: queue.get_nowait_batch(2),
        lambda: queue.get(block=False),
    ]
    found += [caught(call, *errors) for call in calls]

    @ray.remote
    def send(queue: Any) -> None:  # noqa: ANN401
        for n in range(5):
            queue.put(n, timeout=30)

    sending = send.remote(queue)
    found.append([queue.get(timeout=30) for _ in range(5)])
    ray.get(sending)
    actor = queue.actor
    queue.shutdown()
    found.append(caught(lambda: ray.get(actor.qsize.remote()), ray.exceptions.RayActorError))
    return [*found, queue.actor]


def process_pools(ray: ModuleType) -> object:
    """Calls, errors, iterators and the end of a multiprocessing pool."""
    module = util(ray, "multiprocessing")
    # Exceptions of other modules travel by name, so that one that is defined here need not.
    errors = (ZeroDivisionError, module.TimeoutError, ValueError, TypeError)

    def add(a: int, b: int = 10) -> int:
        return a + b

    def inverse(n: int) -> float:
        return 1 / n

    def told(submit: Callable[..., Any], *arguments: object) -> object:
        heard: list[object] = []
        options = {"callback": heard.append, "error_callback": lambda error: heard.append("error")}
        submit(*arguments, **options).wait(30)
        return heard

    with module.Pool(2) as pool:
        late = pool.apply_async(__import__("time").sleep, (30,))
        found = [
            pool.apply(add, (1,), {"b": 2}),
            caught(lambda: late.get(timeout=0.01), *errors),
            caught(lambda: late.successful(), *errors),
            late.ready(),
        ]
        late.wait(0.01)
    with module.Pool(2) as pool:
        found += [
            pool.map(add, range(5)),
            pool.map(add, iter(range(5)), chunksize=2),
            pool.map(add, []),
            pool.starmap(add, [(1, 2), (3,)]),
            pool.starmap_async(add, [(1, 2)]).get(),
            list(pool.imap(add, range(5), chunksize=2)),
            sorted(pool.imap_unordered(add, iter(range(5)))),
            [isinstance(result, Exception) for result in pool.imap(inverse, [1, 0, 2])],
            caught(lambda: pool.map(inverse, [1, 0]), *errors),
            caught(lambda: pool.apply(inverse, (0,)), *errors),
            caught(lambda: pool.apply(add), *errors),
            caught(lambda: pool.imap(add, 3), *errors),
            told(pool.apply_async, add, (1,)),
            told(pool.apply_async, inverse, (0,)),
            told(pool.map_async, add, [1, 2]),
            told(pool.map_async, inverse, [1, 0, 0]),
            caught(lambda: pool.join(), *errors),
        ]
        pool.close()
        found += [caught(lambda: pool.map(add, [1]), *errors), pool.join()]
    found.append(caught(lambda: module.Pool(1000), *errors))
    return found


def parallel_iterators(ray: ModuleType) -> object:
    """Names, orders and operators of the old parallel iterators."""
    module = util(ray, "iter")
    numbers = module.from_range(7, num_shards=2)
    letters = module.from_items(["a", "b", "c"], num_shards=1)
    lazy = module.from_iterators([lambda: (n * n for n in range(3)), [7, 8]])
    odd = numbers.for_each(lambda n: n + 1).filter(lambda n: n % 2)
    many = odd.combine(lambda n: [n, -n]).batch(3).flatten()
    parallel = [
        *(numbers, letters, lazy, many, module.from_items([], repeat=True), numbers.union(letters)),
        numbers.transform(lambda items: (n for n in items if n > 2)).local_shuffle(1, seed=3),
    ]
    local = [
        *(numbers.gather_sync(), many.gather_sync(), lazy.batch_across_shards(), letters.gather_async()),
        *(numbers.union(letters).gather_sync(), parallel[-1].gather_sync()),
        *(numbers.repartition(3).get_shard(1), numbers.get_shard(1, batch_ms=5, num_async=2)),
        letters.gather_sync().for_each(str.upper).batch(2).flatten().combine(lambda x: [x] * 2),
        letters.gather_sync().filter(lambda x: x != "b"),
        letters.gather_sync().union(numbers.gather_sync(), deterministic=True),
        letters.gather_sync().union(numbers.gather_sync(), round_robin_weights=[1, 2]),
        numbers.gather_sync().shuffle(4, seed=7),
    ]
    one, other = numbers.select_shards([0]).gather_sync().duplicate(2)
    errors = (TypeError, ValueError, AssertionError, ZeroDivisionError)
    mistakes = [
        lambda: list(numbers),
        lambda: numbers.get_shard(2),
        lambda: numbers.gather_async(num_async=0),
        lambda: numbers.gather_async(batch_ms=-1),
        lambda: numbers.union([1]),
        lambda: numbers.select_shards([]),
        lambda: numbers.select_shards([5]),
        lambda: numbers.for_each(str, max_concurrency=-1),
        lambda: numbers.gather_sync().union([1]),
        lambda: numbers.gather_sync().duplicate(1),
        lambda: numbers.gather_sync().union(letters.gather_sync(), round_robin_weights=[1]),
        lambda: numbers.for_each(lambda n: 1 // n).take(3),
    ]
    return {
        "names": [repr(iterator) for iterator in parallel + local],
        "items": [list(iterator) for iterator in local],
        "copies": one.batch(2).union(other).take(20),
        "sources": sorted(n for _, n in numbers.gather_async().zip_with_source_actor()),
        "take": [numbers.take(3), module.from_items([1, 2], repeat=True).take(5)],
        "shards": [numbers.num_shards(), numbers.select_shards([1]).take(9), *map(list, lazy.shards())],
        "tasks": sorted(numbers.for_each(lambda n: -n, max_concurrency=2).gather_async(num_async=2)),
        "errors": [caught(mistake, *errors) for mistake in mistakes],
    }


def helpers(ray: ModuleType) -> object:
    """`as_completed`, `map_unordered`, `log_once`, and the names that programs import."""

    @ray.remote
    def square(n: int) -> int:
        return n * n

    refs = [square.remote(n) for n in range(5)]
    mistakes = [
        lambda: list(ray.util.as_completed(refs, chunk_size=0)),
        lambda: list(ray.util.as_completed(refs, num_returns=2)),
        lambda: list(ray.util.map_unordered(square, [1], backpressure_size=0)),
        lambda: list(ray.util.map_unordered(square, [1], num_returns=2)),
    ]
    accelerators = util(ray, "accelerators")
    return [
        sorted(ray.util.as_completed(refs, chunk_size=2)),
        set(ray.util.as_completed(refs, yield_obj_refs=True)) == set(refs),
        sorted(ray.util.map_unordered(square, range(12), backpressure_size=3, chunk_size=2)),
        list(ray.util.as_completed([])),
        [caught(mistake, ValueError) for mistake in mistakes],
        [ray.util.log_once("parity") for _ in range(3)],
        [accelerators.NVIDIA_TESLA_T4, accelerators.APPLE_SILICON, accelerators.GOOGLE_TPU_V4],
        ray.util.get_node_instance_id(),
    ]


def serializers(ray: ModuleType) -> object:
    """Serializers of one's own, and which part of a value cannot be pickled."""

    class Opaque:
        def __init__(self, name: str) -> None:
            self.name = name
            self.lock = threading.Lock()

    @ray.remote
    def name_of(opaque: Any) -> object:  # noqa: ANN401
        return opaque.name

    def search(value: object) -> object:
        can, culprits = ray.util.inspect_serializability(value, name="it", print_file=io.StringIO())
        return [can, sorted((culprit.path[-1], type(culprit.obj).__name__) for culprit in culprits)]

    opaque = Opaque("here")
    before = caught(lambda: ray.get(name_of.remote(opaque)), TypeError)
    ray.util.register_serializer(
        Opaque, serializer=lambda it: it.name, deserializer=lambda name: Opaque(name + "!")
    )
    between = ray.get(name_of.remote(opaque)), ray.get(ray.put([opaque]))[0].name
    ray.util.deregister_serializer(Opaque)
    ray.util.deregister_serializer(Opaque)
    after = caught(lambda: ray.put(opaque), TypeError)
    return [before, between, after, search([1]), search(opaque), search(lambda: opaque), search(opaque.lock)]


def metrics(ray: ModuleType) -> object:
    """What counters, gauges and histograms accept and tell of themselves."""
    module = util(ray, "metrics")
    counter = module.Counter("parity_count", description="so many", tag_keys=("a", "b"))
    errors = (ValueError, TypeError)
    calls = [
        lambda: counter.set_default_tags({"a": "1"}) is counter,
        lambda: counter.set_default_tags({"c": "1"}),
        lambda: counter.set_default_tags({"a": 1}),
        lambda: counter.inc(2, tags={"b": "2"}),
        lambda: counter.inc(0, tags={"b": "2"}),
        lambda: counter.inc("1", tags={"b": "2"}),
        lambda: counter.inc(),
        lambda: module.Gauge("parity_level").set(2.5),
        lambda: module.Gauge("parity_level").set(None),
        lambda: module.Gauge(""),
        lambda: module.Gauge("parity_level", tag_keys=["a"]),
        lambda: module.Histogram("parity_times"),
        lambda: module.Histogram("parity_times", boundaries=[0, 1]),
        lambda: module.Histogram("parity_times", boundaries=[1.0, 2.0]).observe(1.5),
        lambda: module.Histogram("parity_times", boundaries=[1.0, 2.0]).info,
        lambda: counter.info,
    ]
    return [caught(call, *errors) for call in calls]


BEHAVIOURS = (
    actor_pools,
    queues,
    process_pools,
    parallel_iterators,
    helpers,
    serializers,
    metrics,
)
