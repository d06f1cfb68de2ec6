"""Actors that others have made: found by their names, listed; and any actor, killed."""

import pickle
from typing import Any

from ..core_worker import current
from ..exceptions import ActorHandleNotFoundError, RaySystemError
from ..session import here
from ..wire.messages import GetActor, KillActor
from .actor_handle import ActorHandle


def get_actor(name: str, namespace: str | None = None) -> ActorHandle:
    """A handle of a named actor.

    The handle does not keep the actor alive: that is up to those who hold the handle that `.remote(...)`
    returned, or to ``lifetime="detached"``.

    Args:
        name: as given to ``options(name=...)``.
        namespace: as given to ``options(namespace=...)``; by default, that of the caller.

    Raises:
        ValueError: there is no living actor of that name in that namespace.

    Example:
        >>> Counter.options(name="tally", lifetime="detached").remote()
        Actor(Counter, ...)
        >>> ray.get(ray.get_actor("tally").increment.remote())
        1
    """
    if not isinstance(name, str) or not name:
        raise ValueError("Please supply a non-empty value to get_actor")
    current.check_namespace(namespace)
    core = current.connected_core()
    where = namespace or current.own_namespace()
    found = core.outbox.request(lambda number: GetActor(number, name, where))
    if found is None:
        raise ValueError(
            f"Failed to look up actor with name '{name}'. This could because 1. You are trying to look up a "
            "named actor you didn't create. 2. The named actor died. 3. You did not use a namespace matching "
            f"the namespace of the actor (looked in {where!r})."
        )
    return ActorHandle(found[0], pickle.loads(found[1]), None)


def list_named_actors(all_namespaces: bool = False) -> list[Any]:
    """The named actors that live.

    Args:
        all_namespaces: whether to list those of all namespaces and not only of the caller's.

    Returns:
        Names; with `all_namespaces`, mappings with the keys name and namespace.
    """
    names = current.connected_core().query("named_actors")
    if all_namespaces:
        return [{"namespace": namespace, "name": name} for namespace, name in names]
    own = current.own_namespace()
    return [name for namespace, name in names if namespace == own]


def kill(actor: ActorHandle, *, no_restart: bool = True) -> None:
    """End an actor's process at once; its calls that are not done fail. No `atexit` handlers run.

    Args:
        actor: its handle.
        no_restart: whether it stays dead even if its `max_restarts` would let it come back.

    Raises:
        ValueError: this is no handle.
        ActorHandleNotFoundError: the handle belongs to a session that has ended.
    """
    if current.core is None:  # as in Ray, this comes before what else is wrong
        raise RaySystemError(current.NOT_STARTED)
    if not isinstance(actor, ActorHandle):
        raise ValueError(
            f"ray.kill() only supported for actors. For tasks, try ray.cancel(). Got: {type(actor)}."
        )
    if actor._ray_session != here.session_dir:
        raise ActorHandleNotFoundError(
            "ActorHandle objects are not valid across Ray sessions. The actor handle was created in another "
            "session, and its actor ended with it. Make the actor again."
        )
    current.core.outbox.send(KillActor(actor._actor_id.binary(), no_restart))
