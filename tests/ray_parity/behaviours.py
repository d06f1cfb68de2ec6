"""What Ray and minray must do alike: each function is a body that returns what can be compared.

A body is given the engine (`minray`, or real Ray) with a running session of two CPUs.  It asserts nothing
itself: it returns plain data, and the test compares what the two engines returned.  Names of errors are
compared by class, as ``except`` clauses see them; texts, ids and times are not.
"""

from types import ModuleType
from typing import Any

import numpy as np


def outcome(call: Any) -> Any:  # noqa: ANN401 - whatever the body does
    """What a call returns, or the classes of what it raises, as `except` clauses see them."""
    try:
        return call()
    except Exception as error:
        engine = ("ray", "minray")
        names = [cls.__name__ for cls in type(error).__mro__ if cls.__module__.split(".")[0] in engine]
        plain = [cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins"]
        return {"raised": [*names, *plain]}


def values_and_containers(ray: ModuleType) -> object:
    """References as arguments are resolved at the top level and nowhere else."""

    @ray.remote
    def kinds(*args: Any, **kwargs: Any) -> list[str]:  # noqa: ANN401
        found = [*args, *kwargs.values()]
        return [type(value[0] if isinstance(value, list | tuple) else value).__name__ for value in found]

    one = ray.put(1)
    return ray.get(kinds.remote(one, [one], (one,), key=one, many=[one]))


def several_results(ray: ModuleType) -> object:
    """num_returns: the right number, too few, too many, none."""

    @ray.remote
    def three() -> tuple[int, int, int]:
        return 1, 2, 3

    found = []
    for count in (1, 2, 3, 4):
        references = three.options(num_returns=count).remote()
        first = references if count == 1 else references[0]
        found.append(outcome(lambda first=first: ray.get(first)))
    return [*found, three.options(num_returns=0).remote()]


def order_of_wait(ray: ModuleType) -> object:
    """How many are ready and how many are left; both in the order of the input.

    Which of several ready ones are taken is up to the engine: Ray takes any, minray the first.
    """
    references = [ray.put(n) for n in range(5)]
    places = [
        [references.index(reference) for reference in part] for part in ray.wait(references, num_returns=3)
    ]
    return [len(part) for part in places], [part == sorted(part) for part in places], ray.wait([])


def misuse(ray: ModuleType) -> object:
    """Which class of error each mistake raises."""

    @ray.remote
    def double(n: int) -> int:
        return 2 * n

    one = ray.put(1)
    mistakes = {
        "direct call": lambda: double(1),
        "get of a number": lambda: ray.get(1),
        "get of a tuple": lambda: ray.get((one,)),
        "get of a list of numbers": lambda: ray.get([1]),
        "put of a reference": lambda: ray.put(one),
        "wait for a number": lambda: ray.wait(1),
        "wait for a reference": lambda: ray.wait(one),
        "wait for numbers": lambda: ray.wait([1]),
        "wait for too many": lambda: ray.wait([one], num_returns=2),
        "wait for none": lambda: ray.wait([one], num_returns=0),
        "wait for twice the same": lambda: ray.wait([one, one]),
        "wait with a negative timeout": lambda: ray.wait([one], timeout=-1),
        "too few arguments": lambda: double.remote(),
        "too many arguments": lambda: double.remote(1, 2),
        "unknown argument": lambda: double.remote(m=1),
        "cancel of a number": lambda: ray.cancel(1),
        "init twice": lambda: ray.init(),
        "unknown option": lambda: double.options(no_such_option=1),
        "negative num_returns": lambda: double.options(num_returns=-1),
        "negative num_cpus": lambda: double.options(num_cpus=-1),
    }
    return {name: outcome(mistake) for name, mistake in mistakes.items()}


def errors_of_tasks(ray: ModuleType) -> object:
    """What `get` raises when a task failed, its input failed, or its child failed."""

    @ray.remote
    def fail(kind: type[Exception]) -> None:
        raise kind("on purpose")

    @ray.remote
    def use(value: object) -> object:
        return value

    @ray.remote
    def parent() -> object:
        return ray.get(fail.remote(KeyError))

    @ray.remote
    def lock() -> object:
        import threading

        return threading.Lock()

    return {
        "value": outcome(lambda: ray.get(fail.remote(ValueError))),
        "system": outcome(lambda: ray.get(fail.remote(OSError))),
        "input": outcome(lambda: ray.get(use.remote(fail.remote(ValueError)))),
        "child": outcome(lambda: ray.get(parent.remote())),
        "result that cannot be pickled": outcome(lambda: ray.get(lock.remote())),
        "wait": len(ray.wait([fail.remote(ValueError)])[0]),
    }


def dying_workers(ray: ModuleType) -> object:
    """A worker that dies under its task, without retries; and what a task raises that needs the result.

    Of the latter only whether it can be caught by the same name: Ray wraps it in a RayTaskError.
    """

    @ray.remote(max_retries=0)
    def die() -> None:
        import os

        os._exit(1)

    @ray.remote
    def use(value: object) -> object:
        return value

    needed = outcome(lambda: ray.get(use.remote(die.remote())))
    return [outcome(lambda: ray.get(die.remote())), "WorkerCrashedError" in needed["raised"]]


def waiting_in_vain(ray: ModuleType) -> object:
    """Timeouts of get and wait, and a task that can never run."""

    @ray.remote(num_cpus=100)
    def impossible() -> None:
        return None

    never = impossible.remote()
    found = [
        outcome(lambda: ray.get(never, timeout=0.01)),
        outcome(lambda: ray.get(never, timeout=0)),
        [len(part) for part in ray.wait([never], timeout=0.01)],
    ]
    ray.cancel(never)
    return [*found, outcome(lambda: ray.get(never, timeout=30))]


def arrays(ray: ModuleType) -> object:
    """Large arrays come back read-only, small ones as well; equal in any case."""

    @ray.remote
    def make(size: int) -> "np.ndarray[Any, Any]":
        return np.ones(size)

    found = []
    for size in (10, 1_000_000):
        array = ray.get(make.remote(size))
        found.append((float(array.sum()), array.dtype.name))
    return [*found, ray.get(make.remote(1_000_000)).flags.writeable]


def nested_tasks(ray: ModuleType) -> object:
    """Tasks that wait for tasks, deeper than there are CPUs."""

    @ray.remote
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + ray.get(depth.remote(n - 1))

    return ray.get(depth.remote(5))


def what_the_session_tells(ray: ModuleType) -> object:
    """Resources and nodes, as far as they cannot differ."""
    (node,) = ray.nodes()
    return (
        ray.is_initialized(),
        ray.cluster_resources()["CPU"],
        node["Resources"]["CPU"],
        node["Alive"],
        sorted(
            key.split(":")[0] for key in node["Resources"] if key.split(":")[0] in ("CPU", "memory", "node")
        ),
    )


BEHAVIOURS = (
    values_and_containers,
    several_results,
    order_of_wait,
    misuse,
    errors_of_tasks,
    dying_workers,
    waiting_in_vain,
    arrays,
    nested_tasks,
    what_the_session_tells,
)
