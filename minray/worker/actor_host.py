"""The actor that lives in a worker: makes the object, and decides when a call that has arrived runs.

::

    BecomeActor -> ActorRunner
    RunTask "__init__" -> arrived -> Execution -> construct: the user's class is made an object of
    RunTask "method"   -> arrived -> Execution -> function: the object's method
    Exit, exit_actor() -> leave: __ray_shutdown__, atexit handlers, the process ends

Calls run in the worker's main thread, one after the other, in the order in which they arrive; those of actors
that may have several under way at once, elsewhere: see `concurrent_calls`.
"""

import atexit
import logging
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core_worker.connection import Connection
from ..core_worker.outbox import Outbox
from ..session import here
from ..session.here import ActorExit
from ..wire.config import REPORT_SECONDS
from ..wire.messages import CONSTRUCTOR, ActorExits, ActorReady, BecomeActor, RunTask
from .execution import Execution

if TYPE_CHECKING:
    from .concurrent_calls import ConcurrentCalls

logger = logging.getLogger("minray")


@dataclass(eq=False)
class ActorRunner:
    """Hosts one actor; what others ask of it is named in `here.HostedActor`.

    Args:
        outbox: sends what is to be told of the actor.
        connection: brings the calls, and word of those that are to be cancelled.
        order: what the scheduler says of the actor.
        execution: runs one call.
        run: does so in the main thread, and tells the scheduler of the call's end.
        finish_output: called when a call ends that runs elsewhere.
    """

    _outbox: Outbox
    _connection: Connection
    order: BecomeActor
    _execution: Execution
    _run: Callable[[RunTask], None]
    _finish_output: Callable[[], None]

    def __post_init__(self) -> None:
        order = self.order
        self.is_async = bool(pickle.loads(order.handle).is_async)
        self.instance: Any = None
        self.shown_as = order.class_name  # its `repr`, if its class has one of its own
        self._leaving = threading.Lock()
        self._has_left = False
        self.exiting = False  # it has said that its process is about to end
        self._concurrent: ConcurrentCalls | None = None
        self._one_at_a_time = not (self.is_async or order.max_concurrency > 1 or order.groups)
        self._warned: set[str] = set()
        self._looked = 0.0  # when messages were last looked for before a call
        self._built_in: dict[str, Callable[..., Any]] = {
            "__ray_ready__": lambda: True,
            "__ray_terminate__": self._terminate,
            "__ray_call__": lambda function, *args, **kwargs: function(self.instance, *args, **kwargs),
        }

    def arrived(self, call: RunTask) -> None:
        """A call has come in: run it now, or when its turn has come."""
        if self.is_async or (call.method != CONSTRUCTOR and (call.group or not self._one_at_a_time)):
            self._concurrent = self._concurrent or self._prepare_concurrency()
            self._concurrent.add(call)
            return
        self._look_for_cancelling()
        if call.task_id not in here.cancelled:
            self._run(call)
        here.cancelled.discard(call.task_id)
        if self.exiting:  # although the method caught what `exit_actor` raised
            raise ActorExit(0)

    def _look_for_cancelling(self) -> None:
        """While a call ran, those behind it may have been cancelled: see, but not after each short call."""
        now = time.monotonic()
        if now - self._looked > REPORT_SECONDS:
            self._connection.read_pending()
            self._looked = now

    def _prepare_concurrency(self) -> "ConcurrentCalls":
        from . import concurrent_calls  # most actors need none of it, and asyncio takes long to load

        return concurrent_calls.ConcurrentCalls(
            self._outbox,
            self._execution,
            self.is_async,
            self._finish_output,
            self.on_system_exit,
            lambda: self.exiting,
            self._connection,
            self.order,
        )

    def warn_of_blocking(self, name: str, remedy: str) -> None:
        """The calling code is about to wait; in an event loop, that holds up all other calls."""
        if self.is_async and name not in self._warned and _in_event_loop():
            self._warned.add(name)
            logger.warning(
                "Using blocking ray.%s inside async actor. This blocks the event loop. Please use `await` "
                "on object ref with asyncio.%s if you want to yield execution to the event loop instead.",
                name,
                remedy,
            )

    def function(self, call: RunTask) -> Callable[..., Any]:
        """What a call is to run."""
        built_in = self._built_in.get(call.method)
        if built_in is not None:
            return built_in
        if call.method in getattr(self.instance, "__dict__", ()):  # an attribute of the same name hides it
            bound: Callable[..., Any] = getattr(type(self.instance), call.method).__get__(self.instance)
            return bound
        method: Callable[..., Any] = getattr(self.instance, call.method)
        return method

    def constructor(self, cls: Callable[..., Any]) -> Callable[..., None]:
        """What the actor's first call is to run."""

        def construct(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            self.instance = cls(*args, **kwargs)
            if getattr(cls, "__repr__", None) is not object.__repr__:
                self.shown_as = repr(self.instance)
            self._outbox.send(ActorReady(self.shown_as))

        return construct

    def described(self) -> str:
        """The actor's `repr`, for error messages."""
        try:
            return repr(self.instance) if self.instance is not None else self.shown_as
        except Exception:  # of the user's
            return self.shown_as

    def announce_exit(self, what: str) -> None:
        """The process is about to end on purpose: all calls that are not done fail, this one included."""
        if not self.exiting:
            self.exiting = True
            self._outbox.send(ActorExits(f"Worker exits by an user request. {what}"))

    def _terminate(self) -> None:
        self.announce_exit("exit_actor() is called.")
        raise ActorExit(0)

    def on_system_exit(self, leaving: SystemExit) -> None:
        """One of the actor's methods ends the process; say so if it is on purpose."""
        if not leaving.code:
            self.announce_exit("sys.exit(0) is called.")
        self.leave()

    def leave(self) -> None:
        """Run what is to run when the process ends in good order; once, whichever thread is first."""
        with self._leaving:
            if not self._has_left:
                self._has_left = True
                self._say_goodbye()

    def _say_goodbye(self) -> None:
        shutdown = getattr(self.instance, "__ray_shutdown__", None)
        if shutdown is not None:
            try:
                shutdown()
            except Exception:
                logger.exception("The __ray_shutdown__ of %s raised.", self.shown_as)
        # The process ends with os._exit, which leaves these out.
        atexit._run_exitfuncs()


def _in_event_loop() -> bool:
    import asyncio

    return asyncio._get_running_loop() is not None
