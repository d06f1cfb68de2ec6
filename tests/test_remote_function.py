"""Options and signatures of remote functions, checked before anything is sent."""

import functools
import pickle
from typing import Any

import cloudpickle
import pytest

from minray.remote_function import BoundOptions, RemoteFunction, TaskOptions, update_options

DEFAULT = TaskOptions()


def options(**changes: Any) -> TaskOptions:  # noqa: ANN401
    return update_options(DEFAULT, changes)


# --- options -----------------------------------------------------------------------------------------


def test_a_task_asks_for_one_cpu_and_three_retries_as_in_ray() -> None:
    assert DEFAULT.demand() == (("CPU", 10_000),)
    assert DEFAULT.max_retries == 3
    assert DEFAULT.num_returns == 1


def test_resources_add_up_to_the_demand() -> None:
    asked = options(num_cpus=0.5, num_gpus=1, resources={"disk": 2})
    assert asked.demand() == (("CPU", 5_000), ("GPU", 10_000), ("disk", 20_000))


def test_options_are_changed_one_by_one_and_none_means_unchanged() -> None:
    first = options(num_cpus=2, name="a name")
    second = update_options(first, {"num_returns": 3, "num_cpus": None})
    assert (second.num_cpus, second.num_returns, second.name) == (2, 3, "a name")
    assert first.num_returns == 1


def test_the_old_name_for_several_results_is_taken() -> None:
    assert options(num_return_vals=2).num_returns == 2


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("num_cpu", "num_cpus"), ("max_retry", "max_retries"), ("retry_exception", "retry_exceptions")],
)
def test_an_unknown_option_is_an_error_that_names_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"'{wrong}'.*Did you mean '{nearest}'"):
        options(**{wrong: 1})


def test_an_option_like_no_other_is_an_error_that_lists_them_all() -> None:
    with pytest.raises(ValueError, match=r"'zzz'.*max_retries.*num_cpus.*num_returns"):
        options(zzz=1)


def test_an_option_of_rays_without_meaning_here_is_accepted() -> None:
    assert options(runtime_env={}, memory=1000, scheduling_strategy="SPREAD") == DEFAULT


@pytest.mark.parametrize("key", ["num_cpus", "num_gpus"])
@pytest.mark.parametrize("value", ["2", True, [1]])
def test_an_amount_that_is_no_number_is_a_type_error_that_shows_it(key: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"{key} must be a number"):
        options(**{key: value})


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), 0.00001])
def test_an_amount_that_makes_no_sense_is_a_value_error(value: float) -> None:
    with pytest.raises(ValueError, match=r"CPU|num_cpus"):
        options(num_cpus=value)
    with pytest.raises(ValueError, match="disk"):
        options(resources={"disk": value})


@pytest.mark.parametrize("value", [1, "disk", ["disk"], {"disk": "1"}, {"disk": True}])
def test_resources_of_another_kind_are_a_type_error_that_shows_them(value: object) -> None:
    with pytest.raises(TypeError, match=r"resources.*but it is"):
        options(resources=value)


def test_cpus_among_the_other_resources_are_refused_with_the_right_way() -> None:
    with pytest.raises(ValueError, match="num_cpus"):
        options(resources={"CPU": 1})


@pytest.mark.parametrize("key", ["num_returns", "max_retries"])
@pytest.mark.parametrize("value", [-2, 1.5, "1", True])
def test_a_count_that_makes_no_sense_is_a_value_error_that_names_it(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        options(**{key: value})


def test_the_smallest_counts_are_allowed() -> None:
    assert options(num_returns=0).num_returns == 0
    assert options(max_retries=0).max_retries == 0
    assert options(max_retries=-1).max_retries == -1
    with pytest.raises(ValueError, match="num_returns"):
        options(num_returns=-1)


def test_exceptions_to_retry_are_all_none_or_those_named() -> None:
    assert options(retry_exceptions=True).retry_exceptions == b"*"
    assert options(retry_exceptions=False).retry_exceptions == b""
    named = options(retry_exceptions=[ValueError, OSError]).retry_exceptions
    assert pickle.loads(named) == (ValueError, OSError)


@pytest.mark.parametrize("value", [[int], ["ValueError"], [ValueError()], 5, ValueError])
def test_something_else_than_exceptions_to_retry_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="retry_exceptions must be"):
        options(retry_exceptions=value)


# --- the function ------------------------------------------------------------------------------------


def add(one: int, other: int = 1, *, factor: int = 1) -> int:
    """Add two numbers."""
    return (one + other) * factor


def remote(function: Any) -> RemoteFunction:  # noqa: ANN401
    return RemoteFunction(function, DEFAULT)


def test_a_remote_function_looks_like_its_function() -> None:
    wrapped: Any = remote(add)
    assert (wrapped.__name__, wrapped.__doc__, wrapped.__wrapped__) == ("add", "Add two numbers.", add)
    assert repr(wrapped) == "<remote function add>"


def test_a_direct_call_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(TypeError, match=r"try 'add\.remote\(\)'"):
        remote(add)(1)


def test_a_function_inside_another_goes_by_its_short_name() -> None:
    def inner() -> None: ...

    assert repr(remote(inner)) == "<remote function inner>"


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        ((), {}, "missing a required argument: 'one'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"onne": 2}, "unexpected keyword argument 'onne'"),
        ((1,), {"one": 2}, "multiple values for argument 'one'"),
    ],
)
def test_a_call_that_does_not_fit_is_an_error_at_once_that_shows_the_signature(
    args: tuple[int, ...], kwargs: dict[str, int], complaint: str
) -> None:
    with pytest.raises(TypeError) as caught:
        remote(add).remote(*args, **kwargs)
    for part in (complaint, "add.remote()", "add(one: int, other: int = 1, *, factor: int = 1)"):
        assert part in str(caught.value)


def test_a_call_that_fits_is_not_refused() -> None:
    wrapped = remote(add)
    wrapped._check_arguments((1,), {})
    wrapped._check_arguments((1, 2), {})
    wrapped._check_arguments((), {"one": 1})
    wrapped._check_arguments((1,), {"factor": 2})


def test_calls_of_functions_of_every_kind_are_checked() -> None:
    remote(lambda *args, **kwargs: None)._check_arguments((1, 2, 3), {"any": 4})
    remote(functools.partial(add, 1))._check_arguments((2,), {})
    remote(dict)._check_arguments((), {"built": "in", "without": "a signature"})
    positional = remote(lambda one, /: None)
    positional._check_arguments((1,), {})
    with pytest.raises(TypeError, match="remote"):
        positional._check_arguments((), {"one": 1})
    keyword_only = remote(lambda *, one: None)
    keyword_only._check_arguments((), {"one": 1})
    with pytest.raises(TypeError, match="remote"):
        keyword_only._check_arguments((1,), {})


def test_options_for_one_call_do_not_change_the_function() -> None:
    wrapped = remote(add)
    bound = wrapped.options(num_cpus=2)
    assert isinstance(bound, BoundOptions)
    assert bound._options.num_cpus == 2
    assert wrapped._options == DEFAULT
    with pytest.raises(ValueError, match="Did you mean 'num_cpus'"):
        wrapped.options(num_cpuss=2)


def test_a_remote_function_travels_and_is_still_the_same_function() -> None:
    wrapped = remote(lambda number: number + 1)
    wrapped._check_arguments((1,), {})
    copy = pickle.loads(cloudpickle.dumps(wrapped))
    assert copy._id == wrapped._id
    copy._check_arguments((1,), {})
    with pytest.raises(TypeError):
        copy._check_arguments((), {})


def test_two_definitions_are_two_functions() -> None:
    assert remote(add)._id != remote(add)._id
