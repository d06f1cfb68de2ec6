"""What Ray and minray must do alike with threaded and `async` actors; see `behaviours`."""

import asyncio
import threading
import time
from types import ModuleType
from typing import Any

from behaviours import outcome
from behaviours_actors import raised


def threads_and_coroutines(ray: ModuleType) -> object:
    """max_concurrency, concurrency groups, `async` methods: who runs beside whom."""

    @ray.remote(max_concurrency=3, num_cpus=0)
    class Threaded:
        def __init__(self) -> None:
            self.barrier = threading.Barrier(3)

        def meet(self) -> bool:
            self.barrier.wait(30)
            return threading.current_thread() is not threading.main_thread()

    @ray.remote(num_cpus=0)
    class Asynchronous:
        def __init__(self) -> None:
            self.event = asyncio.Event()
            self.waiting = 0

        async def wait(self) -> str:
            self.waiting += 1
            await self.event.wait()
            return "woken"

        async def wake(self) -> int:
            while self.waiting < 5:
                await asyncio.sleep(0.01)
            self.event.set()
            return self.waiting

        async def fail(self) -> None:
            raise ValueError("no")

        async def add(self, reference: list[Any]) -> int:
            total: int = await reference[0] + 1
            return total

        def plain(self) -> int:
            return 5

    threaded, asynchronous = Threaded.remote(), Asynchronous.remote()
    waiting = [asynchronous.wait.remote() for _ in range(5)]
    return {
        "threads meet": ray.get([threaded.meet.remote() for _ in range(3)], timeout=60),
        "coroutines beside each other": ray.get(asynchronous.wake.remote(), timeout=60),
        "woken": ray.get(waiting, timeout=60),
        "error": raised(lambda: ray.get(asynchronous.fail.remote())),
        "await of a reference": ray.get(asynchronous.add.remote([ray.put(1)])),
        "plain method": ray.get(asynchronous.plain.remote()),
    }


def cancelling_calls(ray: ModuleType) -> object:
    """`cancel` of calls of actors: queued ones, `async` ones that run; force is an error."""

    @ray.remote(num_cpus=0)
    class Asynchronous:
        def __init__(self) -> None:
            self.started = 0

        async def hang(self) -> None:
            self.started += 1
            await asyncio.sleep(1000)

        async def count(self) -> int:
            return self.started

    actor = Asynchronous.remote()
    hanging = actor.hang.remote()
    deadline = time.monotonic() + 60
    while not ray.get(actor.count.remote()) and time.monotonic() < deadline:
        time.sleep(0.01)
    forced = raised(lambda: ray.cancel(hanging, force=True))
    ray.cancel(hanging)
    error = outcome(lambda: ray.get(hanging, timeout=60))
    return [forced, "TaskCancelledError" in error["raised"], ray.get(actor.count.remote())]


BEHAVIOURS = (threads_and_coroutines, cancelling_calls)
