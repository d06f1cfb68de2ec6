"""Options of tasks and actors, checked before anything is sent."""

import pickle
from typing import Any

import pytest

import minray.frontend.options as minray_options
from minray.frontend.options import ACTOR, TaskOptions, check, update_options

DEFAULT = TaskOptions()


def options(**changes: Any) -> TaskOptions:  # noqa: ANN401
    return update_options(DEFAULT, changes)


def test_a_task_asks_for_one_cpu_and_three_retries_as_in_ray() -> None:
    assert DEFAULT.demand() == (("CPU", 10_000),)
    assert DEFAULT.max_retries == 3
    assert DEFAULT.num_returns is None


def test_resources_add_up_to_the_demand() -> None:
    asked = options(num_cpus=0.5, num_gpus=1, resources={"disk": 2})
    assert asked.demand() == (("CPU", 5_000), ("GPU", 10_000), ("disk", 20_000))


def test_options_are_changed_one_by_one_and_none_means_unchanged() -> None:
    first = options(num_cpus=2, name="a name")
    second = update_options(first, {"num_returns": 3, "num_cpus": None})
    assert (second.num_cpus, second.num_returns, second.name) == (2, 3, "a name")
    assert first.num_returns is None


def test_the_old_name_for_several_results_is_taken() -> None:
    assert options(num_return_vals=2).num_returns == 2


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("num_cpu", "num_cpus"), ("max_retry", "max_retries"), ("retry_exception", "retry_exceptions")],
)
def test_an_unknown_option_is_an_error_that_names_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"Invalid option keyword {wrong} .*Did you mean '{nearest}'"):
        options(**{wrong: 1})


def test_an_option_like_no_other_is_an_error_that_lists_them_all() -> None:
    with pytest.raises(ValueError, match=r"zzz.*max_retries.*num_cpus.*num_returns"):
        options(zzz=1)


def test_an_option_of_rays_without_meaning_here_is_accepted() -> None:
    assert options(label_selector={}, _labels={"a": "b"}) == DEFAULT


@pytest.mark.parametrize("key", ["num_cpus", "num_gpus"])
@pytest.mark.parametrize("value", ["2", True, [1]])
def test_an_amount_that_is_no_number_is_a_type_error_that_shows_it(key: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"'{key}' must be .*<class 'float'>, <class 'int'>"):
        options(**{key: value})


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), 0.00001])
def test_an_amount_that_makes_no_sense_is_a_value_error(value: float) -> None:
    with pytest.raises(ValueError, match=r"CPU|num_cpus"):
        options(num_cpus=value)
    with pytest.raises(ValueError, match="disk"):
        options(resources={"disk": value})


@pytest.mark.parametrize("value", [1, "disk", ["disk"], {"disk": "1"}, {"disk": True}])
def test_resources_of_another_kind_are_a_type_error_that_shows_them(value: object) -> None:
    with pytest.raises(TypeError, match=r"resources.*must be.*but received type"):
        options(resources=value)


def test_cpus_among_the_other_resources_are_refused_with_the_right_way() -> None:
    with pytest.raises(ValueError, match="num_cpus"):
        options(resources={"CPU": 1})


@pytest.mark.parametrize("key", ["num_returns", "max_retries"])
@pytest.mark.parametrize(("value", "error"), [(-2, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_count_that_makes_no_sense_is_an_error_that_names_it(
    key: str, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=key):
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


@pytest.mark.parametrize("value", [[int], ["ValueError"], [ValueError()], [BaseException]])
def test_a_list_of_something_else_than_exceptions_to_retry_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match="retry_exceptions must be"):
        options(retry_exceptions=value)


@pytest.mark.parametrize("value", [5, ValueError, "ValueError"])
def test_exceptions_to_retry_that_are_no_list_are_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="'retry_exceptions' must be"):
        options(retry_exceptions=value)


def test_memory_and_an_accelerator_type_are_resources_as_in_ray() -> None:
    assert options(memory=1000, accelerator_type="A100").demand() == (
        ("CPU", 10_000),
        ("accelerator_type:A100", 10),
        ("memory", 10_000_000),
    )


@pytest.mark.parametrize("value", ["streaming", "dynamic", 0, 7])
def test_the_number_of_results_may_be_open(value: int | str) -> None:
    assert options(num_returns=value).num_returns == value
    with pytest.raises(ValueError, match="'streaming'"):
        options(num_returns="stream")


def test_some_options_belong_to_the_decorator_alone() -> None:
    assert options(max_calls=5).max_calls == 5
    with pytest.raises(ValueError, match=r"Setting 'max_calls' is not supported in '\.options\(\)'"):
        update_options(DEFAULT, {"max_calls": 5}, in_options=True)


def test_an_option_without_effect_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    minray_options._told.clear()
    with caplog.at_level("INFO", "minray"):
        for _ in range(3):
            options(_labels={"zone": "a"})
    assert [record.message for record in caplog.records] == [
        "The option _labels={'zone': 'a'} has no effect in minray."
    ]


def actor(**changes: Any) -> None:  # noqa: ANN401
    check(ACTOR, changes, "actors")


def test_actors_have_options_of_their_own() -> None:
    actor(max_restarts=-1, lifetime="detached", namespace="n", name="a", get_if_exists=True, memory=5)
    for wrong, message in [
        ({"num_returns": 2}, "Invalid option keyword num_returns for actors"),
        ({"lifetime": "long"}, "'detached', 'non_detached'"),
        ({"get_if_exists": True}, "name must be specified"),
        ({"max_concurrency": -1}, "max_concurrency"),
        ({"max_restarts": -2}, "-1 represents infinity"),
    ]:
        with pytest.raises(ValueError, match=message):
            actor(**wrong)
    with pytest.raises(TypeError, match="namespace"):
        actor(namespace=1)


def test_a_placement_group_is_given_in_one_way_only() -> None:
    with pytest.raises(ValueError, match="scheduling_strategy option"):
        actor(placement_group=object(), scheduling_strategy="SPREAD")


def test_parts_of_several_devices_are_refused_when_the_task_is_submitted() -> None:
    for wrong in ({"num_gpus": 1.5}, {"resources": {"TPU": 2.5}}):
        with pytest.raises(ValueError, match="must be whole numbers"):
            options(**wrong).demand()
    assert options(num_cpus=1.5, num_gpus=2.0, resources={"disk": 2.5}).demand()


def test_parts_of_bytes_are_dropped() -> None:
    assert options(num_cpus=0, memory=2.9).demand() == (("memory", 20_000),)
    assert options(num_cpus=0, memory=0.5).demand() == ()
