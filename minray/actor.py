"""`@remote` on a class: makes it one whose instances are actors, each in a worker process of its own.

::

    Counter.remote(5) -> CreateActor: class and arguments -> local scheduler -> a worker runs Counter(5)
         |
         '-> ActorHandle, at once: calls wait in line until the actor is there

Source: https://docs.ray.io/en/latest/ray-core/actors.html.
"""

import inspect
import os
import pickle
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import cloudpickle

from . import left_out
from .core_worker import current
from .core_worker.outbox import Outbox
from .exceptions import ActorAlreadyExistsError
from .frontend.actor_handle import METHOD_OPTIONS, ActorHandle, ActorMeta, ActorMethod, MethodOptions, changed
from .frontend.actor_options import ActorOptions, check_options
from .frontend.options import check
from .frontend.placing import place
from .frontend.signatures import Signature
from .runtime_env import merge
from .session import here
from .values.functions import serialize_function
from .values.ref import ObjectRef
from .wire.ids import ActorID, actor_object, creation_task
from .wire.messages import CONSTRUCTOR, CreateActor, SubmitTask

# What `minray.actor` shows to users.
__all__ = ["ActorClass", "ActorClassInheritanceException", "ActorHandle", "ActorMethod"]
__all__ += ["exit_actor", "method"]

_METHOD_ATTRIBUTE = "__minray_method_options__"

# Methods that every actor has besides those of its class.
BUILT_IN = {
    "__ray_ready__": Signature((), "()"),
    "__ray_terminate__": Signature((), "()"),
    "__ray_call__": Signature.of(lambda fn, *args, **kwargs: None),
}


class ActorClassInheritanceException(TypeError):  # noqa: N818 - Ray's name
    """A class was derived from one that `@remote` has been applied to."""


def method(*args: Any, **options: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - refused
    """Set options of one method of an actor's class.

    Args:
        *args: none; the decorator is used with keywords only.
        **options: `num_returns`, `concurrency_group`, `max_task_retries`, `retry_exceptions`.

    Raises:
        ValueError: there is no such option, or its value is wrong.

    Example:
        >>> @ray.remote
        ... class Splitter:
        ...     @ray.method(num_returns=2)
        ...     def halves(self, n):
        ...         return n // 2, n - n // 2
    """
    if args or not options:
        raise AssertionError(
            "The @ray.method decorator must be applied using at least one of the arguments "
            f"{sorted(METHOD_OPTIONS)}, as in @ray.method(num_returns=2)."
        )
    if "num_return_vals" in options:  # the name before Ray 1.0
        options["num_returns"] = options.pop("num_return_vals")
    check(METHOD_OPTIONS, options, "@ray.method")

    def mark(function: Any) -> Any:  # noqa: ANN401 - what it decorates
        setattr(function, _METHOD_ATTRIBUTE, options)
        return function

    return mark


class ActorClass:
    """A class whose instances are actors; made by `@remote`.

    Attributes of the class, such as constants, static methods and nested classes, can be used through it.

    Example:
        >>> @ray.remote
        ... class Counter:
        ...     def __init__(self):
        ...         self.value = 0
        ...     def increment(self):
        ...         self.value += 1
        ...         return self.value
        >>> counter = Counter.remote()
        >>> ray.get([counter.increment.remote() for _ in range(3)])
        [1, 2, 3]
    """

    def __init__(self, cls: type, options: dict[str, Any]) -> None:
        check_options(options)
        self._ray_class, self._ray_options = cls, options
        self._ray_id = os.urandom(16)
        self._ray_methods = _methods_of(cls)
        self._ray_is_async = any(
            inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
            for _, function in inspect.getmembers(cls, inspect.isfunction)
        )
        self.__ray_metadata__ = SimpleNamespace(class_name=cls.__name__, modified_class=cls)
        self.__doc__ = cls.__doc__
        self.__name__, self.__qualname__, self.__module__ = cls.__name__, cls.__qualname__, cls.__module__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        name = self._ray_class.__name__
        raise TypeError(
            f"Actors cannot be instantiated directly. Instead of '{name}()', use '{name}.remote()'."
        )

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        name = self._ray_class.__name__
        raise ActorClassInheritanceException(
            f"Attempted to define a subclass of the actor class '{name}'. Inheriting from actor classes is "
            "not currently supported. You can instead inherit from a non-actor base class and make the "
            "derived class an actor class (with @ray.remote)."
        )

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the class has
        if name.startswith(("_ray_", "__")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._ray_class, name)

    def remote(self, *args: Any, **kwargs: Any) -> ActorHandle:  # noqa: ANN401
        """Create an actor; return at once.

        Args:
            *args: for the constructor; an `ObjectRef` is replaced by its value, as for tasks.
            **kwargs: likewise.

        Returns:
            A handle, whose calls wait until the actor is there.

        Raises:
            TypeError: the arguments do not fit the constructor, or something cannot be pickled.
            ValueError: there is an actor of that name already.
        """
        return self._remote(args, kwargs)

    def options(self, **options: Any) -> "ActorClass":  # noqa: ANN401
        """The same class with other options, for the next actor.

        Args:
            **options: `num_cpus`, `num_gpus`, `resources`, `name`, `namespace`, `lifetime`, `get_if_exists`,
                `max_restarts`, `max_task_retries`, `max_pending_calls`, `max_concurrency`, ...

        Raises:
            ValueError: there is no such option (the message names the nearest one), or its value is wrong.
            TypeError: a value has the wrong type.
        """
        check_options(options, in_options=True)
        other = ActorClass.__new__(ActorClass)
        other.__dict__.update(self.__dict__)
        other._ray_options = {**self._ray_options, **options}
        return other

    def _remote(
        self,
        args: Any = (),  # noqa: ANN401 - a list or tuple
        kwargs: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> ActorHandle:
        """`remote` as Ray's own code calls it."""
        if options:
            return self.options(**options)._remote(args, kwargs)
        args, kwargs = tuple(args), kwargs or {}
        self._ray_methods["__init__"].signature.check(self._ray_class.__name__, args, kwargs)
        chosen = ActorOptions.of(self._ray_options, self._ray_is_async)
        core = current.connected_core()
        name = self._ray_class.__name__
        if self._ray_id not in core.submission.exported:
            blob = serialize_function(self._ray_class, name)
            core.submission.export(self._ray_id, name, blob, "The actor")
        meta = ActorMeta(
            self._ray_id,
            name,
            self._ray_class.__qualname__,
            self._ray_class.__module__,
            self._ray_methods,
            chosen.max_task_retries,
            chosen.max_pending_calls,
            self._ray_is_async,
            chosen.enable_task_events,
        )
        return _create(core.outbox, meta, chosen, args, kwargs)

    def bind(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401
        """Left out: task graphs that are built before they run.

        Raises:
            LeftOutError: always.
        """
        raise left_out.error("The method .bind", left_out.LEFT_OUT["dag"])

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._ray_class)})

    def __repr__(self) -> str:
        return f"ActorClass({self._ray_class.__name__})"


def _methods_of(cls: type) -> dict[str, MethodOptions]:
    """What can be called on an actor of this class."""
    found = {}
    for name, function in inspect.getmembers(cls, inspect.isroutine):
        kind = inspect.getattr_static(cls, name)
        if name.startswith("__") and not inspect.isfunction(kind):
            continue  # what every object has, such as __repr__
        is_bound = isinstance(kind, staticmethod) or inspect.ismethod(function)
        function = inspect.unwrap(getattr(function, "__func__", function)) if is_bound else function
        skip = 0 if isinstance(kind, staticmethod) else 1
        options = MethodOptions(
            name,
            Signature.of(function, skip),
            is_generator=inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function),
            decorator=_pickled(getattr(function, "__ray_invocation_decorator__", None)),
        )
        found[name] = changed(options, getattr(function, _METHOD_ATTRIBUTE, {}))
    if "__init__" not in found:
        found["__init__"] = MethodOptions("__init__", Signature((), "()"))
    found |= {name: MethodOptions(name, signature) for name, signature in BUILT_IN.items()}
    return found


def _pickled(decorator: object) -> bytes:
    """A function as it travels in handles, to processes that do not have the class; b"" for none."""
    return bytes(cloudpickle.dumps(decorator)) if decorator is not None else b""


def _constructor(
    meta: ActorMeta, chosen: ActorOptions, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[SubmitTask, list[ObjectRef]]:
    """The spec of a new actor's first task, and references to keep until it is sent."""
    submitted = time.time()
    demand, placement = place(chosen, chosen.lifetime_demand, meta.qualname, chosen.needs)
    full_name = f"{meta.module}.{meta.qualname}.__init__"
    packed, refs, contained, kept = current.connected_core().submission.pack(args, kwargs, full_name)
    constructor = SubmitTask(
        creation_task(ActorID.of(current.job_id()).binary()),
        meta.class_id,
        f"{meta.class_name}.__init__",
        packed,
        refs,
        contained,
        num_returns=0,
        resources=demand,
        max_retries=0,
        retry_exceptions=b"",
        submitted=submitted,
        environment=merge(here.environment, chosen.environment),
        placement=placement,
        method=CONSTRUCTOR,
        recorded=chosen.enable_task_events,
    )
    return constructor, kept


def _create(
    outbox: Outbox, meta: ActorMeta, chosen: ActorOptions, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ActorHandle:
    """Ask for an actor.

    Raises:
        ValueError: there is an actor of that name already.
    """
    namespace = chosen.namespace or current.own_namespace()
    constructor, kept = _constructor(meta, chosen, args, kwargs)
    actor_id = constructor.task_id[: ActorID.SIZE]
    order = CreateActor(
        0,
        actor_id,
        tuple(constructor),
        pickle.dumps(meta),
        meta.class_name,
        chosen.name,
        namespace,
        chosen.get_if_exists,
        chosen.detached,
        chosen.needs,
        chosen.max_restarts,
        chosen.max_task_retries,
        chosen.in_order,
        chosen.max_concurrency,
        chosen.groups,
    )
    if not chosen.name:
        handle = ActorHandle(actor_id, meta, outbox.new_ref(actor_object(actor_id)))
        outbox.send(order)
        del kept
        return handle
    outcome, found_id, found_meta = outbox.request(lambda number: order._replace(request=number))
    del kept
    if outcome == "created":
        return ActorHandle(actor_id, meta, outbox.new_ref(actor_object(actor_id)))
    if outcome == "exists":
        return ActorHandle(found_id, pickle.loads(found_meta), None)
    raise ActorAlreadyExistsError(
        f"The name {chosen.name} (namespace={namespace}) is already taken. Please use a different name or "
        f'get the existing actor using ray.get_actor("{chosen.name}", namespace="{namespace}"), or '
        "options(get_if_exists=True)."
    )


def exit_actor() -> None:
    """End the actor from within one of its methods, in good order: `atexit` handlers run.

    The call that does this, and those that wait, fail with `ActorDiedError`; the actor is not restarted.

    Raises:
        TypeError: called outside an actor.
    """
    actor = here.actor
    if actor is None:
        raise TypeError(
            "exit_actor API is called on a non-actor worker. Call this API inside an actor method if you'd "
            "like to exit the actor gracefully."
        )
    actor.announce_exit("exit_actor() is called.")
    raise here.ActorExit(0)
