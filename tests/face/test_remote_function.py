"""Remote functions: what they look like, and that calls fit their signatures."""

import functools
import pickle
from typing import Any

import cloudpickle
import pytest

from minray.frontend.options import TaskOptions
from minray.remote_function import BoundOptions, RemoteFunction

DEFAULT = TaskOptions()


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
    wrapped._signature.check("f", (1,), {})
    wrapped._signature.check("f", (1, 2), {})
    wrapped._signature.check("f", (), {"one": 1})
    wrapped._signature.check("f", (1,), {"factor": 2})


def test_calls_of_functions_of_every_kind_are_checked() -> None:
    remote(lambda *args, **kwargs: None)._signature.check("f", (1, 2, 3), {"any": 4})
    remote(functools.partial(add, 1))._signature.check("f", (2,), {})
    remote(max)._signature.check("f", (), {"built": "in", "without": "a signature"})
    positional = remote(lambda one, /: None)
    positional._signature.check("f", (1,), {})
    with pytest.raises(TypeError, match="remote"):
        positional._signature.check("f", (), {"one": 1})
    keyword_only = remote(lambda *, one: None)
    keyword_only._signature.check("f", (), {"one": 1})
    with pytest.raises(TypeError, match="remote"):
        keyword_only._signature.check("f", (1,), {})


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
    wrapped._signature.check("f", (1,), {})
    copy = pickle.loads(cloudpickle.dumps(wrapped))
    assert copy._id == wrapped._id
    copy._signature.check("f", (1,), {})
    with pytest.raises(TypeError):
        copy._signature.check("f", (), {})


def test_two_definitions_are_two_functions() -> None:
    assert remote(add)._id != remote(add)._id
