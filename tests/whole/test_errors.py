"""Exceptions that cross processes: they arrive as what they were, with the traceback of the worker."""

import gc
import os
import pickle
import sys
import traceback
from types import ModuleType

import pytest

import minray as ray
from minray.exceptions import RayError, RayTaskError, WorkerCrashedError
from runtime_tools import stored_bytes, wait_until


class OddError(Exception):
    """An exception whose constructor takes other arguments than it shows."""

    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"odd {code}")
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[object, ...]:
        return _odd, (self.code, self.detail)


def _odd(code: int, detail: str) -> OddError:
    return OddError(code, detail=detail)


@ray.remote
def fail(message: str) -> None:
    raise ValueError(message)


def error_of(reference: ray.ObjectRef) -> BaseException:
    """What `get` raises for a reference."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the caller looks closely
        ray.get(reference)
    return caught.value


def test_an_exception_is_a_ray_task_error_and_what_it_was(ray_session: ModuleType) -> None:
    error = error_of(fail.remote("too small"))
    assert isinstance(error, RayTaskError)
    assert isinstance(error, RayError)
    assert isinstance(error, ValueError)
    assert isinstance(error.cause, ValueError)
    assert error.cause.args == ("too small",)
    assert error.args == (error.cause,)
    assert type(error).__name__ == "RayTaskError(ValueError)"


def test_an_exception_carries_the_workers_traceback(ray_session: ModuleType) -> None:
    @ray_session.remote
    def outermost() -> None:
        helper_that_fails()

    def helper_that_fails() -> None:
        raise LookupError("here it broke")

    text = str(error_of(outermost.remote()))
    assert "outermost" in text
    assert "helper_that_fails" in text
    assert "here it broke" in text
    assert "pid=" in text
    assert 'raise LookupError("here it broke")' in text


def test_the_traceback_shows_the_users_frames_and_not_the_runtimes(ray_session: ModuleType) -> None:
    error = error_of(fail.remote("x"))
    assert isinstance(error, RayTaskError)
    files = [line for line in error.traceback_str.splitlines() if line.startswith("  File ")]
    assert len(files) == 1
    assert __file__ in files[0]


def test_the_driver_prints_the_remote_traceback(ray_session: ModuleType) -> None:
    error = error_of(fail.remote("told twice"))
    printed = "".join(traceback.format_exception(error))
    assert "raise ValueError(message)" in printed
    assert "told twice" in printed


def test_the_chain_of_causes_is_in_the_text(ray_session: ModuleType) -> None:
    @ray_session.remote
    def chained() -> None:
        try:
            {}["missing"]
        except KeyError as error:
            raise RuntimeError("no such setting") from error

    text = str(error_of(chained.remote()))
    assert "missing" in text
    assert "no such setting" in text


def test_an_exception_with_attributes_keeps_them(ray_session: ModuleType) -> None:
    @ray_session.remote
    def odd() -> None:
        raise OddError(7, detail="left")

    error = error_of(odd.remote())
    assert isinstance(error, OddError)
    assert (error.code, error.detail) == (7, "left")


def test_an_exception_class_of_the_drivers_own_can_be_caught(ray_session: ModuleType) -> None:
    class LocalError(Exception):
        pass

    @ray_session.remote
    def raise_it() -> None:
        raise LocalError("mine")

    with pytest.raises(LocalError, match="mine"):
        ray_session.get(raise_it.remote())


@pytest.mark.parametrize("kind", [OSError, StopIteration, UnicodeDecodeError, AssertionError, MemoryError])
def test_built_in_exceptions_of_every_layout_arrive(
    ray_session: ModuleType, kind: type[BaseException]
) -> None:
    @ray_session.remote
    def raise_it() -> None:
        if kind is UnicodeDecodeError:
            b"\xff".decode()
        raise kind("particular")

    error = error_of(raise_it.remote())
    assert isinstance(error, RayTaskError)
    assert isinstance(error, kind)


def test_a_missing_file_keeps_its_number_and_name(ray_session: ModuleType) -> None:
    @ray_session.remote
    def read() -> str:
        with open("/nowhere/at/all") as file:
            return file.read()

    error = error_of(read.remote())
    assert isinstance(error, FileNotFoundError)
    assert error.filename == "/nowhere/at/all"


def test_an_exception_group_arrives(ray_session: ModuleType) -> None:
    @ray_session.remote
    def several() -> None:
        raise ExceptionGroup("both", [ValueError("a"), KeyError("b")])

    error = error_of(several.remote())
    assert isinstance(error, RayTaskError)
    assert isinstance(error.cause, ExceptionGroup)
    assert len(error.cause.exceptions) == 2


def test_an_exception_that_cannot_be_pickled_arrives_as_text(ray_session: ModuleType) -> None:
    class HoldsALock(Exception):  # noqa: N818
        def __init__(self) -> None:
            super().__init__("holding on")
            self.frame = sys._getframe()

    @ray_session.remote
    def raise_it() -> None:
        raise HoldsALock

    error = error_of(raise_it.remote())
    assert isinstance(error, RayTaskError)
    assert "HoldsALock" in str(error)
    assert "holding on" in str(error)


def test_an_exception_that_cannot_be_unpickled_arrives_as_text(ray_session: ModuleType) -> None:
    class TwoArguments(Exception):  # noqa: N818
        def __init__(self, a: int, b: int) -> None:
            super().__init__(f"sum {a + b}")

    @ray_session.remote
    def raise_it() -> None:
        raise TwoArguments(1, 2)

    error = error_of(raise_it.remote())
    assert isinstance(error, RayError)
    assert "TwoArguments" in str(error)
    assert "sum 3" in str(error)


def test_system_exit_in_a_task_ends_its_worker_as_in_ray(ray_session: ModuleType) -> None:
    @ray_session.remote(max_retries=0)
    def leave() -> None:
        print("a last word")
        sys.exit(3)

    error = error_of(leave.remote())
    assert isinstance(error, WorkerCrashedError)
    assert "exit code 3" in str(error)
    assert isinstance(error_of(fail.remote("still here")), ValueError)


def test_an_error_may_be_fetched_again_and_again(ray_session: ModuleType) -> None:
    reference = fail.remote("same")
    assert str(error_of(reference)) == str(error_of(reference))


def test_every_result_of_a_failed_task_raises(ray_session: ModuleType) -> None:
    @ray_session.remote(num_returns=2)
    def both_fail() -> None:
        raise IndexError("neither")

    for reference in both_fail.remote():
        assert isinstance(error_of(reference), IndexError)


def test_a_task_can_catch_the_error_of_its_child(ray_session: ModuleType) -> None:
    @ray_session.remote
    def careful() -> str:
        try:
            ray.get(fail.remote("child"))
        except ValueError as error:
            return f"caught {type(error).__name__}"
        return "nothing"

    assert ray_session.get(careful.remote()) == "caught RayTaskError(ValueError)"


def test_an_error_passed_through_three_tasks_names_the_first(ray_session: ModuleType) -> None:
    @ray_session.remote
    def passed_on(value: object) -> object:
        return value

    error = error_of(passed_on.remote(passed_on.remote(passed_on.remote(fail.remote("origin")))))
    assert isinstance(error, ValueError)
    assert "in fail" in str(error)
    text = str(error)
    assert text.count("ray::passed_on() (pid=") == 3
    assert text.count("At least one of the input arguments") == 3
    assert text.index("passed_on") < text.index("ray::fail() (pid=")


def test_an_error_that_is_its_own_cause_by_way_of_another_arrives(ray_session: ModuleType) -> None:
    @ray_session.remote
    def in_circles() -> None:
        first, second = ValueError("first"), KeyError("second")
        first.__context__, second.__context__ = second, first
        raise first

    assert isinstance(error_of(in_circles.remote()), ValueError)


def test_an_error_whose_attributes_raise_arrives(ray_session: ModuleType) -> None:
    class Prickly(Exception):  # noqa: N818
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("do not touch")

        def __str__(self) -> str:
            raise RuntimeError("do not read")

    @ray_session.remote(max_retries=0)
    def touch() -> None:
        raise Prickly("x")

    assert isinstance(error_of(touch.remote()), RayTaskError)
    assert isinstance(error_of(fail.remote("still here")), ValueError)


def test_an_error_can_be_a_value(ray_session: ModuleType) -> None:
    @ray_session.remote
    def as_value() -> ValueError:
        return ValueError("not raised")

    value = ray_session.get(as_value.remote())
    assert isinstance(value, ValueError)
    assert not isinstance(value, RayTaskError)


def test_a_task_error_can_be_pickled_again(ray_session: ModuleType) -> None:
    error = error_of(fail.remote("kept"))
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ValueError)
    assert isinstance(again, RayTaskError)
    assert str(again) == str(error)


def test_the_worker_survives_an_exception(ray_session: ModuleType) -> None:
    @ray_session.remote
    def where() -> int:
        return os.getpid()

    before = set(ray_session.get([where.remote() for _ in range(20)]))
    for _ in range(10):
        error_of(fail.remote("again"))
    after = set(ray_session.get([where.remote() for _ in range(20)]))
    assert len(before | after) <= 2


def test_a_very_deep_recursion_is_an_ordinary_error(ray_session: ModuleType) -> None:
    @ray_session.remote
    def forever(n: int) -> int:
        def down(n: int) -> int:
            return down(n + 1)

        return down(n)

    assert isinstance(error_of(forever.remote(0)), RecursionError)


def test_a_failed_task_lets_go_of_the_references_it_had(ray_session: ModuleType) -> None:
    @ray_session.remote
    def keep_and_fail(references: list[ray.ObjectRef]) -> None:
        mine = [*references, ray.put(bytes(300_000))]
        raise ValueError(f"holding {len(mine)}")

    stored = ray_session.put(bytes(300_000))
    with pytest.raises(ValueError, match="holding 2"):
        ray_session.get(keep_and_fail.remote([stored]))
    del stored
    gc.collect()
    wait_until(lambda: stored_bytes() == 0, "the object store to be empty")
