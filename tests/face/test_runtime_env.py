"""Runtime environments as data: checks, merging, and what they do to a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minray.exceptions import RuntimeEnvSetupError
from minray.runtime_env import RuntimeEnv, RuntimeEnvConfig, from_text, merge, to_text


def test_an_environment_is_the_same_text_however_it_is_written() -> None:
    one = to_text({"env_vars": {"A": "1", "B": "2"}, "excludes": ["x"]})
    other = to_text(RuntimeEnv(excludes=["x"], env_vars={"B": "2", "A": "1"}))
    assert one == other
    assert from_text(one) == {"env_vars": {"A": "1", "B": "2"}, "excludes": ["x"]}
    assert RuntimeEnv.deserialize(RuntimeEnv(env_vars={"A": "1"}).serialize()) == {"env_vars": {"A": "1"}}


@pytest.mark.parametrize("empty", [None, {}, {"env_vars": {}}, RuntimeEnv(), {"working_dir": None}])
def test_an_empty_environment_is_no_environment(empty: dict[str, Any] | None) -> None:
    assert to_text(empty) == ""


def test_an_inner_environment_counts_and_the_variables_of_both() -> None:
    outer = to_text({"env_vars": {"JOB": "j", "BOTH": "job"}, "excludes": ["job"]})
    inner = to_text({"env_vars": {"TASK": "t", "BOTH": "task"}, "excludes": ["task"]})
    assert json.loads(merge(outer, inner)) == {
        "env_vars": {"JOB": "j", "BOTH": "task", "TASK": "t"},
        "excludes": ["task"],
    }
    assert merge(outer, "") == merge("", outer) == outer


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"env_vars": {"A": 1}}, TypeError, r"Dict\[str, str\], but the value 1"),
        ({"env_vars": {1: "A"}}, TypeError, r"Dict\[str, str\], but the key 1"),
        ({"env_vars": ["A"]}, TypeError, r"Dict\[str, str\], got"),
        ({"working_dir": 1}, TypeError, "must be a string"),
        ({"working_dir": "/not/there"}, ValueError, "/not/there is not a valid path"),
        ({"working_dir": "s3://bucket/file.zip"}, ValueError, "local folders only.*`import ray`"),
        ({"py_modules": "."}, TypeError, "must be a list"),
        ({"py_modules": ["/not/there"]}, ValueError, "not a valid path"),
        ({"py_modules": [1]}, TypeError, "strings or modules"),
        ({"excludes": "x"}, TypeError, "List"),
        ({"config": {"setup_timeout_seconds": 0}}, ValueError, "greater than 0"),
        ({"config": {"setup_timeout_seconds": "10"}}, TypeError, "must be an int"),
        ({"worker_process_setup_hook": 1}, TypeError, "must be a function"),
        ({"pip": ["numpy"]}, ValueError, "'pip' of runtime_env is not part of minray.*`import ray`"),
        ({"conda": "env"}, ValueError, "installs no packages"),
        ({"image_uri": "x"}, ValueError, "containers"),
        ({"env_var": {}}, ValueError, "no field 'env_var'. Did you mean 'env_vars'"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    wrong: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        to_text(wrong)
    with pytest.raises(error, match=text):
        RuntimeEnv(**wrong)


def test_the_configuration_has_rays_defaults() -> None:
    assert RuntimeEnv(config={"setup_timeout_seconds": -1})["config"]["setup_timeout_seconds"] == -1
    assert RuntimeEnvConfig() == {"setup_timeout_seconds": 600, "eager_install": True, "log_files": []}


def test_a_hook_that_cannot_be_pickled_is_refused_at_once() -> None:
    stream = sys.stdout.buffer if hasattr(sys.stdout, "buffer") else open(os.devnull)  # noqa: SIM115
    with pytest.raises(RuntimeEnvSetupError, match="Failed to export the setup function"):
        to_text({"worker_process_setup_hook": lambda: print(stream)})


def applied(environment: dict[str, Any], code: str) -> str:
    """What code prints in a new process that the environment has been applied to."""
    program = f"from minray.runtime_env import apply\nerror = apply({to_text(environment)!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_variables_are_set_and_may_build_on_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "outer")
    environment = {"env_vars": {"PLAIN": "1", "BUILT": "${OUTER}:inner"}}
    code = "import os; print(os.environ['PLAIN'], os.environ['BUILT'])"
    assert applied(environment, code) == "1 outer:inner"


def test_the_folder_is_the_current_one_and_has_modules(tmp_path: Path) -> None:
    (tmp_path / "of_the_folder.py").write_text("x = 5")
    code = "import os, of_the_folder; print(os.getcwd(), of_the_folder.x)"
    assert applied({"working_dir": str(tmp_path)}, code) == f"{tmp_path.resolve()} 5"


def test_packages_can_be_imported_by_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "sent_package").mkdir()
    (tmp_path / "sent_package" / "__init__.py").write_text("y = 6")
    environment = {"py_modules": [str(tmp_path / "sent_package")]}
    assert applied(environment, "import sent_package; print(sent_package.y)") == "6"


def test_a_hook_is_called_and_its_failure_told(tmp_path: Path) -> None:
    assert applied({"worker_process_setup_hook": lambda: print("called")}, "") == "called"
    assert applied({"worker_process_setup_hook": "os.getcwd"}, "print(error)") == ""
    assert "Failed to execute the setup hook method. AttributeError" in applied(
        {"worker_process_setup_hook": "os.nothing"}, "print(error)"
    )


def test_a_folder_that_has_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    text = to_text({"working_dir": str(folder)})
    folder.rmdir()
    code = f"from minray.runtime_env import apply; print(apply({text!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "was there when the task was submitted" in done.stdout
