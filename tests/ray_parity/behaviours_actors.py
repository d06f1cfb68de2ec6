"""What Ray and minray must do alike with actors: plain and named ones; see `behaviours`."""

import os
import time
from types import ModuleType
from typing import Any

from behaviours import outcome


def raised(call: Any) -> str:  # noqa: ANN401 - whatever the body does
    """The first class of what a call raises, or what it returns."""
    found = outcome(call)
    return found["raised"][0] if isinstance(found, dict) and "raised" in found else repr(found)


def state_and_order(ray: ModuleType) -> object:
    """Calls of one caller run in their order; state stays; arguments and results as with tasks."""

    @ray.remote
    class Counter:
        def __init__(self, start: int, *, step: int = 1) -> None:
            self.value, self.step = start, step

        def add(self, *amounts: int) -> int:
            self.value += sum(amounts) * self.step
            return self.value

        def kind_of(self, value: object) -> str:
            return type(value[0] if isinstance(value, list) else value).__name__

        @ray.method(num_returns=2)
        def both(self) -> tuple[int, int]:
            return self.value, self.step

    counter = Counter.remote(ray.put(10), step=2)
    first = ray.get([counter.add.remote(n) for n in range(20)])
    return [
        first,
        ray.get(counter.add.remote(1, 2, ray.put(3))),
        ray.get(counter.kind_of.remote(ray.put(1))),
        ray.get(counter.kind_of.remote([ray.put(1)])),
        ray.get(counter.both.remote()),
        ray.get(counter.both.options(num_returns=1).remote()),
    ]


def inheritance(ray: ModuleType) -> object:
    """`super()`, class methods, static methods, properties, nested classes, mix-ins."""

    class Base:
        kind = "base"

        def __init__(self) -> None:
            self.log = ["Base"]

        def name(self) -> str:
            return "base"

        @classmethod
        def of_class(cls) -> str:
            return cls.kind

        @staticmethod
        def plain(n: int) -> int:
            return n + 1

    @ray.remote
    class Derived(Base):
        kind = "derived"

        def __init__(self) -> None:
            super().__init__()
            self.log.append("Derived")

        def name(self) -> str:
            return "derived of " + super().name()

        def get_log(self) -> list[str]:
            return self.log

    actor = Derived.remote()
    return [
        ray.get(actor.get_log.remote()),
        ray.get(actor.name.remote()),
        ray.get(actor.of_class.remote()),
        ray.get(actor.plain.remote(1)),
    ]


def mistakes_with_actors(ray: ModuleType) -> object:
    """Which class of error each mistake raises."""

    @ray.remote
    class Actor:
        def __init__(self, n: int) -> None:
            self.n = n

        def double(self, n: int) -> int:
            return 2 * n

    actor = Actor.remote(1)
    mistakes = {
        "made without remote": lambda: Actor(1),
        "called without remote": lambda: actor.double(1),
        "no such method": lambda: actor.triple.remote(1),
        "too few arguments": lambda: actor.double.remote(),
        "too many arguments": lambda: actor.double.remote(1, 2),
        "unknown argument": lambda: actor.double.remote(m=1),
        "too few for the constructor": lambda: Actor.remote(),
        "too many for the constructor": lambda: Actor.remote(1, 2),
        "unknown option": lambda: Actor.options(no_such_option=1),
        "negative max_restarts": lambda: Actor.options(max_restarts=-2),
        "unknown lifetime": lambda: Actor.options(lifetime="long").remote(1),
        "name that is no text": lambda: Actor.options(name=1).remote(1),
        "empty name": lambda: Actor.options(name="").remote(1),
        "kill of a number": lambda: ray.kill(1),
        "kill of a reference": lambda: ray.kill(ray.put(1)),
        "get_actor without a name": lambda: ray.get_actor(""),
        "get_actor of nobody": lambda: ray.get_actor("nobody"),
        "get of a handle": lambda: ray.get(actor),
    }
    return {name: raised(mistake) for name, mistake in mistakes.items()}


def failing_actors(ray: ModuleType) -> object:
    """Errors of methods and constructors, death, and calls after it."""

    @ray.remote
    class Actor:
        def __init__(self, fails: bool = False) -> None:
            self.calls = 0
            if fails:
                raise ValueError("constructor")

        def fail(self) -> None:
            raise KeyError("method")

        def count(self) -> int:
            self.calls += 1
            return self.calls

        def die(self) -> None:
            os._exit(1)

        def leave(self) -> None:
            ray.actor.exit_actor()

    broken, alive = Actor.remote(True), Actor.remote()
    found: dict[str, Any] = {
        "constructor raises": outcome(lambda: ray.get(broken.count.remote(), timeout=60)),
        "method raises": outcome(lambda: ray.get(alive.fail.remote())),
        "state after that": ray.get(alive.count.remote()),
        "wait for a failed call": len(ray.wait([alive.fail.remote()])[0]),
    }
    for name, end in (("die", Actor.remote()), ("leave", Actor.remote())):
        found[f"{name}: the call"] = outcome(lambda end=end, name=name: ray.get(getattr(end, name).remote()))
        found[f"{name}: the next"] = outcome(lambda end=end: ray.get(end.count.remote(), timeout=60))
    killed = Actor.remote()
    ray.get(killed.count.remote())
    ray.kill(killed)
    found["killed"] = outcome(lambda: ray.get(killed.count.remote(), timeout=60))
    ray.kill(killed)
    return found


def restarts(ray: ModuleType) -> object:
    """max_restarts and max_task_retries: how often an actor comes back, with which state, and its calls."""

    @ray.remote(max_restarts=1, max_task_retries=0)
    class Actor:
        def __init__(self) -> None:
            self.calls = 0

        def count(self) -> int:
            self.calls += 1
            return self.calls

        def again(self) -> bool:
            return bool(ray.get_runtime_context().was_current_actor_reconstructed)

        def die(self) -> None:
            os._exit(1)

    actor = Actor.remote()
    found = [ray.get([actor.count.remote(), actor.count.remote(), actor.again.remote()])]
    found.append(raised(lambda: ray.get(actor.die.remote(), timeout=60)))
    deadline = time.monotonic() + 60
    while (answer := raised(lambda: ray.get(actor.count.remote(), timeout=60))) not in ("1", "2"):
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
    found += [answer, ray.get(actor.again.remote())]
    found.append(raised(lambda: ray.get(actor.die.remote(), timeout=60)))
    found.append(raised(lambda: ray.get(actor.count.remote(), timeout=60)))
    return found


def named_actors(ray: ModuleType) -> object:
    """Names, namespaces, get_if_exists, detached actors, names that are free again."""

    @ray.remote
    class Actor:
        def __init__(self, n: int = 0) -> None:
            self.n = n

        def get(self) -> int:
            return self.n

    first = Actor.options(name="one").remote(1)
    again = Actor.options(name="one", get_if_exists=True).remote(2)
    other = Actor.options(name="one", namespace="elsewhere", lifetime="detached").remote(3)
    found: dict[str, Any] = {
        "by name": ray.get(ray.get_actor("one").get.remote()),
        "if it exists": ray.get(again.get.remote()),
        "in a namespace": ray.get(ray.get_actor("one", namespace="elsewhere").get.remote()),
        "name taken": raised(lambda: Actor.options(name="one").remote(4)),
        "listed": sorted(ray.util.list_named_actors()),
        "equal": ray.get_actor("one") == first,
    }

    @ray.remote
    def ask() -> int:
        answer: int = ray.get(ray.get_actor("one").get.remote())
        return answer

    found["from a task"] = ray.get(ask.remote())
    for actor in (first, other):
        ray.kill(actor)
    deadline = time.monotonic() + 60
    while (gone := raised(lambda: ray.get_actor("one"))) != "ValueError" and time.monotonic() < deadline:
        time.sleep(0.05)
    return {**found, "after its end": gone}


def handles(ray: ModuleType) -> object:
    """Handles travel to tasks and other actors; the last one to go ends the actor."""

    @ray.remote(num_cpus=0)
    class Actor:
        def __init__(self, friend: Any = None) -> None:  # noqa: ANN401
            self.friend, self.n = friend, 0

        def add(self) -> int:
            self.n += 1
            return self.n

        def ask_friend(self) -> int:
            answer: int = ray.get(self.friend.add.remote())
            return answer

        def myself(self) -> object:
            return ray.get_runtime_context().current_actor

    @ray.remote
    def use(actor: Any, many: list[Any]) -> int:  # noqa: ANN401
        return sum(ray.get([one.add.remote() for one in [actor, *many]]))

    actor = Actor.remote()
    friend = Actor.remote(actor)
    myself = ray.get(actor.myself.remote())
    return [
        ray.get(use.remote(actor, [actor, actor])),
        ray.get(friend.ask_friend.remote()),
        ray.get(myself.add.remote()),
        myself == actor,
        hash(myself) == hash(actor),
    ]


BEHAVIOURS = (
    state_and_order,
    inheritance,
    mistakes_with_actors,
    failing_actors,
    restarts,
    named_actors,
    handles,
)
