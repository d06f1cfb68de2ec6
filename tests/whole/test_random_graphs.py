"""Random task graphs against sequential Python: whatever is submitted, the values are the same.

A graph is a list of nodes; each adds up the values of earlier nodes (given as references, as plain
values, or inside a container), may fail, may return two results, may be large, and may start a task of
its own.  `expected` computes in plain Python what `submit` must find with tasks.
"""

import gc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minray as ray
from minray import ObjectRef
from runtime_tools import session, stored_bytes, wait_until

BIG = 30_000  # numbers: 240 kB, more than travels inline


class FailedOnPurposeError(Exception):
    """What a failing node raises; its argument is the node's number."""


@dataclass(frozen=True)
class Node:
    """One task to be.

    Args:
        inputs: numbers of earlier nodes whose values are arguments, each resolved by the runtime.
        nested: numbers of earlier nodes whose references travel in a list and are fetched by the task.
        put: whether the driver passes its inputs through `put` of a fetched value first.
        fails: whether it raises.
        big: whether its value is a large array.
        pair: whether it returns two values, of which the second counts.
        child: whether it leaves the adding to a task of its own.
    """

    inputs: tuple[int, ...]
    nested: tuple[int, ...]
    put: bool
    fails: bool
    big: bool
    pair: bool
    child: bool


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> list[Node]:
    """Lists of nodes in which each refers to earlier ones only."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, most))):
        earlier = st.lists(st.integers(0, number - 1), max_size=3) if number else st.just([])
        nodes.append(
            Node(
                inputs=tuple(draw(earlier)),
                nested=tuple(draw(earlier)),
                put=draw(st.booleans()),
                fails=draw(st.integers(0, 9)) == 0,
                big=draw(st.booleans()),
                pair=draw(st.booleans()),
                child=draw(st.booleans()),
            )
        )
    return nodes


def as_number(value: Any) -> int:  # noqa: ANN401 - a number or an array of equal numbers
    return int(value[0]) if isinstance(value, np.ndarray) else int(value)


def make_value(number: int, node: Node, values: list[Any]) -> Any:  # noqa: ANN401
    """A node's work: its number plus the values of its inputs."""
    if node.fails:
        raise FailedOnPurposeError(number)
    total = number + sum(as_number(value) for value in values)
    return np.full(BIG, total) if node.big else total


@ray.remote
def child_of(number: int, node: Node, *values: Any) -> Any:  # noqa: ANN401
    return make_value(number, node, list(values))


def work(number: int, node: Node, references: list[ObjectRef], *values: Any) -> Any:  # noqa: ANN401
    fetched = [*values, *ray.get(references)]
    if node.child:
        value = ray.get(child_of.remote(number, node, *fetched))
    else:
        value = make_value(number, node, fetched)
    return ("first", value) if node.pair else value


task = ray.remote(work)


def expected(nodes: list[Node]) -> list[int | None]:
    """The value of each node, computed in order; None for one that fails, or whose input does."""
    values: list[int | None] = []
    for number, node in enumerate(nodes):
        inputs = [values[n] for n in node.inputs + node.nested]
        known = [value for value in inputs if value is not None]
        values.append(None if node.fails or len(known) < len(inputs) else number + sum(known))
    return values


def submit(nodes: list[Node]) -> list[ObjectRef]:
    """Submit every node as a task as soon as its inputs are submitted."""
    references: list[ObjectRef] = []
    for number, node in enumerate(nodes):
        arguments: list[Any] = [references[n] for n in node.inputs]
        if node.put and arguments:
            arguments[0] = stored_again(arguments[0])
        nested = [references[n] for n in node.nested]
        if node.pair:
            _, second = task.options(num_returns=2).remote(number, node, nested, *arguments)
            references.append(second)
        else:
            references.append(task.remote(number, node, nested, *arguments))
    return references


def stored_again(reference: ObjectRef) -> ObjectRef:
    """The same value under another name; a failed value stays as it is."""
    try:
        return ray.put(ray.get(reference))
    except FailedOnPurposeError:
        return reference


def assert_same(references: list[ObjectRef], values: list[int | None]) -> None:
    """Compare every node's outcome."""
    for number, (reference, value) in enumerate(zip(references, values, strict=True)):
        if value is None:
            with pytest.raises(FailedOnPurposeError):
                ray.get(reference)
        else:
            assert as_number(ray.get(reference)) == value, f"node {number}"


@pytest.fixture(scope="module")
def shared_session() -> Iterator[None]:
    """One runtime for all examples: hundreds of start-ups would prove nothing more."""
    with session(num_cpus=2):
        yield


SMALL = Node((), (), put=False, fails=False, big=False, pair=False, child=False)

gentle = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.mark.usefixtures("shared_session")
@given(graphs())
@gentle
def test_a_random_graph_gives_what_sequential_python_gives(nodes: list[Node]) -> None:
    assert_same(submit(nodes), expected(nodes))


@pytest.mark.usefixtures("shared_session")
@given(graphs(), st.randoms(use_true_random=False))
@gentle
def test_the_order_of_asking_and_of_dropping_references_does_not_matter(
    nodes: list[Node],
    chance: Any,  # noqa: ANN401 - hypothesis' own Random
) -> None:
    references, values = submit(nodes), expected(nodes)
    pairs = list(zip(references, values, strict=True))
    del references
    chance.shuffle(pairs)
    while pairs:
        reference, value = pairs.pop()
        if chance.random() < 0.5:
            assert_same([reference], [value])
        del reference


@pytest.mark.usefixtures("shared_session")
@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.integers(1, 5))
@gentle
def test_the_working_list_returns_every_reference_once(numbers: list[int], wanted: int) -> None:
    working = [child_of.remote(n, SMALL) for n in numbers]
    order, found = {reference: n for n, reference in enumerate(working)}, []
    while working:
        count = min(wanted, len(working))
        ready, rest = ray.wait(working, num_returns=count)
        assert len(ready) == count
        for part in (ready, rest):
            places = [order[reference] for reference in part]
            assert places == sorted(places)
        assert set(ready) | set(rest) == set(working)
        found += ray.get(ready)
        working = rest
    assert sorted(found) == sorted(numbers)


@pytest.mark.usefixtures("shared_session")
def test_nothing_is_kept_when_all_references_are_gone() -> None:
    big = Node((), (), put=False, fails=False, big=True, pair=False, child=False)
    nodes = [big] + [replace(big, inputs=(n,), nested=(n // 2,)) for n in range(9)]
    assert_same(submit(nodes), expected(nodes))
    gc.collect()
    wait_until(lambda: stored_bytes() == 0, "the object store to be empty")
