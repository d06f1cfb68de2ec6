"""What Ray and minray must do alike when something goes wrong; see `behaviours` for the rules."""

import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from behaviours import outcome


class Attempts:
    """Counts the attempts of tasks in a file, and lets a test wait for one."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkstemp(prefix="parity-")[1])

    def add(self) -> int:
        """Note an attempt; return how many there are."""
        with self.path.open("a") as file:
            file.write("x")
        return self.count()

    def count(self) -> int:
        """How many there are."""
        return len(self.path.read_text())

    def wait_for(self, count: int) -> None:
        """Return when there are so many."""
        deadline = time.monotonic() + 60
        while self.count() < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.count()} attempts of {count}")
            time.sleep(0.01)


class TwoArgumentsError(Exception):
    """Pickles, but does not load: its constructor wants something else than `args`."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"sum {one + two}")


class HoldsALockError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holding on")
        self.lock = threading.Lock()


class RefusesError(Exception):
    """Loading it raises."""

    def __reduce__(self) -> Any:  # noqa: ANN401
        return eval, ("1/0",)


class FinalError(Exception):
    """Nothing can be derived from it."""

    def __init_subclass__(cls) -> None:
        raise TypeError("final")


class UnusualError(BaseException):
    """`except Exception` does not catch it."""


class SlottedError(Exception):
    """Without a dictionary of its own."""

    __slots__ = ("code",)


class CannotBeLoaded:
    """A value that can be pickled and not loaded."""

    def __reduce__(self) -> Any:  # noqa: ANN401
        return eval, ("1/0",)


def caught(call: Callable[[], object]) -> Any:  # noqa: ANN401
    """As `outcome`, for what is no `Exception` too."""
    try:
        return outcome(call)
    except BaseException as error:
        return {"raised": [cls.__name__ for cls in type(error).__mro__ if not cls.__name__.startswith("_")]}


def odd_exceptions(ray: ModuleType) -> object:
    """As what exceptions arrive that make a point of themselves."""

    @ray.remote(max_retries=0)
    def fail(make: Callable[[], BaseException]) -> None:
        raise make()

    kinds: dict[str, Callable[[], BaseException]] = {
        "other constructor": lambda: TwoArgumentsError(1, 2),
        "no pickling": HoldsALockError,
        "no loading": RefusesError,
        "final": FinalError,
        "base": UnusualError,
        "slots": lambda: SlottedError("x"),
        "group": lambda: ExceptionGroup("both", [ValueError("a"), KeyError("b")]),
        "SystemExit": lambda: SystemExit(3),
        "StopIteration": lambda: StopIteration(5),
        "MemoryError": MemoryError,
        "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        "FileNotFoundError": lambda: FileNotFoundError(2, "No such file", "name.txt"),
        "a class of the engine": lambda: ray.exceptions.GetTimeoutError("gave up"),
    }
    return {name: caught(lambda make=make: ray.get(fail.remote(make))) for name, make in kinds.items()}


def attributes_of_errors(ray: ModuleType) -> object:
    """What can be read from the error that `get` raises."""

    @ray.remote
    def fail() -> None:
        error = FileNotFoundError(2, "No such file", "name.txt")
        error.note = "mine"  # type: ignore[attr-defined]
        raise error

    try:
        ray.get(fail.remote())
    except Exception as found:
        error: Any = found
    return [
        *(error.note, error.cause.filename),
        *(type(error.cause).__name__, error.cause.args),
        [type(argument).__name__ for argument in error.args],
        type(error).__name__,
    ]


def texts_of_errors(ray: ModuleType) -> object:
    """The text of task errors, without numbers, paths, colours, and markers below code."""

    def scrubbed(call: Callable[[], object]) -> list[str]:
        try:
            call()
        except Exception as error:
            text = str(error)
        text = re.sub(r"\x1b\[\d+m", "", text)
        text = re.sub(r"pid=\d+", "pid=N", re.sub(r"ip=[\d.]+", "ip=N", text))
        text = re.sub(r'File ".*", line \d+', "File F, line N", text)
        return [line for line in text.splitlines() if not re.fullmatch(r"\s*[\^~]+\s*", line)]

    @ray.remote
    def fail() -> None:
        raise ValueError("no")

    @ray.remote
    def use(value: object) -> object:
        return value

    @ray.remote
    def parent() -> object:
        return ray.get(fail.remote())

    return {
        "plain": scrubbed(lambda: ray.get(fail.remote())),
        "in a child": scrubbed(lambda: ray.get(parent.remote())),
        "in an argument": scrubbed(lambda: ray.get(use.remote(fail.remote()))),
        "two arguments away": scrubbed(lambda: ray.get(use.remote(use.remote(fail.remote())))),
    }


def data_that_cannot_be_loaded(ray: ModuleType) -> object:
    """Loading raises: an argument, a result, an object, a function.  Which error, is up to the engine."""
    bad = CannotBeLoaded()

    @ray.remote
    def use(value: object) -> object:
        return value

    @ray.remote
    def make() -> object:
        return CannotBeLoaded()

    @ray.remote
    def carries() -> object:
        return bad

    def raises(call: Callable[[], object]) -> bool:
        return "raised" in outcome(call)

    return {
        "argument": raises(lambda: ray.get(use.remote(bad), timeout=60)),
        "object as argument": raises(lambda: ray.get(use.remote(ray.put(bad)), timeout=60)),
        "result": raises(lambda: ray.get(make.remote(), timeout=60)),
        "object": raises(lambda: ray.get(ray.put(bad), timeout=60)),
        "function": raises(lambda: ray.get(carries.remote(), timeout=60)),
        "afterwards": ray.get(use.remote("fine"), timeout=60),
    }


def numbers_of_attempts(ray: ModuleType) -> object:
    """How often a task is tried, by what went wrong and by its options."""

    @ray.remote
    def try_it(attempts: Attempts, how: str) -> None:
        attempts.add()
        if how == "os._exit":
            os._exit(1)
        elif how == "sys.exit":
            raise SystemExit(1)
        elif how == "KeyError":
            raise KeyError(how)
        raise ValueError(how)

    def tried(how: str, **options: Any) -> list[Any]:  # noqa: ANN401
        attempts = Attempts()
        error = outcome(lambda: ray.get(try_it.options(**options).remote(attempts, how), timeout=90))
        return [attempts.count(), error["raised"][0]]

    return [
        tried("os._exit", max_retries=0),
        tried("os._exit", max_retries=1),
        tried("os._exit", max_retries=1, retry_exceptions=[ValueError]),
        tried("sys.exit", max_retries=1),
        tried("ValueError"),
        tried("ValueError", max_retries=2),
        tried("ValueError", max_retries=2, retry_exceptions=True),
        tried("ValueError", max_retries=2, retry_exceptions=[ValueError]),
        tried("ValueError", max_retries=2, retry_exceptions=[Exception]),
        tried("KeyError", max_retries=2, retry_exceptions=[ValueError]),
        tried("ValueError", max_retries=0, retry_exceptions=True),
    ]


def retries_that_succeed(ray: ModuleType) -> object:
    """A task that fails once or whose worker dies once has a result; so have those that depend on it."""

    @ray.remote(max_retries=1, retry_exceptions=True)
    def lucky(attempts: Attempts, how: str) -> str:
        if attempts.add() == 1:
            if how == "exit":
                os._exit(1)
            raise ValueError("first time")
        return how

    @ray.remote
    def use(value: str) -> str:
        return value * 2

    return ray.get([use.remote(lucky.remote(Attempts(), how)) for how in ("exit", "raise")], timeout=90)


def cancelling(ray: ModuleType) -> object:
    """What `get` raises for tasks that were cancelled: while they run, wait, or depend on such a task."""

    @ray.remote
    def run(started: Attempts) -> None:
        started.add()
        while True:
            time.sleep(0.01)

    @ray.remote
    def use(value: object) -> object:
        return value

    @ray.remote(num_cpus=2)
    def whole_node() -> None:
        return None

    found: dict[str, Any] = {}
    for name, force in (("running", False), ("running, by force", True)):
        started = Attempts()
        running = run.remote(started)
        started.wait_for(1)
        ray.cancel(running, force=force)
        ready, _ = ray.wait([running], timeout=30)
        found[f"wait for {name}"] = len(ready)
        error = outcome(lambda running=running: ray.get(running, timeout=30))
        found[name] = "TaskCancelledError" in error["raised"]
    started = Attempts()
    running = run.remote(started)
    started.wait_for(1)
    queued, dependent = whole_node.remote(), use.remote(running)
    ray.cancel(queued)
    found["queued"] = outcome(lambda: ray.get(queued, timeout=30))
    ray.cancel(dependent)
    found["dependent"] = outcome(lambda: ray.get(dependent, timeout=30))
    dependent = use.remote(running)
    ray.cancel(running)
    error = outcome(lambda: ray.get(dependent, timeout=30))
    found["depends on what was cancelled"] = "TaskCancelledError" in error["raised"]
    finished = use.remote(1)
    ray.get(finished)
    ray.cancel(finished)
    return {**found, "finished": ray.get(finished), "twice": [ray.cancel(finished) for _ in range(2)]}


def cancelling_children(ray: ModuleType) -> object:
    """Children are cancelled with their parent, or not, as asked for."""

    @ray.remote(num_cpus=0)
    def child(started: Attempts, go_on: str) -> str:
        started.add()
        while not Path(go_on).exists():
            time.sleep(0.01)
        return "finished"

    @ray.remote(num_cpus=0)
    def parent(started: Attempts, go_on: str, box: list[Any]) -> object:
        reference = child.remote(started, go_on)
        return ray.get(reference)

    found = []
    for recursive in (True, False):
        started, go_on = Attempts(), tempfile.mktemp(prefix="parity-")
        reference = parent.remote(started, go_on, [])
        started.wait_for(1)
        ray.cancel(reference, recursive=recursive)
        error = outcome(lambda reference=reference: ray.get(reference, timeout=30))
        found.append("TaskCancelledError" in error["raised"])
        Path(go_on).touch()
    return found


def waiting_for_failures(ray: ModuleType) -> object:
    """Failed tasks are ready; `get` of many raises as soon as one has failed."""

    @ray.remote
    def fail() -> None:
        raise ValueError("no")

    @ray.remote(num_cpus=0)
    def hang() -> None:
        time.sleep(1000)

    @ray.remote(num_cpus=0, max_retries=0)
    def die() -> None:
        os._exit(1)

    hanging = hang.remote()
    found = [
        outcome(lambda: ray.get([hanging, fail.remote()], timeout=60)),
        outcome(lambda: ray.get([hanging, die.remote()], timeout=60)),
        [len(part) for part in ray.wait([hanging, fail.remote(), die.remote()], num_returns=2, timeout=60)],
        [len(part) for part in ray.wait([hanging], timeout=0)],
        outcome(lambda: ray.get([fail.remote(), fail.remote()])),
    ]
    ray.cancel(hanging, force=True)
    return found


class Listener(logging.Handler):
    """Keeps what the runtime says of errors that nobody has asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        message = record.getMessage()
        if "Unhandled error (suppress with 'RAY_IGNORE_UNHANDLED_ERRORS=1')" in message:
            self.text += message

    def wait_for(self, words: str) -> None:
        """Return when it has been said."""
        deadline = time.monotonic() + 60
        while f"ValueError: {words}" not in self.text:
            if time.monotonic() > deadline:
                raise TimeoutError(words)
            time.sleep(0.01)


def failures_that_nobody_asks_about(ray: ModuleType) -> object:
    """Which errors the driver is told of when it drops the references to them."""

    @ray.remote(num_cpus=0)
    def fail(text: str) -> None:
        raise ValueError(text)

    @ray.remote(num_cpus=0)
    def use(value: object) -> object:
        return value

    @ray.remote(num_cpus=0)
    class Actor:
        def fail(self, text: str) -> None:
            raise ValueError(text)

    logger, listener = logging.getLogger(ray.__name__), Listener()
    logger.addHandler(listener)
    try:
        actor = Actor.remote()
        fail.remote("forgotten")
        actor.fail.remote("a call")
        outcome(lambda: ray.get(fail.remote("asked for")))
        outcome(lambda: ray.get(use.remote(fail.remote("passed on"))))
        fail.remote("last")
        for words in ("forgotten", "a call", "last"):
            listener.wait_for(words)
    finally:
        logger.removeHandler(listener)
    words = ["forgotten", "a call", "asked for", "passed on", "last"]
    return [listener.text.count(f"ValueError: {word}") > 0 for word in words]


BEHAVIOURS = (
    odd_exceptions,
    attributes_of_errors,
    texts_of_errors,
    data_that_cannot_be_loaded,
    numbers_of_attempts,
    retries_that_succeed,
    cancelling,
    cancelling_children,
    waiting_for_failures,
    failures_that_nobody_asks_about,
)
