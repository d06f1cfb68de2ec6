"""What Ray and minray must do alike with large objects and their references; see `behaviours`."""

import gc
import os
import signal
import time
from types import ModuleType
from typing import Any

import numpy as np
from behaviours import outcome

LARGE = 100_000  # float64 numbers: 800 kB, far beyond what travels inline


def raised(call: Any) -> str:  # noqa: ANN401 - whatever the body does
    """The first class of what a call raises, or what it returns."""
    found = outcome(call)
    return found["raised"][0] if isinstance(found, dict) and "raised" in found else repr(found)


def read_only_views(ray: ModuleType) -> object:
    """Arrays come back as read-only views, in the driver and as arguments, inside other objects too."""

    @ray.remote
    def look(array: Any, box: Any) -> list[bool]:  # noqa: ANN401
        return [
            array.flags.writeable,
            array.flags.owndata,
            box["a"].flags.writeable,
            float(array.sum()) == LARGE,
        ]

    ref = ray.put(np.ones(LARGE))
    array = ray.get(ref)
    again = ray.get(ray.put({"a": [np.zeros(LARGE), "text"]}))
    return [
        array.flags.writeable,
        array.flags.owndata,
        again["a"][0].flags.writeable,
        ray.get(look.remote(ref, {"a": np.ones(LARGE)})),
        raised(lambda: array.__setitem__(0, 1)),
    ]


def small_values_are_copies(ray: ModuleType) -> object:
    """What is small comes back as a value of its own each time."""
    ref = ray.put([1, 2])
    first = ray.get(ref)
    first.append(3)
    return [ray.get(ref), ray.get(ray.put(bytearray(b"x" * 200_000)))[:3] == b"xxx"]


def views_outlive_references(ray: ModuleType) -> object:
    """An array stays as it is although its reference is gone and other objects are made."""
    array = ray.get(ray.put(np.full(LARGE, 7.0)))
    gc.collect()
    for number in range(20):
        ray.get(ray.put(np.full(LARGE, float(number))))
    return float(array.sum()) == 7.0 * LARGE


def owners_that_die(ray: ModuleType) -> object:
    """What a process put, and what tasks of its made, is lost with it, for those who ask later."""

    @ray.remote
    def make(length: int) -> Any:  # noqa: ANN401
        return np.ones(length)

    @ray.remote
    def total(array: Any) -> float:  # noqa: ANN401
        return float(array.sum())

    @ray.remote
    class Owner:
        def put(self, length: int) -> list[Any]:
            return [ray.put(np.ones(length)), os.getpid()]

        def submit(self, length: int) -> list[Any]:
            ref = make.remote(length)
            ray.wait([ref])
            return [ref, os.getpid()]

    found = []
    for method, length in (("put", 10), ("put", LARGE), ("submit", LARGE)):
        owner = Owner.remote()
        ref, pid = ray.get(getattr(owner, method).remote(length))
        os.kill(pid, signal.SIGKILL)
        time.sleep(2)
        found.append(raised(lambda ref=ref: ray.get(ref, timeout=20)))
        found.append(raised(lambda ref=ref: ray.get(total.remote(ref), timeout=20)))
        found.append(len(ray.wait([ref], timeout=5)[0]))
    return found


def references_of_every_origin(ray: ModuleType) -> object:
    """References inside objects, from tasks, from tasks of tasks, through actors: all lead to values."""

    @ray.remote
    def put_inside(number: int) -> list[Any]:
        return [ray.put(np.full(LARGE, float(number)))]

    @ray.remote
    def nested(depth: int) -> Any:  # noqa: ANN401
        return [nested.remote(depth - 1)] if depth else np.full(LARGE, 5.0)

    @ray.remote
    class Keeper:
        def keep(self, box: list[Any]) -> None:
            self.box = box

        def give(self) -> list[Any]:
            return self.box

    keeper = Keeper.remote()
    ray.get(keeper.keep.remote([ray.put(np.full(LARGE, 3.0))]))
    gc.collect()
    value = ray.get(nested.remote(3))
    while isinstance(value, list):
        value = ray.get(value[0])
    boxed = ray.put([[ray.put([ray.put(4.0)])]])
    return [
        ray.get(ray.get(put_inside.remote(2))[0])[0],
        ray.get(ray.get(keeper.give.remote())[0])[-1],
        value[1],
        ray.get(ray.get(ray.get(boxed)[0][0])[0]),
    ]


def crashed_arguments(ray: ModuleType) -> object:
    """A task whose argument is the result of a crashed worker fails with that cause."""

    @ray.remote(max_retries=0)
    def die() -> None:
        os._exit(1)

    @ray.remote
    def use(value: object) -> object:
        return value

    return [raised(lambda: ray.get(use.remote(die.remote()))), raised(lambda: ray.get(die.remote()))]


BEHAVIOURS = (
    read_only_views,
    small_values_are_copies,
    views_outlive_references,
    owners_that_die,
    references_of_every_origin,
    crashed_arguments,
)
