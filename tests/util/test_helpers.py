"""`as_completed`, `map_unordered`, and the small helpers of `minray.util` that need no session."""

import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minray
from minray.util import accelerators, debug
from minray.util.annotations import Deprecated, DeveloperAPI, PublicAPI, RayDeprecationWarning
from minray.util.serialization import deregister_serializer, register_serializer
from minray.values.serialization import deserialize, serialize
from runtime_tools import Gate


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """One session for this module."""
    minray.init(num_cpus=2, include_dashboard=False)
    yield minray
    minray.shutdown()


@minray.remote(num_cpus=0)
def gated(gate: Gate, value: object) -> object:
    gate.wait()
    return value


@minray.remote
def square(n: int) -> int:
    return n * n


def test_results_come_as_they_are_completed(ray: ModuleType, tmp_path: Path) -> None:
    gates = [Gate(tmp_path) for _ in range(3)]
    results = ray.util.as_completed([gated.remote(gate, n) for n, gate in enumerate(gates)], chunk_size=1)
    seen = []
    for gate in reversed(gates):
        gate.open()
        seen.append(next(results))
    assert seen == [2, 1, 0]
    assert list(results) == []


def test_a_chunk_is_complete_before_it_comes_and_keeps_the_order_of_the_references(
    ray: ModuleType, tmp_path: Path
) -> None:
    gates = [Gate(tmp_path) for _ in range(3)]
    refs = [gated.remote(gate, n) for n, gate in enumerate(gates)]
    results = ray.util.as_completed(refs, chunk_size=2, yield_obj_refs=True)
    gates[2].open()
    gates[1].open()
    assert [next(results), next(results)] == refs[1:]
    gates[0].open()
    assert list(results) == refs[:1]


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), max_size=30), st.integers(1, 7), st.one_of(st.none(), st.integers(1, 9)))
def test_every_item_gives_one_result(
    ray: ModuleType, items: list[int], chunk: int, under_way: int | None
) -> None:
    found = list(ray.util.map_unordered(square, items, chunk_size=chunk, backpressure_size=under_way))
    assert sorted(found) == sorted(n * n for n in items)


def test_no_more_items_are_taken_than_tasks_may_be_under_way(ray: ModuleType) -> None:
    taken = []

    def endless() -> Iterator[int]:
        n = 0
        while True:
            taken.append(n)
            yield n
            n += 1

    results = ray.util.map_unordered(square, endless(), backpressure_size=4, chunk_size=1)
    next(results)
    assert len(taken) == 4


@pytest.mark.parametrize(
    "options", [{"chunk_size": 0}, {"num_returns": 1}, {"backpressure_size": 0}, {"backpressure_size": -1}]
)
def test_senseless_options_of_map_unordered_are_errors(ray: ModuleType, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|instead of"):
        next(ray.util.map_unordered(square, [1], **options))


class Opaque:
    """Cannot be pickled by itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()


def test_a_registered_class_travels_in_the_form_that_was_chosen(ray: ModuleType) -> None:
    register_serializer(Opaque, serializer=lambda opaque: opaque.name, deserializer=Opaque)
    try:
        assert ray.get(ray.put([Opaque("a")]))[0].name == "a"

        @ray.remote
        def name_of(opaque: Any) -> str:  # noqa: ANN401
            found: str = opaque.name
            return found

        assert ray.get(name_of.remote(Opaque("b"))) == "b"
    finally:
        deregister_serializer(Opaque)
    with pytest.raises(TypeError, match="lock"):
        ray.put(Opaque("c"))
    deregister_serializer(Opaque)  # once more is no error


def test_registered_forms_survive_a_round_trip_without_a_session() -> None:
    register_serializer(Opaque, serializer=lambda opaque: opaque.name, deserializer=Opaque)
    try:
        assert deserialize(serialize({"deep": (Opaque("d"),)}).to_bytes())["deep"][0].name == "d"
    finally:
        deregister_serializer(Opaque)


def test_the_part_that_cannot_be_pickled_is_found_inside_a_function() -> None:
    lock, harmless = threading.Lock(), [1, 2]
    printed = io.StringIO()
    can, culprits = minray.util.inspect_serializability(
        lambda: (lock, harmless), name="task", print_file=printed
    )
    (culprit,) = culprits
    assert not can
    assert culprit.obj is lock
    assert culprit.path == ("task", "lock")
    assert "Serializing 'lock'" in printed.getvalue()


def test_the_part_that_cannot_be_pickled_is_found_inside_an_object() -> None:
    opaque = Opaque("e")
    can, culprits = minray.util.inspect_serializability(opaque, name="it", print_file=io.StringIO())
    assert not can
    assert [(culprit.name, culprit.parent) for culprit in culprits] == [("lock", opaque)]


def test_what_can_be_pickled_has_no_culprit() -> None:
    assert minray.util.inspect_serializability([1], print_file=io.StringIO()) == (True, set())


def test_a_key_is_logged_once_until_it_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug, "_logged", set())
    assert [debug.log_once("a"), debug.log_once("a"), debug.log_once("b")] == [True, False, True]
    debug.reset_log_once("a")
    assert [debug.log_once("a"), debug.log_once("b")] == [True, False]
    debug.reset_log_once()
    assert debug.log_once("b")
    monkeypatch.setattr(debug, "_disabled", True)
    assert not debug.log_once("c")


def test_with_periodic_logging_keys_are_new_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug, "_logged", {"a"})
    monkeypatch.setattr(debug, "_periodic", True)
    monkeypatch.setattr(debug, "_last_logged", debug.time.monotonic() - 61)
    assert [debug.log_once("a"), debug.log_once("a")] == [False, True]


def test_annotations_add_a_note_and_leave_the_function_alone() -> None:
    @PublicAPI
    def stable() -> int:
        """Answer."""
        return 1

    @PublicAPI(stability="alpha")
    def young() -> int:
        return 2

    @DeveloperAPI
    class Inner:
        """Inside."""

    assert (stable(), young(), stable.__doc__) == (1, 2, "Answer.")
    assert "alpha" in young.__doc__
    assert "Inside." in Inner.__doc__
    with pytest.raises(ValueError, match="stability"):
        PublicAPI(stability="eternal")


def test_a_deprecated_function_or_class_warns_only_if_asked_to() -> None:
    @Deprecated(message="Use g.", warning=True)
    def f() -> int:
        return 1

    @Deprecated(message="Use D.", warning=True)
    class C:
        def __init__(self) -> None:
            self.value = 2

    @Deprecated
    def silent() -> int:
        return 3

    with pytest.warns(RayDeprecationWarning, match=r"f is deprecated.*Use g"):
        assert f() == 1
    with pytest.warns(RayDeprecationWarning, match="Use D"):
        assert C().value == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert silent() == 3
    assert "Use D." in (C.__doc__ or "")


def test_accelerators_and_addresses_have_rays_names(ray: ModuleType) -> None:
    assert accelerators.NVIDIA_TESLA_V100 == "V100"
    assert ray.util.get_node_ip_address() == ray.nodes()[0]["NodeManagerAddress"]
    assert isinstance(ray.util.get_node_instance_id(), str)
    assert ray.util.wait is ray.wait
