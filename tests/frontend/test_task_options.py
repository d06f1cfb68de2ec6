"""Options that change where and how a task runs (runtime_env, num_gpus, max_calls), with real workers."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import minray
from minray.exceptions import RuntimeEnvSetupError
from minray.runtime_env import RuntimeEnv
from runtime_tools import wait_for_rows


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """A session with GPUs and an environment, shared by this file's tests."""
    environment = {"env_vars": {"JOB": "job", "BOTH": "job"}}
    minray.init(num_cpus=2, num_gpus=2, include_dashboard=False, runtime_env=environment)
    yield minray
    minray.shutdown()


@minray.remote
def variables(*names: str) -> list[str | None]:
    return [os.environ.get(name) for name in names]


@minray.remote
def pid() -> int:
    return os.getpid()


def with_variables(**values: str) -> dict[str, Any]:
    return {"runtime_env": {"env_vars": values}}


def test_a_task_has_the_variables_of_the_job_and_its_own(ray: ModuleType) -> None:
    plain = variables.remote("JOB", "BOTH", "TASK")
    own = variables.options(**with_variables(BOTH="task", TASK="${JOB}!")).remote("JOB", "BOTH", "TASK")
    assert ray.get(plain) == ["job", "job", None]
    assert ray.get(own) == ["job", "task", "job!"]
    assert "JOB" not in os.environ


def test_nested_tasks_inherit_the_environment(ray: ModuleType) -> None:
    @ray.remote(runtime_env=RuntimeEnv(env_vars={"TASK": "outer"}))
    def outer() -> list[list[str | None]]:
        inner = variables.options(**with_variables(BOTH="inner"))
        return ray.get([variables.remote("JOB", "TASK"), inner.remote("BOTH", "TASK")])

    assert ray.get(outer.remote()) == [["job", "outer"], ["inner", "outer"]]


def test_a_function_that_was_called_before_runs_in_the_environment_of_whoever_calls_it_next(
    ray: ModuleType,
) -> None:
    @ray.remote
    def inner() -> str | None:
        return os.environ.get("TASK")

    @ray.remote(runtime_env=RuntimeEnv(env_vars={"TASK": "outer"}))
    def outer() -> str | None:
        value: str | None = ray.get(inner.remote())
        return value

    assert ray.get(inner.remote()) is None
    assert ray.get(outer.remote()) == "outer"


def test_workers_are_shared_within_an_environment_and_by_no_other(ray: ModuleType) -> None:
    first, again = (ray.get(pid.options(**with_variables(A="1")).remote()) for _ in range(2))
    other, plain = ray.get(pid.options(**with_variables(A="2")).remote()), ray.get(pid.remote())
    assert first == again
    assert len({first, other, plain}) == 3


def test_a_folder_is_the_current_one_of_the_task_alone(ray: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "found_there.py").write_text("value = 5")

    @ray.remote
    def look() -> tuple[str, int | None]:
        try:
            import found_there
        except ModuleNotFoundError:
            return os.getcwd(), None
        return os.getcwd(), found_there.value

    inside = look.options(runtime_env={"working_dir": str(tmp_path)}).remote()
    assert ray.get(inside) == (str(tmp_path.resolve()), 5)
    assert ray.get(look.remote()) == (os.getcwd(), None)


def test_a_folder_that_went_away_is_the_tasks_error(ray: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    task = pid.options(runtime_env={"working_dir": str(folder)})
    folder.rmdir()
    with pytest.raises(RuntimeEnvSetupError, match="gone"):
        ray.get(task.remote())


def test_gpus_have_ids_that_cuda_sees(ray: ModuleType) -> None:
    @ray.remote
    def which() -> tuple[list[int], str | None, int]:
        return ray.get_gpu_ids(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()

    ids, visible, gpu_worker = ray.get(which.options(num_gpus=2).remote())
    assert (ids, visible) == ([0, 1], "0,1")
    ids, visible, _ = ray.get(which.options(num_gpus=0.5).remote())
    assert (ids, visible) == ([0], "0")
    ids, visible, plain_worker = ray.get(which.remote())
    assert (ids, visible) == ([], None)
    assert plain_worker != gpu_worker
    assert ray.get_gpu_ids() == []


def test_memory_is_a_resource(ray: ModuleType) -> None:
    @ray.remote(memory=10**6, num_cpus=0)
    def held() -> dict[str, float]:
        resources: dict[str, float] = ray.get_runtime_context().get_assigned_resources()
        return resources

    assert ray.get(held.remote()) == {"memory": 1e6}
    assert ray.cluster_resources()["memory"] > 1e6


def test_a_worker_leaves_after_max_calls_and_nothing_is_lost(ray: ModuleType) -> None:
    @ray.remote(max_calls=3)
    def worker_of(_number: int) -> int:
        return os.getpid()

    workers: list[int] = ray.get([worker_of.remote(number) for number in range(20)])
    assert all(workers.count(worker) <= 3 for worker in workers)
    wait_for_rows("SELECT 1 FROM worker_events WHERE detail LIKE 'left after max_calls%'", count=6)


def test_references_made_in_a_worker_that_left_live_on(ray: ModuleType) -> None:
    @ray.remote(max_calls=1)
    def nested() -> list[minray.ObjectRef]:
        return [variables.remote("JOB"), ray.put(bytes(300_000))]

    task, large = ray.get(nested.remote())
    assert ray.get(task) == ["job"]
    assert len(ray.get(large)) == 300_000


def test_a_worker_with_a_gpu_leaves_after_one_call_unless_told_otherwise(ray: ModuleType) -> None:
    def process_of() -> int:
        return os.getpid()

    once, often = ray.remote(num_gpus=0.5)(process_of), ray.remote(num_gpus=0.5, max_calls=0)(process_of)
    assert len({ray.get(once.remote()) for _ in range(2)}) == 2
    assert len({ray.get(often.remote()) for _ in range(2)}) == 1


def test_a_function_that_holds_too_much_is_refused(ray: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minray.core_worker.submission.MOST_FUNCTION_BYTES", 1000)
    large = bytes(2000)

    @ray.remote
    def holder() -> int:
        return len(large)

    with pytest.raises(ValueError, match=r"The remote function .*holder is too large.*put"):
        holder.remote()


def test_arguments_and_options_may_come_in_one_call(ray: ModuleType) -> None:
    @ray.remote
    def add(one: int, other: int = 1) -> tuple[int, str]:
        return one + other, ray.get_runtime_context().get_task_name()

    assert ray.get(add._remote([1], {"other": 2}, name="sum")) == (3, "sum")
    assert ray.get(add._remote([1])) == (2, "add")
