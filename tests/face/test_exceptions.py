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
from minray.wire import task_error
from minray.wire.ids import TaskID
from minray.wire.task_error import user_traceback

TASK = TaskID(b"\1" * 24)

# As in ray.exceptions of Ray 2.60: each class and those above it up to RayError and Exception.
PARENTS: dict[str, tuple[str, ...]] = {
    "CrossLanguageError": (),
    "TaskCancelledError": (),
    "RayTaskError": (),
    "LocalRayletDiedError": (),
    "WorkerCrashedError": (),
    "RayActorError": (),
    "ActorDiedError": ("RayActorError",),
    "ActorUnavailableError": ("RayActorError",),
    "RaySystemError": (),
    "AuthenticationError": (),
    "UserCodeException": (),
    "ObjectStoreFullError": (),
    "OutOfDiskError": (),
    "OutOfMemoryError": (),
    "NodeDiedError": (),
    "ObjectLostError": (),
    "ObjectFetchTimedOutError": ("ObjectLostError",),
    "RpcError": (),
    "ReferenceCountingAssertionError": ("ObjectLostError", "AssertionError"),
    "ObjectFreedError": ("ObjectLostError",),
    "OwnerDiedError": ("ObjectLostError",),
    "ObjectReconstructionFailedError": ("ObjectLostError",),
    "GetTimeoutError": ("TimeoutError", "OSError"),
    "PlasmaObjectNotAvailable": (),
    "AsyncioActorExit": (),
    "RuntimeEnvSetupError": (),
    "TaskPlacementGroupRemoved": (),
    "ActorPlacementGroupRemoved": (),
    "PendingCallsLimitExceeded": (),
    "TaskUnschedulableError": (),
    "ActorUnschedulableError": (),
    "ObjectRefStreamEndOfStreamError": (),
    "StreamingGeneratorReplayInconsistentError": ("RaySystemError",),
    "OufOfBandObjectRefSerializationException": (),
    "RayChannelError": ("RaySystemError",),
    "RayChannelTimeoutError": ("RayChannelError", "RaySystemError", "TimeoutError", "OSError"),
    "RayCgraphCapacityExceeded": ("RaySystemError",),
    "RayDirectTransportError": ("RaySystemError",),
    "UnserializableException": (),
    "ActorAlreadyExistsError": ("ValueError",),
    "ActorHandleNotFoundError": ("ValueError",),
    # In earlier versions of Ray 2:
    "ObjectReconstructionFailedMaxAttemptsExceededError": (
        "ObjectReconstructionFailedError",
        "ObjectLostError",
    ),
    "ObjectReconstructionFailedLineageEvictedError": ("ObjectReconstructionFailedError", "ObjectLostError"),
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
    "error",
    [
        TaskCancelledError(TASK),
        TaskCancelledError(TASK, "why"),
        WorkerCrashedError("why"),
        GetTimeoutError("why"),
        exceptions.RaySystemError("why", "where"),
        exceptions.RayActorError("abc", "why"),
        exceptions.ActorDiedError("why", "abc"),
        exceptions.ActorDiedError(
            RayTaskError("A.__init__", "Traceback ...", ValueError("no"), actor_id="abc")
        ),
        exceptions.ActorUnavailableError("why", b"abc"),
        exceptions.ObjectLostError("abc", detail="why"),
        exceptions.OwnerDiedError("abc", None, "here"),
        exceptions.ObjectReconstructionFailedError("abc", None, "why"),
        exceptions.TaskUnschedulableError("why"),
        exceptions.RuntimeEnvSetupError("why"),
        exceptions.OutOfMemoryError("why"),
        exceptions.UnserializableException("why"),
        exceptions.ActorAlreadyExistsError("why"),
        exceptions.RayChannelTimeoutError("why"),
    ],
)
def test_errors_keep_their_text_when_they_travel(error: RayError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy).keys() == vars(error).keys()


def test_every_class_can_be_made_without_arguments_and_says_something_of_its_own() -> None:
    for name in PARENTS:
        if name != "RayTaskError":
            assert isinstance(str(getattr(exceptions, name)()), str)


def test_an_actor_that_died_in_its_constructor_says_so() -> None:
    cause = RayTaskError("A.__init__", "Traceback ...\nValueError: no", ValueError("no"), actor_id="abc")
    error = exceptions.ActorDiedError.from_task_error(cause)
    assert (error.actor_id, error.actor_init_failed, error.preempted) == ("abc", True, False)
    assert "error raised in its creation task" in str(error)
    assert "ValueError: no" in str(error)


def test_a_cancelled_task_is_named_if_known() -> None:
    assert str(TaskCancelledError(TASK)) == f"Task: TaskID({'01' * 24}) was cancelled."
    assert str(TaskCancelledError(TASK, "By hand.")).endswith("was cancelled. By hand.")
    assert str(TaskCancelledError()) == "This task was cancelled."


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
    text = "Traceback (most recent call last):\n  File ...\nText of the error"
    return RayTaskError("task", text, error, pid=4711).as_instanceof_cause()


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
        assert copy.args == (copy.cause,)
        assert copy.cause.args == cause.args
        assert str(copy) == "ray::task() (pid=4711, ip=127.0.0.1)\n  File ...\nText of the error"
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


class MyBaseError(BaseException):
    """An exception that `except Exception` does not catch."""


def test_exceptions_that_are_no_exceptions_can_be_caught_too() -> None:
    assert isinstance(raised(MyBaseError("rare")), MyBaseError)


class FinalError(Exception):
    """A class that nothing can be derived from."""

    def __init_subclass__(cls) -> None:
        raise TypeError("final")


class ReadOnlyArgsError(Exception):
    """A class whose `args` cannot be set."""

    @property
    def args(self) -> Any:  # noqa: ANN401
        return ("fixed",)

    @args.setter
    def args(self, value: Any) -> None:  # noqa: ANN401
        raise AttributeError("args are fixed")


def test_a_class_that_cannot_be_derived_from_stays_the_cause() -> None:
    group = BaseExceptionGroup("g", [MyBaseError()])
    for cause in (Exception("plain"), FinalError("x"), group, SystemExit(3), KeyboardInterrupt()):
        error = raised(cause)
        assert type(error) is RayTaskError
        assert error.cause is cause


def test_args_of_odd_classes_do_no_harm() -> None:
    error = raised(ReadOnlyArgsError("boom"))
    assert isinstance(error, ReadOnlyArgsError)
    assert error.args == (error.cause,)


def test_an_exception_group_is_one_with_all_its_parts() -> None:
    error: Any = raised(ExceptionGroup("both", [ValueError("a"), KeyError("b")]))
    for copy in (error, pickle.loads(pickle.dumps(error))):
        assert isinstance(copy, ExceptionGroup)
        assert [type(part) for part in copy.exceptions] == [ValueError, KeyError]


def test_an_error_passed_on_by_another_task_has_the_first_cause() -> None:
    first = RayTaskError("first", "Traceback of the first", ValueError("no"))
    second = RayTaskError("second", "Traceback of the second", first.as_instanceof_cause())
    error = second.as_instanceof_cause()
    assert isinstance(error, ValueError)
    assert error.function_name == "second"
    assert error.cause is first.cause


class CannotBeLoadedError(Exception):
    """An exception that pickles but does not load."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"sum {one + two}")


def test_what_cannot_be_loaded_arrives_as_its_text() -> None:
    arrived = pickle.loads(pickle.dumps(raised(CannotBeLoadedError(1, 2))))
    assert type(arrived) is exceptions.UnserializableException
    assert "ray::task() (pid=4711" in str(arrived)
    assert "Text of the error" in str(arrived)


def one() -> None:
    raise LookupError("deep")


def test_the_text_leaves_out_the_runtimes_own_frames() -> None:
    try:
        try:
            runtime_call(one)
        except LookupError as error:
            raise KeyError("outer") from error
    except KeyError as error:
        text = user_traceback(error)
    assert "in one" in text
    assert "LookupError: deep" in text
    assert "KeyError: 'outer'" in text
    assert "task_error.py" not in text


def runtime_call(function: Any) -> None:  # noqa: ANN401
    """Call a function from a frame that looks like one of the runtime's."""
    exec(compile("function()", str(task_error.__file__), "exec"), {"function": function})


def test_an_error_of_the_runtimes_own_raised_by_a_task_can_be_caught_as_such() -> None:
    assert isinstance(raised(GetTimeoutError("gave up")), GetTimeoutError)


def test_a_task_error_can_be_raised_caught_and_raised_again() -> None:
    error = raised(ValueError("no"))
    for _ in range(2):
        with pytest.raises(ValueError, match="Text of the error"):
            raise error


def test_an_authentication_error_says_what_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    text = str(exceptions.AuthenticationError("The token is missing."))
    assert text.startswith("The token is missing. RAY_AUTH_MODE is currently 'disabled'.")
    assert "docs.ray.io" in text
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert "RAY_AUTH_MODE" not in str(exceptions.AuthenticationError("The token is missing."))
