"""Functions as bytes and back: what cannot travel is named, and their modules are found again."""

import sys
import threading
from pathlib import Path
from types import CodeType
from typing import Any

import cloudpickle
import pytest

from minray.values.functions import deserialize_function, serialize_function
from minray.values.serialization import deserialize, serialize


def uses_nothing() -> None:
    pass


def test_a_function_is_told_which_of_its_variables_cannot_travel() -> None:
    lock, harmless = threading.Lock(), 3

    def task() -> object:
        return lock, harmless

    with pytest.raises(TypeError) as caught:
        serialize_function(task, "my_task")
    for words in ("'my_task'", "it uses the variable 'lock' (a lock) (", "where they are used"):
        assert words in str(caught.value)


def test_a_function_is_told_which_global_variable_cannot_travel() -> None:
    space: dict[str, Any] = {"LOCK": threading.Lock(), "__name__": "__main__"}
    exec("def task():\n    def inner():\n        return LOCK\n    return inner", space)
    with pytest.raises(TypeError, match="the global variable 'LOCK' \\(a lock\\)"):
        serialize_function(space["task"], "task")


def test_a_default_argument_that_cannot_travel_is_an_error_with_advice() -> None:
    def task(lock: object = threading.Lock()) -> object:
        return lock

    with pytest.raises(TypeError, match="another process"):
        serialize_function(task, "task")


def test_an_unassigned_variable_does_not_get_in_the_way_of_the_message() -> None:
    lock = threading.Lock()

    def task() -> object:
        return lock, later

    with pytest.raises(TypeError, match="'lock'"):
        serialize_function(task, "task")
    later = 1
    assert later


def test_a_function_that_can_travel_comes_back() -> None:
    factor = 2

    def double(number: int) -> int:
        return number * factor

    assert deserialize_function(serialize_function(double, "double"))(21) == 42


def test_a_function_keeps_the_name_of_its_file_even_if_cloudpickle_leaves_that_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As version 3.1.3 does: then the traceback of a task could not show its code."""
    dispatch_table = cloudpickle.CloudPickler.dispatch_table
    make, place = dispatch_table[CodeType], 10  # among what a code object is made of

    def without_the_name(code: CodeType) -> tuple[Any, ...]:
        function, parts = make(code)
        return function, (*parts[:place], "<dynamic-code>", *parts[place + 1 :])

    monkeypatch.setitem(dispatch_table, CodeType, without_the_name)
    namespace: dict[str, Any] = {}
    exec(compile("def outer():\n    return lambda: 1 / 0", "a_lesson.py", "exec"), namespace)
    for copy in (
        deserialize_function(serialize_function(namespace["outer"], "outer")),
        deserialize(serialize([namespace["outer"]]).to_bytes())[0],
    ):
        assert copy.__code__.co_filename == "a_lesson.py"
        assert copy().__code__.co_filename == "a_lesson.py", "and so do functions inside it"


def test_a_function_takes_along_where_its_modules_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    data = serialize_function(uses_nothing, "uses_nothing")
    monkeypatch.setattr("sys.path", [folder for folder in sys.path if folder != str(tmp_path)])
    deserialize_function(data)
    deserialize_function(data)
    assert sys.path.count(str(tmp_path)) == 1
