"""`ActorHandle`: what users call an actor's methods through, in any process of the session.

A handle holds a reference to the object that stands for the actor, so copying and forgetting handles is
counted as references are (see `core_worker/outbox`), and the actor ends when the last one is gone.  It
also carries what it needs to know of the class: the methods, their options and signatures, not their code::

    handle.method.remote(x) -> ActorMethod -> core worker: SubmitTask(actor=..., method="method")
"""

import pickle
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from .. import left_out
from ..core_worker import current
from ..core_worker.submission import Calls
from ..exceptions import PendingCallsLimitExceeded
from ..session import here
from ..values.ref import CollectRefs, ObjectRef
from ..wire.ids import ActorID, actor_object, result_count
from .options import TASK, Option, check, number_of_returns, pack_exceptions
from .signatures import Signature

NOT_COUNTED = -1  # max_pending_calls: any number


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """What is known of a method, and how it is to be called; the names are Ray's."""

    name: str
    signature: Signature
    num_returns: int | str | None = None
    max_task_retries: int | None = None  # None: as the actor's
    retry_exceptions: bytes = b""
    concurrency_group: str = ""
    is_generator: bool = False
    backpressure: int = -1  # how many items a generator may be ahead of its caller; -1: any number
    enable_task_events: bool | None = None  # whether the event store is told of a call; None: as the actor's
    decorator: bytes = b""  # what the class wants to be done around each call, pickled; see `ActorMethod`


@dataclass(frozen=True, slots=True)
class ActorMeta:
    """What a handle knows of its actor's class."""

    class_id: bytes
    class_name: str
    qualname: str
    module: str
    methods: dict[str, MethodOptions]
    max_task_retries: int
    max_pending_calls: int
    is_async: bool
    enable_task_events: bool


# What may be given to `.method.options(...)` and to `@method(...)`.
METHOD_OPTIONS = {
    **{key: TASK[key] for key in ("num_returns", "retry_exceptions", "name", "enable_task_events")},
    **{key: TASK[key] for key in ("_labels", "_generator_backpressure_num_objects")},
    "max_task_retries": Option((int, type(None))),
    "concurrency_group": Option((str, type(None))),
    "tensor_transport": Option((str, type(None)), effect=False),
}


class ActorHandle:
    """A handle of an actor; made by `Class.remote(...)` and `get_actor`, never by hand.

    Example:
        >>> counter = Counter.remote()
        >>> ray.get(counter.increment.remote())
        1
    """

    def __init__(self, actor_id: bytes, meta: ActorMeta, ref: ObjectRef | None) -> None:
        self._ray_actor_id = ActorID(actor_id)
        self._ray_meta = meta
        self._ray_ref = ref  # None: a weak handle, which does not keep the actor alive
        self._ray_session = here.session_dir  # where it is valid
        self._ray_pending: deque[ObjectRef] = deque()  # results of calls that may not be done yet
        self._ray_calls: dict[str, Calls] = {}  # what the calls of a method have in common, once one is made

    @property
    def _actor_id(self) -> ActorID:
        return self._ray_actor_id

    @property
    def _ray_weak_ref(self) -> bool:
        return self._ray_ref is None

    def __getattr__(self, name: str) -> "ActorMethod":
        options = self._ray_meta.methods.get(name) if not name.startswith("_ray_") else None
        if options is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        calls = self._ray_calls.get(name)
        if calls is None:
            calls = self._ray_calls[name] = _calls_of(self, options)
        return ActorMethod(self, options, calls)

    def __dir__(self) -> list[str]:
        return list(self._ray_meta.methods)

    def __repr__(self) -> str:
        return f"Actor({self._ray_meta.qualname}, {self._ray_actor_id.hex()})"

    def __hash__(self) -> int:
        return hash(self._ray_actor_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorHandle) and self._ray_actor_id == other._ray_actor_id

    def __reduce__(self) -> Any:  # noqa: ANN401 - pickle's own protocol
        actor_id = self._ray_actor_id.binary()
        if self._ray_ref is None:
            return load_weak_handle, (actor_id, self._ray_meta)
        if not CollectRefs.active():
            # Nobody can tell when the pickle is gone: from now on, this process keeps the actor alive.
            _pickled_elsewhere.append(self._ray_ref)
            return load_handle, (actor_id, self._ray_meta, None)
        return load_handle, (actor_id, self._ray_meta, self._ray_ref)


_pickled_elsewhere: list[ObjectRef] = []


def load_handle(actor_id: bytes, meta: ActorMeta, ref: ObjectRef | None) -> ActorHandle:
    """Unpickle a handle."""
    if ref is None and ObjectRef.port is not None:
        ref = ObjectRef.port.load(actor_object(actor_id))
    return ActorHandle(actor_id, meta, ref)


def load_weak_handle(actor_id: bytes, meta: ActorMeta) -> ActorHandle:
    """Unpickle a handle that does not keep its actor alive."""
    return ActorHandle(actor_id, meta, None)


class ActorMethod:
    """A method of an actor, ready to be called with `.remote(...)`.

    A method may have an attribute `__ray_invocation_decorator__`, a function that takes a function of the
    arguments (a sequence and a dictionary), which makes the call, and returns another to be used instead.
    """

    __slots__ = ("_calls", "_handle", "_options")

    def __init__(self, handle: ActorHandle, options: MethodOptions, calls: Calls) -> None:
        self._handle, self._options, self._calls = handle, options, calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        name = self._options.name
        raise TypeError(
            "Actor methods cannot be called directly. Instead of running "
            f"'object.{name}()', try 'object.{name}.remote()'."
        )

    def remote(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Call the method; return at once.

        Args:
            *args: positional arguments; an `ObjectRef` is replaced by its value, as for tasks.
            **kwargs: keyword arguments, likewise.

        Returns:
            An `ObjectRef`; a list of them if the method has `num_returns` > 1; None if it has 0.

        Raises:
            TypeError: the arguments do not fit the method's signature, or something cannot be pickled.
            PendingCallsLimitExceeded: as many calls are under way as `max_pending_calls` allows.
        """
        return self._remote(args, kwargs)

    def options(self, **changes: Any) -> "ActorMethod":  # noqa: ANN401
        """The same method with other options, for the next call.

        Args:
            **changes: `num_returns`, `name`, `concurrency_group`, `max_task_retries`, `retry_exceptions`.

        Raises:
            ValueError: there is no such option (the message names the nearest one), or its value is wrong.
            TypeError: a value has the wrong type.
        """
        return self._changed(changes, changes.get("name") or "")

    def bind(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401
        """Left out: task graphs that are built before they run.

        Raises:
            LeftOutError: always.
        """
        raise left_out.error("The method .bind", left_out.LEFT_OUT["dag"])

    def _remote(
        self,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        name: str = "",
        **changes: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """`remote` as Ray's own code calls it."""
        if changes or name:
            return self._changed(changes, name)._remote(args, kwargs)
        handle, calls = self._handle, self._calls
        if self._options.decorator:
            undecorated = ActorMethod(handle, replace(self._options, decorator=b""), calls)
            return pickle.loads(self._options.decorator)(undecorated._remote)(args, kwargs or {})
        args, kwargs, meta = tuple(args), kwargs or {}, handle._ray_meta
        self._options.signature.check(calls.function, args, kwargs)
        core = current.core or current.connected_core()
        if meta.max_pending_calls == NOT_COUNTED:
            return core.submission.submit(calls, args, kwargs)
        _check_pending(handle, self._options.name, core.arrivals.expected)
        returned = core.submission.submit(calls, args, kwargs)
        handle._ray_pending.extend(returned[:1] if isinstance(returned, list) else filter(None, [returned]))
        return returned

    def _changed(self, changes: dict[str, Any], name: str) -> "ActorMethod":
        """The same method with other options; its tasks are named so, unless the name is ""."""
        options = changed(self._options, changes)
        return ActorMethod(self._handle, options, _calls_of(self._handle, options, name or self._calls.name))

    def __repr__(self) -> str:
        return f"<method {self._options.name} of {self._handle!r}>"


def _calls_of(handle: ActorHandle, options: MethodOptions, name: str = "") -> Calls:
    """What all calls of a method with these options have in common; "" names the tasks after it."""
    meta, retries, recorded = handle._ray_meta, options.max_task_retries, options.enable_task_events
    full_name = f"{meta.class_name}.{options.name}"
    num_returns = number_of_returns(options.num_returns, options.is_generator)
    return Calls(
        name or full_name,
        full_name,
        num_returns,
        result_count(num_returns),
        max_retries=meta.max_task_retries if retries is None else retries,
        retry_exceptions=options.retry_exceptions,
        backpressure=options.backpressure,
        actor=handle._ray_actor_id.binary(),
        method=options.name,
        group=options.concurrency_group,
        recorded=meta.enable_task_events if recorded is None else recorded,
    )


def changed(options: MethodOptions, changes: dict[str, Any]) -> MethodOptions:
    """The options of a method with some changed.

    Raises:
        ValueError: there is no such option, or its value is wrong.
        TypeError: a value has the wrong type.
    """
    check(METHOD_OPTIONS, changes, "actor methods")
    given = {key: value for key, value in changes.items() if value is not None}
    if "retry_exceptions" in given:
        given["retry_exceptions"] = pack_exceptions(given["retry_exceptions"])
    if "_generator_backpressure_num_objects" in given:
        given["backpressure"] = given["_generator_backpressure_num_objects"]
    given.pop("name", None)  # it is for the tasks
    return replace(options, **{key: given[key] for key in given if key in MethodOptions.__dataclass_fields__})


def _check_pending(handle: ActorHandle, method: str, expected: set[bytes]) -> None:
    """Forget the calls that are done; refuse another one if too many are left.

    Raises:
        PendingCallsLimitExceeded: they are.
    """
    pending, limit = handle._ray_pending, handle._ray_meta.max_pending_calls
    while pending and pending[0].binary() not in expected:
        pending.popleft()
    if len(pending) >= limit:
        handle._ray_pending = pending = deque(ref for ref in pending if ref.binary() in expected)
    if len(pending) >= limit:
        raise PendingCallsLimitExceeded(
            f"The task {method} could not be submitted to {handle!r} because more than {limit} tasks "
            "are queued on the actor. This limit can be adjusted with the `max_pending_calls` actor option."
        )
