"""What is left out of Ray says so; what does not exist anywhere is an ordinary error."""

import importlib

import pytest

import minray
from minray import left_out


@pytest.mark.parametrize("name", ["data", "serve", "java_function", "dag", "_raylet", "client"])
def test_a_name_of_rays_that_is_left_out_says_so_and_names_the_engine_switch(name: str) -> None:
    with pytest.raises(left_out.LeftOutError, match=rf"ray\.{name} is not part of minray: .*`import ray`"):
        getattr(minray, name)


def test_a_name_that_ray_does_not_have_either_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'dta'") as caught:
        _ = minray.dta
    assert type(caught.value) is AttributeError


def test_programs_can_ask_whether_something_is_there() -> None:
    assert not hasattr(minray, "data")
    assert getattr(minray, "serve", None) is None
    assert hasattr(minray, "get")


@pytest.mark.parametrize("module", ["data", "serve", "util.collective", "util.client", "tune"])
def test_importing_a_module_that_is_left_out_says_so(module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=rf"ray\.{module} is not part of minray"):
        importlib.import_module(f"minray.{module}")


@pytest.mark.parametrize(
    "statement",
    ["from minray import data", "from minray.train import torch", "from minray.util import collective"],
)
def test_every_way_to_import_says_so(statement: str) -> None:
    with pytest.raises(ImportError, match="is not part of minray"):
        exec(statement)


@pytest.mark.parametrize("statement", ["import minray.nothing", "from minray import nothing"])
def test_importing_what_does_not_exist_is_an_ordinary_error(statement: str) -> None:
    with pytest.raises(ImportError, match="nothing") as caught:
        exec(statement)
    assert "not part of minray" not in str(caught.value)


def test_everything_that_is_left_out_is_indeed_not_there() -> None:
    for name in left_out.LEFT_OUT:
        *packages, last = name.split(".")
        try:
            module = importlib.import_module(".".join(["minray", *packages]))
        except ModuleNotFoundError:
            continue
        assert not hasattr(module, last), name
