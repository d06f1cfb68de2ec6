"""Random programs that hand references about; when all is dropped, memory is back at its baseline.

References travel inside objects, inside arguments and results and in actors, and outlive the tasks that
brought them.  Beside each goes the number that its value must be.
"""

import gc
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray import ObjectRef
from minray.core_worker import current
from runtime_tools import session, stored_bytes, wait_until

LARGE = 20_000  # float64 numbers: 160 kB, in the store
Held = tuple[ObjectRef, int, int]  # a reference, how often its value is boxed in lists, the number within


@pytest.fixture(scope="module", autouse=True)
def own_session() -> Iterator[None]:
    with session(num_cpus=2, object_store_memory=4_000_000):  # so small that objects are spilled too
        yield


def value(number: int, large: bool) -> Any:  # noqa: ANN401
    return np.full(LARGE, number) if large else number


@ray.remote
def make(number: int, large: bool) -> Any:  # noqa: ANN401
    return value(number, large)


@ray.remote
def put_inside(number: int, large: bool) -> list[ObjectRef]:
    return [ray.put(value(number, large))]


@ray.remote
def submit_inside(number: int, large: bool) -> list[ObjectRef]:
    return [make.remote(number, large)]


@ray.remote
def pass_on(box: list[ObjectRef]) -> list[ObjectRef]:
    return box


@ray.remote
def unpack(content: Any) -> Any:  # noqa: ANN401
    return content


@ray.remote
class Keeper:
    """Keeps references beyond the calls that brought them."""

    def __init__(self) -> None:
        self.kept: dict[int, list[ObjectRef]] = {}

    def keep(self, name: int, box: list[ObjectRef]) -> None:
        self.kept[name] = box

    def give_back(self, name: int) -> list[ObjectRef]:
        return self.kept.pop(name)

    def forget(self) -> None:
        self.kept.clear()


def check(held: Held) -> None:
    """The reference still leads to its number."""
    ref, boxes, number = held
    content = ray.get(ref)
    for _ in range(boxes):
        (inner,) = content
        content = ray.get(inner)
    assert int(np.ravel(content)[-1]) == number


class Program:
    """A random program of one driver."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.held: list[Held] = []
        self.keeper = Keeper.remote()
        self.kept: dict[int, tuple[int, int]] = {}
        self.names = iter(range(1_000_000))
        self.steps: list[Callable[[], None]] = [
            self.create,
            self.box,
            self.send,
            self.lend,
            self.fetch,
            self.drop,
        ]

    def step(self) -> None:
        self.random.choice(self.steps)()

    def create(self) -> None:
        number, large = next(self.names), self.random.random() < 0.5
        how = self.random.randrange(4)
        if how == 0:
            self.held.append((ray.put(value(number, large)), 0, number))
        elif how == 1:
            self.held.append((make.remote(number, large), 0, number))
        else:
            task = put_inside if how == 2 else submit_inside
            self.held.append((task.remote(number, large), 1, number))

    def choose(self) -> Held:
        if not self.held:
            self.create()
        return self.random.choice(self.held)

    def box(self) -> None:
        ref, boxes, number = self.choose()
        self.held.append((ray.put([ref]), boxes + 1, number))

    def send(self) -> None:
        ref, boxes, number = self.choose()
        if self.random.random() < 0.5:
            self.held.append((pass_on.remote([ref]), boxes + 1, number))
        else:
            self.held.append((unpack.remote(ref), boxes, number))

    def lend(self) -> None:
        ref, boxes, number = self.choose()
        name = next(self.names)
        self.keeper.keep.remote(name, [ref])
        self.kept[name] = boxes, number

    def fetch(self) -> None:
        if self.kept:
            name = self.random.choice(list(self.kept))
            boxes, number = self.kept.pop(name)
            self.held.append((self.keeper.give_back.remote(name), boxes + 1, number))

    def drop(self) -> None:
        if self.held:
            held = self.held.pop(self.random.randrange(len(self.held)))
            if self.random.random() < 0.5:
                check(held)


def objects() -> int:
    """How many objects the session knows, the functions' own values not counted."""
    assert current.core is not None
    count: int = current.core.query("objects")
    return count


@pytest.mark.parametrize("seed", range(6))
def test_all_values_are_there_while_needed_and_gone_afterwards(seed: int) -> None:
    before = objects()
    program = Program(seed)
    for _ in range(60):
        program.step()
    for held in program.held:
        check(held)
    if seed % 2:
        ray.get(program.keeper.forget.remote())
    del program, held
    gc.collect()
    wait_until(lambda: stored_bytes() == 0, "the store to be empty")
    wait_until(lambda: objects() <= before, "all objects to be forgotten")


def test_a_reference_that_an_actor_keeps_outlives_all_others() -> None:
    keeper = Keeper.remote()
    ray.get(keeper.keep.remote(0, [ray.put(np.ones(LARGE))]))
    gc.collect()
    (ref,) = ray.get(keeper.give_back.remote(0))
    assert ray.get(ref).sum() == LARGE
    ray.get(keeper.keep.remote(1, [ref]))
    del ref
    gc.collect()
    assert stored_bytes() > 0
    ray.kill(keeper)
    wait_until(lambda: stored_bytes() == 0)


def test_a_reference_that_a_function_has_captured_is_kept_as_long_as_the_session() -> None:
    """As in Ray: nobody can tell when the function will be run again."""

    def submit(ref: ObjectRef) -> ObjectRef:
        @ray.remote
        def captured() -> float:
            return float(ray.get(ref).sum())

        return captured.remote()

    result = submit(ray.put(np.ones(LARGE)))
    gc.collect()
    assert ray.get(result) == LARGE
