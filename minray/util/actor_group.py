"""`ray.util.actor_group.ActorGroup`: several actors of one class, called all at once; deprecated in Ray."""

import warnings
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from ..api import get, wait
from ..frontend.actor_handle import ActorHandle
from ..frontend.named_actors import kill
from ..remote_function import remote


@dataclass
class ActorWrapper:
    """A member of a group: its handle, and what its method `get_actor_metadata` returned, if it has one."""

    actor: ActorHandle
    metadata: Any


class ActorGroupMethod:
    """A method of all actors of a group, ready to be called with `.remote(...)`."""

    def __init__(self, group: "ActorGroup", name: str) -> None:
        self._group = group
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        raise TypeError(
            f"The methods of an ActorGroup cannot be called directly. Instead of '{self._name}()', use "
            f"'{self._name}.remote()'."
        )

    def remote(self, *args: Any, **kwargs: Any) -> list[Any]:  # noqa: ANN401
        """Call the method of each actor; return at once.

        Args:
            *args: for each of the calls.
            **kwargs: likewise.

        Returns:
            What each `.remote(...)` returned, in the order of the actors.
        """
        return [getattr(member.actor, self._name).remote(*args, **kwargs) for member in self._group.actors]


class ActorGroup:
    """Actors of one class, which share their fate.

    Args:
        actor_cls: an ordinary class, or one made by `@remote`.
        num_actors: how many.
        num_cpus_per_actor: what each holds.
        num_gpus_per_actor: likewise.
        resources_per_actor: likewise, by resource name.
        init_args: for each constructor.
        init_kwargs: likewise.

    Raises:
        ValueError: a number is too small.

    Example:
        >>> group = ActorGroup(Counter, num_actors=3)
        >>> ray.get(group.increment.remote(2))
        [2, 2, 2]
        >>> group.shutdown()
    """

    def __init__(
        self,
        actor_cls: Any,  # noqa: ANN401 - a class, or an ActorClass
        num_actors: int = 1,
        num_cpus_per_actor: float = 1,
        num_gpus_per_actor: float = 0,
        resources_per_actor: dict[str, float] | None = None,
        init_args: tuple[Any, ...] | None = None,
        init_kwargs: dict[str, Any] | None = None,
    ) -> None:
        warnings.warn(
            "ActorGroup is deprecated; use ray.util.multiprocessing, or make the actors one by one.",
            DeprecationWarning,
            stacklevel=2,
        )
        if num_actors <= 0:
            raise ValueError(f"num_actors must be a positive number, but it is {num_actors}.")
        if num_cpus_per_actor < 0 or num_gpus_per_actor < 0:
            raise ValueError("The numbers of CPUs and GPUs per actor must not be negative.")
        cls = actor_cls if hasattr(actor_cls, "remote") else remote(actor_cls)
        self._class = cls.options(
            num_cpus=num_cpus_per_actor, num_gpus=num_gpus_per_actor, resources=resources_per_actor or {}
        )
        self._init_args, self._init_kwargs = init_args or (), init_kwargs or {}
        self._size = num_actors
        self.actors: list[ActorWrapper] = []
        self.start()

    def __getattr__(self, name: str) -> ActorGroupMethod:
        if name.startswith("_") or name == "actors":
            raise AttributeError(name)
        if not self.actors:
            raise RuntimeError("This ActorGroup has been shut down. Start it again with .start().")
        getattr(self.actors[0].actor, name)  # an AttributeError if there is no such method
        return ActorGroupMethod(self, name)

    def __len__(self) -> int:
        return len(self.actors)

    def __getitem__(self, index: int) -> ActorWrapper:
        return self.actors[index]

    def start(self) -> None:
        """Make the actors, after `shutdown`.

        Raises:
            RuntimeError: they are there.
        """
        if self.actors:
            raise RuntimeError("The actors have been started already. Call shutdown() first.")
        self.add_actors(self._size)

    def shutdown(self, patience_s: float = 5) -> None:
        """End all actors.

        Args:
            patience_s: how long they may take to do so in good order; after that they are killed.
        """
        actors, self.actors = [member.actor for member in self.actors], []
        leaving = [actor.__ray_terminate__.remote() for actor in actors] if patience_s > 0 else []
        late = wait(leaving, num_returns=len(leaving), timeout=patience_s)[1] if leaving else actors
        if late:
            for actor in actors:
                kill(actor)

    def add_actors(self, num_actors: int) -> None:
        """Make further actors; return when they are there and have told their metadata."""
        make = self._class.remote
        made = [make(*self._init_args, **self._init_kwargs) for _ in range(num_actors)]
        tellers = [actor for actor in made if hasattr(actor, "get_actor_metadata")]
        found = get([actor.get_actor_metadata.remote() for actor in tellers])
        self.actors += [ActorWrapper(*pair) for pair in zip_longest(made, found)]

    def remove_actors(self, actor_indexes: list[int]) -> None:
        """Let go of the actors at these places; each ends when its calls are done."""
        self.actors = [actor for index, actor in enumerate(self.actors) if index not in set(actor_indexes)]

    @property
    def actor_metadata(self) -> list[Any]:
        """What the actors' methods `get_actor_metadata` returned when the actors were made."""
        return [member.metadata for member in self.actors]
