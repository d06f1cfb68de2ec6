"""`get_runtime_context` in the driver and in tasks."""

import os
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import minray
from minray.wire.ids import JobID, NodeID, TaskID


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """A session that this file's tests share."""
    minray.init(num_cpus=2, num_gpus=1, include_dashboard=False, namespace="lesson")
    yield minray
    minray.shutdown()


@minray.remote
def seen() -> dict[str, Any]:
    """What a task sees of itself."""
    context = minray.get_runtime_context()
    return {
        "job": context.get_job_id(),
        "node": context.get_node_id(),
        "worker": context.get_worker_id(),
        "task": context.get_task_id(),
        "task name": context.get_task_name(),
        "function name": context.get_task_function_name(),
        "actor": context.get_actor_id(),
        "actor name": context.get_actor_name(),
        "group": context.get_placement_group_id(),
        "resources": context.get_assigned_resources(),
        "accelerators": context.get_accelerator_ids(),
        "namespace": context.namespace,
        "session": context.get_session_name(),
        "pid": context.get_pid(),
    }


def test_a_task_sees_itself(ray: ModuleType) -> None:
    ref = seen.options(name="a name", num_cpus=0.5, num_gpus=1).remote()
    found = ray.get(ref)
    assert found["task name"] == "a name"
    assert found["function name"].endswith("test_runtime_context.seen")
    assert ref.hex().startswith(found["task"])
    assert found["resources"] == {"CPU": 0.5, "GPU": 1.0}
    assert {kind: ids for kind, ids in found["accelerators"].items() if ids} == {"GPU": ["0"]}
    assert [found[name] for name in ("actor", "actor name", "group")] == [None, None, None]
    assert found["pid"] != os.getpid()


def test_a_task_and_its_driver_agree_where_they_are(ray: ModuleType) -> None:
    context, found = ray.get_runtime_context(), ray.get(seen.remote())
    assert found["job"] == context.get_job_id()
    assert found["node"] == context.get_node_id() == ray.nodes()[0]["NodeID"]
    assert found["worker"] != context.get_worker_id()
    assert found["session"] == context.get_session_name()
    assert found["namespace"] == context.namespace == "lesson"


def test_the_driver_runs_no_task(ray: ModuleType) -> None:
    context = ray.get_runtime_context()
    for value in (
        context.get_task_id(),
        context.get_task_name(),
        context.get_task_function_name(),
        context.get_actor_id(),
        context.get_actor_name(),
        context.get_placement_group_id(),
    ):
        assert value is None
    with pytest.raises(AssertionError, match="only available when the process is a worker"):
        context.get_assigned_resources()
    with pytest.raises(AssertionError, match="only available when the process is a worker"):
        _ = context.was_current_actor_reconstructed


def test_the_older_names_give_ids_as_objects_and_a_warning(ray: ModuleType) -> None:
    context = ray.get_runtime_context()
    with pytest.warns(DeprecationWarning, match=r"Use get_job_id\(\) instead"):
        assert context.job_id == JobID.from_hex(context.get_job_id())
    with pytest.warns(DeprecationWarning, match=r"Use get_node_id\(\) instead"):
        assert context.node_id == NodeID.from_hex(context.get_node_id())
    with pytest.warns(DeprecationWarning, match="get_xxx_id"):
        ids = context.get()
    assert set(ids) == {"job_id", "node_id", "namespace"}

    @ray.remote
    def ids_in_a_task() -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: dict[str, Any] = ray.get_runtime_context().get()
        return found

    inside = ray.get(ids_in_a_task.remote())
    assert isinstance(inside["task_id"], TaskID)
    assert inside["job_id"] == ids["job_id"]
