"""The errors: Ray's names in Ray's order, and task errors that are what the task raised as well."""

import builtins
import inspect
import json
import pickle
from typing import Any

import pytest

import minray
from minray import exceptions
from minray.exceptions import GetTimeoutError, RayError, RayTaskError, TaskCancelledError, WorkerCrashedError

# As in ray.exceptions of Ray 2: each class and those above it, RayError apart.
PARENTS = {
    "CrossLanguageError": (),
    "TaskCancelledError": (),
    "RayTaskError": (),
    "WorkerCrashedError": (),
    "LocalRayletDiedError": (),
    "RaySystemError": (),
    "RayActorError": (),
    "ActorDiedError": ("RayActorError",),
    "ActorUnavailableError": ("RayActorError",),
    "ActorUnschedulableError": (),
    "TaskUnschedulableError": (),
    "TaskPlacementGroupRemoved": (),
    "ActorPlacementGroupRemoved": (),
    "RayChannelError": (),
    "RayChannelTimeoutError": ("RayChannelError", "TimeoutError"),
    "ObjectStoreFullError": (),
    "OutOfDiskError": (),
    "OutOfMemoryError": (),
    "NodeDiedError": (),
    "ObjectLostError": (),
    "ObjectFetchTimedOutError": ("ObjectLostError",),
    "ReferenceCountingAssertionError": ("ObjectLostError", "AssertionError"),
    "ObjectFreedError": ("ObjectLostError",),
    "OwnerDiedError": ("ObjectLostError",),
    "ObjectReconstructionFailedError": ("ObjectLostError",),
    "ObjectReconstructionFailedMaxAttemptsExceededError": ("ObjectReconstructionFailedError",),
    "ObjectReconstructionFailedLineageEvictedError": ("ObjectReconstructionFailedError",),
    "GetTimeoutError": ("TimeoutError",),
    "PlasmaObjectNotAvailable": (),
    "AsyncioActorExit": (),
    "RuntimeEnvSetupError": (),
    "PendingCallsLimitExceeded": (),
    "UnserializableException": (),
    "UserCodeException": (),
}


def test_the_classes_form_rays_tree() -> None:
    for name, parents in PARENTS.items():
        cls = getattr(exceptions, name)
        assert issubclass(cls, RayError), name
        for parent in parents:
            assert issubclass(cls, getattr(exceptions, parent, None) or getattr(builtins, parent)), name


def test_there_are_no_classes_that_ray_does_not_have() -> None:
    own = {
        name
        for name, cls in vars(exceptions).items()
        if inspect.isclass(cls) and cls.__module__ == exceptions.__name__
    }
    assert own == set(PARENTS) | {"RayError"}


def test_the_classes_are_reached_through_the_package() -> None:
    assert minray.exceptions.GetTimeoutError is GetTimeoutError


@pytest.mark.parametrize(
    "error", [TaskCancelledError("abc"), WorkerCrashedError("why"), GetTimeoutError("why")]
)
def test_errors_keep_their_text_when_they_travel(error: RayError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_a_cancelled_task_is_named_if_known() -> None:
    assert "abc" in str(TaskCancelledError("abc"))
    assert "cancelled" in str(TaskCancelledError())
    assert str(TaskCancelledError("abc", "another text")) == "another text"


def test_a_crash_always_has_a_text() -> None:
    assert str(WorkerCrashedError("killed by SIGKILL")) == "killed by SIGKILL"
    assert "died" in str(WorkerCrashedError())


# --- task errors -------------------------------------------------------------------------------------


class NeedsTwoArgumentsError(Exception):
    """An exception with a constructor of its own."""

    def __init__(self, first: str, second: int) -> None:
        super().__init__(f"{first} and {second}")
        self.first = first
        self.second = second

    def __reduce__(self) -> Any:  # noqa: ANN401
        return NeedsTwoArgumentsError, (self.first, self.second)


def raised(error: BaseException) -> RayTaskError:
    """What `get` raises when a task raised this."""
    return RayTaskError("task", "Traceback ...\nText of the error", error, pid=4711).as_instanceof_cause()


CAUSES: list[Exception] = [
    ValueError("no"),
    KeyError("key"),
    ZeroDivisionError("division by zero"),
    FileNotFoundError(2, "No such file", "name.txt"),
    OSError("just a text"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    StopIteration(5),
    ImportError("no module", name="nothing"),
    json.JSONDecodeError("Expecting value", "{", 1),
    NeedsTwoArgumentsError("one", 2),
    MemoryError(),
    SyntaxError("invalid", ("file.py", 1, 2, "text")),
    RecursionError("too deep"),
]


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: type(cause).__name__)
def test_a_task_error_is_what_the_task_raised_here_and_after_a_journey(cause: Exception) -> None:
    error = raised(cause)
    for copy in (error, pickle.loads(pickle.dumps(error)), pickle.loads(pickle.dumps(error, 5))):
        assert isinstance(copy, RayTaskError)
        assert isinstance(copy, type(cause))
        assert type(copy).__name__ == f"RayTaskError({type(cause).__name__})"
        assert copy.args == cause.args
        assert str(copy) == "task() (pid=4711) raised:\nTraceback ...\nText of the error"
        assert (copy.function_name, copy.pid) == ("task", 4711)
        assert type(copy.cause) is type(cause)


def test_attributes_of_the_exception_are_there() -> None:
    missing: Any = raised(FileNotFoundError(2, "No such file", "name.txt"))
    assert (missing.errno, missing.strerror, missing.filename) == (2, "No such file", "name.txt")
    own: Any = pickle.loads(pickle.dumps(raised(NeedsTwoArgumentsError("one", 2))))
    assert (own.first, own.second) == ("one", 2)
    undecodable: Any = raised(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"))
    assert (undecodable.object, undecodable.reason) == (b"\xff", "invalid start byte")
    with pytest.raises(AttributeError):
        _ = own.nothing


def test_a_plain_exception_and_one_that_ends_programs_stay_task_errors() -> None:
    for cause in (Exception("plain"), SystemExit(3), KeyboardInterrupt()):
        error = raised(cause)
        assert type(error) is RayTaskError
        assert not isinstance(error, (SystemExit, KeyboardInterrupt))


def test_an_error_passed_on_by_another_task_is_the_first_one() -> None:
    first = RayTaskError("first", "Traceback of the first", ValueError("no"))
    second = RayTaskError("second", "Traceback of the second", first.as_instanceof_cause())
    error = second.as_instanceof_cause()
    assert isinstance(error, ValueError)
    assert error.function_name == "first"


def test_an_error_of_the_runtimes_own_raised_by_a_task_can_be_caught_as_such() -> None:
    assert isinstance(raised(GetTimeoutError("gave up")), GetTimeoutError)


def test_a_task_error_can_be_raised_caught_and_raised_again() -> None:
    error = raised(ValueError("no"))
    for _ in range(2):
        with pytest.raises(ValueError, match="Text of the error"):
            raise error
