"""The state API in a running session: what has happened is seen at once, by drivers and by tasks."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minray as ray
from minray.util import state
from runtime_tools import Gate, session, session_dir, wait_for_rows


@pytest.fixture(scope="module", autouse=True)
def two_cpus() -> Iterator[None]:
    with session(num_cpus=2, log_to_driver=False):
        yield


@ray.remote
def square(n: int) -> int:
    return n * n


def one(**wanted: object) -> Any:  # noqa: ANN401
    """The only task that fulfils these conditions."""
    (task,) = state.list_tasks(filters=[(key, "=", value) for key, value in wanted.items()], detail=True)
    return task


def test_what_has_happened_is_seen_at_once() -> None:
    for number in range(20):
        ray.get(square.options(name=f"square {number}").remote(number))
        assert one(name=f"square {number}").state == "FINISHED"


def test_every_stage_of_a_task_has_its_state(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote(num_cpus=2)
    def wait_there(_: int) -> None:
        gate.wait()

    running = wait_there.options(name="running").remote(0)
    queued = wait_there.options(name="queued").remote(1)
    waiting = wait_there.options(name="waiting").remote(running)
    gate.wait_for_visitors()
    task = one(name="running")
    assert (task.state, task.end_time_ms) == ("RUNNING", None)
    assert task.worker_pid in {worker.pid for worker in state.list_workers()}
    assert task.required_resources == {"CPU": 2.0}
    assert one(name="queued").state == "PENDING_NODE_ASSIGNMENT"
    assert (one(name="waiting").state, one(name="waiting").node_id) == ("PENDING_ARGS_AVAIL", None)
    types = {entry.reference_type for entry in state.get_objects(running.hex())}
    assert types == {"USED_BY_PENDING_TASK"}
    gate.open()
    ray.get([running, queued, waiting])
    assert one(name="running").state == "FINISHED"


def test_a_task_sees_itself_and_its_parent() -> None:
    @ray.remote
    def child() -> tuple[str, str]:
        me = state.get_task(ray.get_runtime_context().get_task_id())
        return me.state, me.parent_task_id

    @ray.remote
    def parent() -> tuple[tuple[str, str], str]:
        return ray.get(child.remote()), ray.get_runtime_context().get_task_id()

    (child_state, parent_id), own_id = ray.get(parent.remote())
    assert (child_state, parent_id) == ("RUNNING", own_id)


def test_a_task_that_waits_for_another_runs_to_the_state_api_as_to_rays(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def inner() -> None:
        gate.wait()

    @ray.remote
    def outer() -> None:
        ray.get(inner.options(name="the inner one").remote())

    ref = outer.options(name="the outer one").remote()
    gate.wait_for_visitors()
    wait_for_rows("SELECT 1 FROM task_states WHERE state = 'RUNNING_IN_RAY_GET'")
    assert one(name="the outer one").state == "RUNNING"
    assert one(name="the outer one", state="RUNNING").name == "the outer one"
    gate.open()
    ray.get(ref)
    events = [event["state"] for event in one(name="the outer one").events]
    assert events.count("RUNNING") == 1
    assert not [name for name in events if name.startswith("RUNNING_IN")]


def test_failures_say_what_kind_they_were() -> None:
    @ray.remote(max_retries=0)
    def divide(by: int) -> float:
        return 1 / by

    with pytest.raises(ZeroDivisionError):
        ray.get(divide.options(name="raises").remote(0))
    assert one(name="raises").error_type == "TASK_EXECUTION_EXCEPTION"
    assert "division by zero" in one(name="raises").error_message
    reference = square.options(name="cancelled", num_cpus=100).remote(1)
    ray.cancel(reference)
    with pytest.raises(ray.exceptions.TaskCancelledError):
        ray.get(reference)
    assert one(name="cancelled").error_type == "TASK_CANCELLED"


def test_objects_and_their_sizes() -> None:
    large, small = ray.put(np.zeros(100_000)), ray.put(1)
    (entry,) = state.get_objects(large.hex())
    assert entry.object_size > 800_000
    assert (entry.type, entry.reference_type) == ("DRIVER", "LOCAL_REFERENCE")
    holder = ray.put([small])
    key = small.hex()
    del small
    assert [entry.reference_type for entry in state.get_objects(key)] == ["CAPTURED_IN_OBJECT"]
    del holder
    assert state.get_objects(key) == []
    assert state.summarize_objects()["cluster"]["total_objects"] >= 1


def test_what_a_task_printed_is_there() -> None:
    @ray.remote
    def talk() -> None:
        print("hello")

    reference = talk.remote()
    ray.get(reference)
    assert "".join(state.get_log(task_id=reference.task_id().hex())) == "hello\n"


def test_ids_are_those_of_the_runtime_context() -> None:
    context = ray.get_runtime_context()
    assert state.get_node(context.get_node_id()).state == "ALIVE"  # type: ignore[union-attr]
    assert state.get_worker(context.get_worker_id()).worker_type == "DRIVER"  # type: ignore[union-attr]
    assert state.get_job(context.get_job_id()).status == "RUNNING"  # type: ignore[union-attr]


def test_a_running_session_can_be_asked_by_its_folder_too() -> None:
    ray.get(square.remote(3))
    here = state.list_tasks(limit=1)
    assert state.list_tasks(str(session_dir()), limit=1) == here


class Teller:
    """An actor with a name of its own."""

    def __init__(self, name: str = "teller") -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def say(self, word: str) -> None:
        print(word)

    def fail(self) -> None:
        raise ValueError("no")


def test_an_actor_is_listed_from_its_birth_to_its_death() -> None:
    actor = ray.remote(Teller).options(name="known", num_cpus=1).remote("anna")
    ray.get(actor.say.remote("hello"))
    found = state.get_actor(actor._actor_id.hex())
    assert found is not None
    assert (found.state, found.class_name, found.name, found.repr_name) == (
        "ALIVE",
        "Teller",
        "known",
        "anna",
    )
    assert found.required_resources == {"CPU": 1.0}
    assert state.list_actors(filters=[("class_name", "=", "teller"), ("state", "=", "DEAD")]) == []
    objects = [entry.reference_type for entry in state.list_objects()]
    assert "ACTOR_HANDLE" in objects
    ray.kill(actor)
    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(actor.say.remote("too late"))
    dead = state.get_actor(actor._actor_id.hex())
    assert dead is not None
    assert (dead.state, dead.pid) == ("DEAD", found.pid)
    assert "ray.kill" in str(dead.death_cause)
    assert state.summarize_actors()["cluster"]["summary"]["Teller"]["state_counts"]["DEAD"] >= 1


def test_an_actors_tasks_are_listed_with_it_and_carry_its_name() -> None:
    actor = ray.remote(Teller).remote("berta")
    ray.get(actor.say.options(name="custom").remote("one"))
    ray.get(actor.say.remote("two"))
    with pytest.raises(ValueError, match="no"):
        ray.get(actor.fail.remote())
    actor_id = actor._actor_id.hex()
    made, *calls = state.list_tasks(filters=[("actor_id", "=", actor_id)])
    assert (made.type, made.func_or_class_name) == ("ACTOR_CREATION_TASK", "Teller.__init__")
    assert [(call.name, call.func_or_class_name, call.state) for call in calls] == [
        ("custom", "Teller.say", "FINISHED"),
        ("berta.say", "Teller.say", "FINISHED"),
        ("berta.fail", "Teller.fail", "FAILED"),
    ]
    assert state.list_tasks(filters=[("name", "=", "berta.fail")]) == calls[2:]
    assert "".join(state.get_log(actor_id=actor_id)) == "one\ntwo\n"


def test_an_error_in_the_last_task_of_a_worker_is_told_beside_the_workers_end() -> None:
    @ray.remote(max_calls=1, max_retries=0)
    def last() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        ray.get(last.remote())
    message = one(name=last.__name__).error_message
    assert message.startswith(f"User exception:\nray::{last.__name__}() (pid=")
    assert "KeyError: 'gone'\n\nSystem error:\nIntentionalSystemExit: Worker exits" in message
    assert message.endswith("reached max_calls=1 for this method.")


def test_the_state_api_can_be_had_under_its_old_name() -> None:
    with pytest.warns(DeprecationWarning, match=r"use ray\.util\.state"):
        api = importlib.import_module("minray.experimental.state.api")
    assert api.list_tasks is state.list_tasks
