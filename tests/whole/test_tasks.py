"""Remote functions: how they are made, called, and given arguments."""

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray import ObjectRef
from minray.exceptions import RayTaskError
from runtime_tools import Gate


@ray.remote
def subtract(a: int, b: int = 1) -> int:
    """Take b from a."""
    return a - b


def test_remote_without_arguments_makes_a_remote_function(ray_session: ModuleType) -> None:
    assert ray_session.get(subtract.remote(5)) == 4
    assert ray_session.get(subtract.remote(5, 2)) == 3
    assert ray_session.get(subtract.remote(b=5, a=2)) == -3


def test_remote_with_arguments_makes_a_remote_function(ray_session: ModuleType) -> None:
    @ray_session.remote(num_cpus=0.5, num_returns=2)
    def both(a: int) -> tuple[int, int]:
        return a, -a

    first, second = both.remote(3)
    assert ray_session.get([first, second]) == [3, -3]


def test_remote_also_wraps_a_function_that_stays_callable(ray_session: ModuleType) -> None:
    def plain(a: int) -> int:
        return a + 1

    wrapped = ray_session.remote(plain)
    assert plain(1) == 2
    assert ray_session.get(wrapped.remote(1)) == 2


def test_remote_takes_a_lambda_and_a_partial(ray_session: ModuleType) -> None:
    assert ray_session.get(ray_session.remote(lambda a: a * 3).remote(2)) == 6
    assert ray_session.get(ray_session.remote(functools.partial(max, 3)).remote(2)) == 3


def test_a_remote_function_keeps_its_name_and_docstring() -> None:
    assert subtract.__name__ == "subtract"
    assert subtract.__doc__ == "Take b from a."
    assert hasattr(subtract, "remote")


def test_submitting_returns_before_the_task_has_run(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> str:
        gate.wait()
        return "through"

    reference = hold.remote(gate)
    assert isinstance(reference, ObjectRef)
    assert ray_session.wait([reference], timeout=0)[0] == []
    gate.open()
    assert ray_session.get(reference) == "through"


def test_any_number_of_arguments_can_be_taken(ray_session: ModuleType) -> None:
    @ray_session.remote
    def everything(*args: object, **kwargs: object) -> tuple[object, object]:
        return args, kwargs

    assert ray_session.get(everything.remote()) == ((), {})
    assert ray_session.get(everything.remote(1, None, x=2)) == ((1, None), {"x": 2})


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"c": 1}), ((1,), {"a": 1})])
def test_arguments_that_do_not_fit_are_refused_at_once(
    ray_session: ModuleType, args: tuple[int, ...], kwargs: dict[str, int]
) -> None:
    with pytest.raises(TypeError, match="argument"):
        subtract.remote(*args, **kwargs)


def test_arguments_are_taken_as_they_are_at_the_call(ray_session: ModuleType) -> None:
    @ray_session.remote
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    numbers = [1, 2, 3]
    reference = total.remote(numbers)
    numbers.clear()
    assert ray_session.get(reference) == 6


def test_a_large_argument_arrives_whole(ray_session: ModuleType) -> None:
    @ray_session.remote
    def total(array: "np.ndarray[Any, Any]", text: str) -> tuple[float, int]:
        return float(array.sum()), len(text)

    assert ray_session.get(total.remote(np.ones(1_000_000), "x" * 3_000_000)) == (1_000_000.0, 3_000_000)


def test_a_reference_as_argument_arrives_as_its_value(ray_session: ModuleType) -> None:
    ten = ray_session.put(10)
    assert ray_session.get(subtract.remote(ten, 4)) == 6
    assert ray_session.get(subtract.remote(12, b=ten)) == 2
    assert ray_session.get(subtract.remote(ten, ten)) == 0
    assert ray_session.get(subtract.remote(subtract.remote(10, 1), subtract.remote(5))) == 5


def test_a_task_does_not_start_before_its_arguments_exist(ray_session: ModuleType, tmp_path: Path) -> None:
    gate, started = Gate(tmp_path), Gate(tmp_path)
    started.open()

    @ray_session.remote
    def hold(gate: Gate) -> int:
        gate.wait()
        return 7

    @ray_session.remote
    def after(value: int, started: Gate) -> int:
        started.wait()
        return value

    last = after.remote(hold.remote(gate), started)
    gate.wait_for_visitors()
    assert ray_session.wait([last], timeout=0.05)[0] == []
    assert started.visitors() == 0
    gate.open()
    assert ray_session.get(last) == 7


def test_a_reference_inside_a_container_stays_a_reference(ray_session: ModuleType) -> None:
    @ray_session.remote
    def kinds(in_list: list[Any], in_dict: dict[str, Any], in_tuple: tuple[Any, ...]) -> list[str]:
        return [type(one).__name__ for one in (in_list[0], in_dict["k"], in_tuple[0][0])]

    ten = ray_session.put(10)
    assert ray_session.get(kinds.remote([ten], {"k": ten}, ([ten],))) == ["ObjectRef"] * 3


def test_a_reference_inside_a_container_can_be_fetched_in_the_task(ray_session: ModuleType) -> None:
    @ray_session.remote
    def total(references: list[ObjectRef]) -> int:
        return sum(ray_session.get(references))

    references = [subtract.remote(n, 0) for n in range(10)]
    assert ray_session.get(total.remote(references)) == 45


def test_a_task_can_return_references(ray_session: ModuleType) -> None:
    @ray_session.remote
    def begin() -> list[ObjectRef]:
        return [subtract.remote(9), ray_session.put("stored")]

    assert ray_session.get(ray_session.get(begin.remote())) == [8, "stored"]


def test_a_reference_passed_down_through_tasks_keeps_its_value_alive(ray_session: ModuleType) -> None:
    @ray_session.remote
    def wrap(inner: list[Any]) -> list[Any]:
        return [inner]

    nested = wrap.remote([wrap.remote([ray_session.put("deep")])])
    value: Any = ray_session.get(nested)
    while isinstance(value, list | ObjectRef):
        value = ray_session.get(value) if isinstance(value, ObjectRef) else value[0]
    assert value == "deep"


@pytest.mark.parametrize("keyword", ["num_returns", "num_return_vals"])
def test_several_results_get_a_reference_each(ray_session: ModuleType, keyword: str) -> None:
    @ray_session.remote(**{keyword: 3})
    def three() -> tuple[int, int, int]:
        return 1, 2, 3

    a, b, c = three.remote()
    assert ray_session.get(c) == 3
    assert ray_session.get([a, b]) == [1, 2]


def test_each_of_several_results_can_be_an_argument(ray_session: ModuleType) -> None:
    @ray_session.remote(num_returns=2)
    def pair() -> list[int]:
        return [10, 4]

    big, small = pair.remote()
    assert ray_session.get(subtract.remote(big, small)) == 6


def test_no_result_wanted_means_no_reference(ray_session: ModuleType, tmp_path: Path) -> None:
    visited = Gate(tmp_path)
    visited.open()

    @ray_session.remote(num_returns=0)
    def visit(gate: Gate) -> None:
        gate.wait()

    assert visit.remote(visited) is None
    visited.wait_for_visitors()


@pytest.mark.parametrize("count", [2, 4])
def test_a_wrong_number_of_results_is_a_value_error_with_both_numbers(
    ray_session: ModuleType, count: int
) -> None:
    @ray_session.remote(num_returns=count)
    def three() -> tuple[int, int, int]:
        return 1, 2, 3

    for reference in three.remote():
        with pytest.raises(ValueError, match=rf"(?s)3.*{count}|{count}.*3"):
            ray_session.get(reference)


def test_one_result_that_is_a_tuple_stays_a_tuple(ray_session: ModuleType) -> None:
    @ray_session.remote
    def three() -> tuple[int, int, int]:
        return 1, 2, 3

    assert ray_session.get(three.remote()) == (1, 2, 3)


def test_options_change_one_call_and_not_the_function(ray_session: ModuleType) -> None:
    @ray_session.remote
    def pair() -> tuple[int, int]:
        return 1, 2

    a, b = pair.options(num_returns=2, num_cpus=1).remote()
    assert ray_session.get([a, b]) == [1, 2]
    assert ray_session.get(pair.remote()) == (1, 2)


def test_an_unknown_option_is_an_error_that_names_the_nearest(ray_session: ModuleType) -> None:
    with pytest.raises((TypeError, ValueError), match="num_returns"):
        subtract.options(num_return=2)
    with pytest.raises((TypeError, ValueError), match="num_cpus"):
        ray_session.remote(num_cpu=2)(lambda: None)


def test_a_chain_of_a_hundred_tasks_gives_the_sum(ray_session: ModuleType) -> None:
    value: Any = 100
    for _ in range(100):
        value = subtract.remote(value)
    assert ray_session.get(value) == 0


def test_a_tree_of_tasks_reduces_to_the_sum(ray_session: ModuleType) -> None:
    @ray_session.remote
    def add(a: int, b: int) -> int:
        return a + b

    values: list[Any] = list(range(100))
    while len(values) > 1:
        values.append(add.remote(values.pop(0), values.pop(0)))
    assert ray_session.get(values[0]) == sum(range(100))


def test_thousands_of_queued_tasks_all_finish_in_order_of_submission(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    @ray_session.remote
    def same(n: int) -> int:
        return n

    assert ray_session.get([same.remote(n) for n in range(10_000)]) == list(range(10_000))


def test_a_task_that_fails_by_its_argument_never_runs(ray_session: ModuleType, tmp_path: Path) -> None:
    visited = Gate(tmp_path)
    visited.open()

    @ray_session.remote
    def fail() -> None:
        raise LookupError("no input")

    @ray_session.remote
    def use(value: object, gate: Gate) -> None:
        gate.wait()

    with pytest.raises(LookupError, match="no input") as caught:
        ray_session.get(use.remote(fail.remote(), visited))
    assert isinstance(caught.value, RayTaskError)
    assert visited.visitors() == 0


def test_a_function_can_be_called_as_rays_own_code_does(ray_session: ModuleType) -> None:
    @ray_session.remote
    def count(n: int, step: int = 1) -> list[int]:
        return list(range(0, n, step))

    assert ray_session.get(count._remote(args=[4])) == [0, 1, 2, 3]
    assert ray_session.get(count._remote([4], {"step": 2}, num_returns=2)) == [0, 2]


def test_a_function_may_have_its_calls_changed_by_a_decorator_of_rays_kind(ray_session: ModuleType) -> None:
    def backwards(call: Any) -> Any:  # noqa: ANN401 - a function
        return lambda args, kwargs: (call(args[::-1], {"c": 3}), kwargs)

    def function(a: int, b: int, c: int = 0) -> tuple[int, int, int]:
        return a, b, c

    function.__ray_invocation_decorator__ = backwards  # type: ignore[attr-defined]
    remote = ray.remote(function)
    for callable_ in (remote, remote.options(name="other")):
        ref, kwargs = callable_.remote(1, 2, c=4)
        assert (ray.get(ref), kwargs) == ((2, 1, 3), {"c": 4})
