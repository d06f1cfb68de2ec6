"""Names of tasks and objects: their sizes, their parts, and that nobody draws the same twice."""

import pickle
import subprocess
import sys
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.wire.ids import (
    OBJECT_ID_SIZE,
    TASK_ID_SIZE,
    ActorID,
    JobID,
    TaskID,
    object_id,
    task_ids,
    task_of,
)

task_bytes = st.binary(min_size=TASK_ID_SIZE, max_size=TASK_ID_SIZE)
places = st.integers(0, 2**31)


def test_a_process_draws_no_task_id_twice() -> None:
    drawn = list(islice(task_ids(), 1000))
    assert len(set(drawn)) == 1000
    assert {len(name) for name in drawn} == {TASK_ID_SIZE}


def test_another_process_draws_other_task_ids() -> None:
    code = "from minray.wire.ids import task_ids; print(next(task_ids()).hex())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert bytes.fromhex(there) not in set(islice(task_ids(), 1000))


@given(task_bytes, places)
def test_an_object_tells_which_task_makes_it(task: bytes, place: int) -> None:
    name = object_id(task, place)
    assert len(name) == OBJECT_ID_SIZE
    assert task_of(name) == task


@given(task_bytes, places, places)
def test_results_of_a_task_have_different_names(task: bytes, one: int, other: int) -> None:
    assert (object_id(task, one) == object_id(task, other)) == (one == other)


def test_the_first_result_has_the_number_that_it_has_in_ray() -> None:
    assert object_id(bytes(TASK_ID_SIZE), 0).hex().endswith("01000000")


@given(task_bytes)
def test_no_result_is_nil(task: bytes) -> None:
    assert any(object_id(task, 0))


def test_an_actors_id_tells_its_job() -> None:
    job = JobID.from_int(7)
    one, other = ActorID.of(job), ActorID.of(job)
    assert one != other
    assert one.job_id == other.job_id == job
    assert (job.int(), job.hex()) == (7, "07000000")


def test_ids_of_different_kinds_are_different_and_travel() -> None:
    for kind in (ActorID, JobID, TaskID):
        made = kind.from_random()
        assert pickle.loads(pickle.dumps(made)) == made == kind.from_hex(made.hex())
        assert len(made.binary()) == kind.size()
        assert kind.nil().is_nil()
        assert not made.is_nil()
        with pytest.raises(ValueError, match=kind.__name__):
            kind(b"short")
    assert TaskID(bytes(24)) != bytes(24)
