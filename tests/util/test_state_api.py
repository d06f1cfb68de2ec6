"""The state API on event stores written by hand: which rows, which columns, which filters."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.gcs.schema import TaskState
from minray.gcs.store import EventWriter
from minray.util import state
from minray.util.state.common import ActorState, NodeState, WorkerState
from minray.util.state.exception import RayStateApiException, ServerUnavailable
from minray.util.state.filters import checked, matches
from steps import one_step_each

NODE = "0b" * 28
DONE = [TaskState.PENDING_ARGS_AVAIL, TaskState.SUBMITTED_TO_WORKER, TaskState.RUNNING, TaskState.FINISHED]
FAILED = [*DONE[:-1], TaskState.FAILED]


class Recording:
    """An event store with one node, driver 3, and workers 1 (alive) and 2 (dead)."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._writer = EventWriter(path)
        self._ts = 100.0
        self.write(
            meta=[("entrypoint", "lesson.py")],
            nodes=[(0, NODE, "127.0.0.1", json.dumps({"CPU": 2.0}))],
            node_events=[(0, "ALIVE", 99.0, "")],
            workers=[(number, f"{number:056x}", 0, 1000 + number, "WORKER") for number in (1, 2)]
            + [(3, f"{3:056x}", 0, 999, "DRIVER")],
            worker_events=[(number, "IDLE", 99.5, "") for number in (1, 2, 3)]
            + [(2, "DEAD", 200.0, "was killed by signal 9")],
            task_specs=[(1, 3, "square", json.dumps({"CPU": 1.0}), None), (2, 3, "cube", "{}", "ab")],
        )

    def write(self, **rows: list[tuple[Any, ...]]) -> None:
        self._writer.write(rows)

    def task(
        self,
        number: int,
        states: list[TaskState],
        *,
        name: str = "square",
        attempt: int = 0,
        worker: int = 1,
        parent: int | None = None,
        spec: int = 1,
    ) -> None:
        """A task, or one more attempt of it, that goes through these states, a second each."""
        row = (number, f"{number:048x}", name, parent, 3, 1.0, self._ts, "NORMAL_TASK", None, spec)
        changes = []
        for entered in states:
            self._ts += 1
            where = worker if entered >= TaskState.SUBMITTED_TO_WORKER else None
            changes.append((number, attempt, int(entered), self._ts, where))
        self.write(tasks=[row], task_steps=one_step_each(changes))

    def list(self, *filters: Any, **more: Any) -> list[Any]:  # noqa: ANN401
        """The tasks that the state API lists."""
        return state.list_tasks(self.path, list(filters), **more)

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    made = Recording(tmp_path / "session.db")
    yield made
    made.close()


# --- tasks -------------------------------------------------------------------------------------------


def test_a_task_is_an_object_and_a_mapping_with_rays_columns(recording: Recording) -> None:
    recording.task(1, DONE)
    (task,) = recording.list()
    assert task.name == task["name"] == task.get("name") == task.asdict()["name"] == "square"
    assert (task.state, task.attempt_number, task.worker_pid) == ("FINISHED", 0, 1001)
    assert (task.node_id, task.job_id, task.type) == (NODE, "03000000", "NORMAL_TASK")
    assert task.parent_task_id == "f" * 40 + "03000000"
    with pytest.raises(KeyError):
        task["no such column"]


def test_details_are_there_when_asked_for(recording: Recording) -> None:
    recording.task(1, FAILED, spec=2, name="third power")
    recording.write(task_errors=[(1, 0, 103.5, "ValueError", "no good", "Traceback ...")])
    (brief,), (task,) = recording.list(), recording.list(detail=True)
    assert (brief.events, brief.placement_group_id, brief.error_message) == (None, None, None)
    assert brief.error_type == task.error_type == "TASK_EXECUTION_EXCEPTION"
    assert (task.name, task.func_or_class_name) == ("third power", "cube")
    assert (task.creation_time_ms, task.start_time_ms, task.end_time_ms) == (101_000, 103_000, 104_000)
    assert [event["state"] for event in task.events] == [entered.name for entered in FAILED]
    assert "no good" in task.error_message
    assert (task.placement_group_id, task.required_resources) == ("ab", {})


def test_each_attempt_is_an_entry_and_get_task_returns_them_all(recording: Recording) -> None:
    recording.task(1, FAILED, worker=2)
    recording.write(task_errors=[(1, 0, 103.5, "WorkerCrashedError", "died", "")])
    recording.task(1, DONE[1:], attempt=1)
    assert [(task.attempt_number, task.state) for task in recording.list()] == [
        (0, "FAILED"),
        (1, "FINISHED"),
    ]
    assert [task.error_type for task in recording.list()] == ["WORKER_DIED", None]
    found = state.get_task(f"{1:048x}", recording.path)
    assert isinstance(found, list)
    assert [task.attempt_number for task in found] == [0, 1]
    assert state.get_task("00", recording.path) is None


def test_tasks_come_in_the_order_of_submission_up_to_the_limit(recording: Recording) -> None:
    for number in range(1, 6):
        recording.task(number, DONE if number % 2 else DONE[:-1], parent=1 if number > 1 else None)
    assert [int(task.task_id, 16) for task in recording.list()] == [1, 2, 3, 4, 5]
    assert [int(task.task_id, 16) for task in recording.list(limit=2)] == [1, 2]
    assert [int(task.task_id, 16) for task in recording.list(("state", "=", "RUNNING"), limit=1)] == [2]
    assert {task.parent_task_id for task in recording.list()[1:]} == {f"{1:048x}"}
    with pytest.raises(RayStateApiException, match="limit"):
        recording.list(limit=100_000)


COLUMNS = {
    "state": ["FINISHED", "running", "FAILED"],
    "name": ["square", "CUBE", "none"],
    "attempt_number": [0, "1"],
    "worker_pid": [1001, 1002, None],
    "func_or_class_name": ["square", "cube"],
    "error_type": [None, "WORKER_DIED"],
    "job_id": ["03000000", "04000000"],
}
conditions = st.sampled_from(sorted(COLUMNS)).flatmap(
    lambda column: st.tuples(st.just(column), st.sampled_from(["=", "!="]), st.sampled_from(COLUMNS[column]))
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Tasks of all kinds."""
    made = Recording(tmp_path_factory.mktemp("mixed") / "session.db")
    made.task(1, DONE)
    made.task(2, FAILED, worker=2, name="cube", spec=2)
    made.write(task_errors=[(2, 0, 103.5, "WorkerCrashedError", "died", "")])
    made.task(2, DONE[1:-1], attempt=1, name="cube", spec=2)
    made.task(3, DONE[:1], name="cube")
    yield made
    made.close()


@given(st.lists(conditions, max_size=3))
def test_filters_in_sql_choose_what_the_same_filters_in_python_choose(
    mixed: Recording, filters: list[Any]
) -> None:
    everything = mixed.list()
    wanted = [task for task in everything if matches(task.asdict(), checked(filters, type(task)))]
    assert mixed.list(*filters) == wanted


# --- filters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("stat", "=", "RUNNING"), "Did you mean 'state'"),
        (("events", "=", "x"), "not supported"),
        (("state", "<", "RUNNING"), "Unsupported filter predicate"),
        (("state", "RUNNING"), "is a tuple"),
        (("attempt_number", "=", "first"), "whole numbers"),
    ],
)
def test_a_filter_that_makes_no_sense_says_so(recording: Recording, condition: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        recording.list(condition)


@pytest.mark.parametrize(
    ("given_as", "means"), [("true", True), ("False", False), (True, True), ("0", False)]
)
def test_truth_may_be_written_in_words(given_as: object, means: bool) -> None:
    assert checked([("is_alive", "=", given_as)], WorkerState) == [("is_alive", "=", means)]


def test_the_classes_know_their_columns() -> None:
    assert "death_cause" in ActorState.columns() - ActorState.base_columns()
    assert "death_cause" not in ActorState.filterable_columns()
    assert {"node_id", "state"} < NodeState.filterable_columns()


# --- the other tables --------------------------------------------------------------------------------


def test_workers_say_whether_they_live_and_how_they_ended(recording: Recording) -> None:
    alive, dead, driver = state.list_workers(recording.path, detail=True)
    assert (alive.is_alive, alive.exit_type, alive.pid) == (True, None, 1001)
    assert (dead.is_alive, dead.exit_type, dead.end_time_ms) == (False, "SYSTEM_ERROR", 200_000)
    assert "signal 9" in dead.exit_detail
    assert driver.worker_type == "DRIVER"
    assert state.list_workers(recording.path, [("is_alive", "=", "false")]) == [
        state.list_workers(recording.path)[1]
    ]
    assert state.get_worker(driver.worker_id, recording.path).pid == 999  # type: ignore[union-attr]


def test_nodes_and_jobs(recording: Recording) -> None:
    (node,) = state.list_nodes(recording.path)
    assert (node.node_id, node.state, node.is_head_node) == (NODE, "ALIVE", True)
    assert node.resources_total == {"CPU": 2.0}
    assert state.get_node("00", recording.path) is None
    (job,) = state.list_jobs(recording.path, detail=True)
    assert (job.job_id, job.status, job.entrypoint, job.type) == (
        "03000000",
        "RUNNING",
        "lesson.py",
        "DRIVER",
    )
    assert state.list_runtime_envs(recording.path) == state.list_cluster_events(recording.path) == []


def test_placement_groups_with_their_bundles(recording: Recording) -> None:
    bundles = json.dumps([{"CPU": 1.0}, {"disk": 2.0}])
    recording.write(
        placement_groups=[("ab", "mine", "PACK", bundles, 3, 3, 0, 100.0)],
        placement_group_events=[("ab", "PENDING", 100.0, "QUEUED"), ("ab", "CREATED", 101.0, "FINISHED")],
    )
    (group,) = state.list_placement_groups(recording.path, [("name", "=", "mine")], detail=True)
    assert (group.state, group.creator_job_id, group.is_detached) == ("CREATED", "03000000", False)
    assert [bundle["unit_resources"] for bundle in group.bundles] == [{"CPU": 1.0}, {"disk": 2.0}]
    assert state.get_placement_group("ab", recording.path) == group


def test_a_recording_knows_the_objects_that_were_left_in_its_store(recording: Recording) -> None:
    changes = [("aa", "SEALED", 5), ("bb", "SEALED", 7), ("aa", "FREED", 5)]
    recording.write(object_events=[(name, 0, what, size, 100.0, 1) for name, what, size in changes])
    assert [(one.object_id, one.object_size) for one in state.list_objects(recording.path)] == [("bb", 7)]


def test_tasks_are_counted_by_name_and_state(recording: Recording) -> None:
    for number in (1, 2):
        recording.task(number, DONE)
    recording.task(3, FAILED, name="cube")
    cluster = state.summarize_tasks(recording.path)["cluster"]
    assert cluster["total_tasks"] == 3
    assert {name: one["state_counts"] for name, one in cluster["summary"].items()} == {
        "square": {"FINISHED": 2},
        "cube": {"FAILED": 1},
    }


# --- what was printed --------------------------------------------------------------------------------


def test_what_a_task_or_worker_printed_can_be_read(recording: Recording) -> None:
    recording.task(1, DONE)
    recording.task(2, DONE)
    lines = [(1, "stdout", "one\ntwo"), (2, "stdout", "three"), (1, "stderr", "oh"), (1, "stdout", "four")]
    recording.write(logs=[(200.0, 1, task, stream, text) for task, stream, text in lines])
    assert "".join(state.get_log(recording.path, task_id=f"{1:048x}")) == "one\ntwo\nfour\n"
    assert "".join(state.get_log(recording.path, task_id=f"{1:048x}", suffix="err")) == "oh\n"
    assert "".join(state.get_log(recording.path, pid=1001, tail=2)) == "three\nfour\n"
    names = state.list_logs(recording.path, node_id=NODE, glob_filter="*.err")["worker_err"]
    assert "".join(state.get_log(recording.path, filename=names[0])) == "oh\n"


@pytest.mark.parametrize(
    ("asked", "message"), [({}, "At least one"), ({"pid": 1, "suffix": "log"}, "suffix")]
)
def test_a_question_about_output_must_say_whose(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(iter(state.get_log(**asked)))


def test_without_a_session_or_recording_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailable, match="init"):
        state.list_tasks()
    with pytest.raises(ServerUnavailable, match="no recording"):
        state.list_tasks(str(tmp_path / "nothing"))
