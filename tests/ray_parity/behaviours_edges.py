"""What Ray and minray must do alike at the edges: odd options, names of the dead, values before an error."""

import asyncio
import os
import time
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from behaviours import outcome

SELECTORS: list[Any] = [
    {"zone": "a"},
    {"zone": "!a"},
    {"ray.io/zone": "in(a, b)"},
    {"zone": "!in(a,b)"},
    {"zone": ""},
    {"zo!ne": "a"},
    {"zone": "matches(a)"},
    {"zone": "in(a,, b)"},
    {"zone": "in(a"},
    {"-zone": "a"},
    "zone",
]


def label_selectors(ray: ModuleType) -> object:
    """Which conditions on labels are refused, and how."""

    def kind_of(**options: Any) -> str:  # noqa: ANN401 - whatever the option takes
        try:
            ray.remote(**options)(lambda: None)
        except (TypeError, ValueError) as error:
            return type(error).__name__
        return "fine"

    fallbacks = [
        [{"label_selector": {"zone": "a"}}],
        [{}],
        ["a"],
        [{"memory": 1}],
        [{"label_selector": {"-": "a"}}],
    ]
    return [
        [kind_of(label_selector=selector) for selector in SELECTORS],
        [kind_of(fallback_strategy=fallback) for fallback in fallbacks],
    ]


def values_before_an_error(ray: ModuleType) -> object:
    """A generator with a fixed number of returns that raises midway."""

    @ray.remote(max_retries=0)
    def two_then_no_more() -> Iterator[int]:
        yield 0
        yield 1
        raise KeyError("no more")

    refs = two_then_no_more.options(num_returns=4).remote()
    return [outcome(lambda ref=ref: ray.get(ref)) for ref in refs]


def name_of_a_dead_actor(ray: ModuleType) -> object:
    """An actor that died by itself keeps its name while there is a handle; one that was killed does not."""

    @ray.remote
    class Named:
        def crash(self) -> None:
            os._exit(1)

        def ready(self) -> bool:
            return True

    def made() -> Any:  # noqa: ANN401 - a handle, or what is raised
        return Named.options(name="mortal").remote()

    actor = made()
    found = [_raised(lambda call=actor.crash: ray.get(call.remote()))]
    time.sleep(1)
    found += [_raised(lambda: ray.get_actor("mortal")), _raised(made)]
    found.append("mortal" in ray.util.list_named_actors())
    again = Named.options(name="mortal", get_if_exists=True)
    found.append(_raised(lambda: ray.get(again.remote().ready.remote())))
    del actor
    deadline = time.monotonic() + 30
    while _raised(lambda: heirs.append(made())) != "nothing" and time.monotonic() < deadline:
        time.sleep(0.1)
    ray.kill(heirs.pop())
    time.sleep(1)
    found.append(_raised(lambda: heirs.append(made())))
    return [*found, ray.get(heirs.pop().ready.remote())]


heirs: list[Any] = []


def _raised(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        return next(
            cls.__name__ for cls in type(error).__mro__ if cls.__name__ in ("ValueError", "RayActorError")
        )
    return "nothing"


def decorated_calls(ray: ModuleType) -> object:
    """Functions and methods may say what is to be done around each call."""

    def backwards(call: Any) -> Any:  # noqa: ANN401 - a function
        return lambda args, kwargs: (call(args[::-1], {}), sorted(kwargs))

    def pair(a: int, b: int) -> tuple[int, int]:
        return a, b

    pair.__ray_invocation_decorator__ = backwards  # type: ignore[attr-defined]

    class Actor:
        def method(self, a: int, b: int) -> tuple[int, int]:
            return a, b

        method.__ray_invocation_decorator__ = backwards  # type: ignore[attr-defined]

    actor = ray.remote(num_cpus=0)(Actor).remote()
    found = []
    for remote in (ray.remote(pair), actor.method):
        ref, kwargs = remote.remote(1, 2, more=3)
        found.append([ray.get(ref), kwargs])
    return found


def pending_calls_without_references(ray: ModuleType) -> object:
    """Calls count as pending although nobody wants their results."""

    @ray.remote(num_cpus=0, max_pending_calls=2)
    class Waiter:
        async def wait(self) -> None:
            await asyncio.sleep(1000)

    waiter = Waiter.remote()
    found = []
    for _ in range(3):
        try:
            waiter.wait.remote()
            found.append("taken")
        except ray.exceptions.PendingCallsLimitExceeded:
            found.append("refused")
    ray.kill(waiter)
    return found


def owners_of_objects(ray: ModuleType) -> object:
    """Objects are owned by the process that puts them, and nobody can change that any more."""
    return outcome(lambda: ray.put("given", _owner="somebody"))


def actor_groups(ray: ModuleType) -> object:
    """Several actors called at once."""
    from importlib import import_module

    class Counter:
        def __init__(self, start: int) -> None:
            self.value = start

        def add(self, amount: int) -> int:
            self.value += amount
            return self.value

        def get_actor_metadata(self) -> str:
            return "a counter"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = import_module(f"{ray.__name__}.util.actor_group").ActorGroup(
            Counter, num_actors=2, num_cpus_per_actor=0, init_args=(3,)
        )
    found = [len(group), ray.get(group.add.remote(2)), ray.get(group[1].actor.add.remote(1))]
    found.append(group[1].metadata)
    found += [outcome(lambda: group.add(1)), outcome(lambda: group.start())]
    group.shutdown()
    return [*found, len(group), outcome(lambda: group.add.remote(1))]


BEHAVIOURS = [
    label_selectors,
    values_before_an_error,
    name_of_a_dead_actor,
    decorated_calls,
    pending_calls_without_references,
    owners_of_objects,
    actor_groups,
]
