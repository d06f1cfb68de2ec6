"""Several nodes: where tasks, actors and groups go, and what a node's death does; see ``behaviours.py``.

A head with one CPU and two nodes with two, started by the engine's own `Cluster`.  A node has a resource of
its name, and says by it what it is called, since ids are new each time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from behaviours_groups import outcome

NAMES = ("head", "first", "second", "third")
CLUSTERS: dict[str, Any] = {}  # by engine


@contextmanager
def session(ray: ModuleType) -> Iterator[None]:
    """A cluster that this process has joined."""
    cluster = import_module(f"{ray.__name__}.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "resources": {"head": 10}}
    )
    CLUSTERS[ray.__name__] = cluster
    cluster.add_node(num_cpus=2, resources={"first": 10}, labels={"zone": "a"})
    cluster.add_node(num_cpus=2, resources={"second": 10}, labels={"zone": "b", "quick": "yes"})
    ray.init(address=cluster.address, include_dashboard=False)
    cluster.wait_for_nodes()
    yield
    ray.shutdown()
    cluster.shutdown()


def names(ray: ModuleType) -> dict[str, str]:
    """What the nodes that live are called, by their ids."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    return {node["NodeID"]: next(name for name in NAMES if name in node["Resources"]) for node in alive}


def where_task(ray: ModuleType) -> Any:  # noqa: ANN401 - a remote function
    """A task that returns its node's id, after a while."""

    @ray.remote(num_cpus=1)
    def where(seconds: float = 0.0, *_: object) -> str:
        time.sleep(seconds)
        node_id: str = ray.get_runtime_context().get_node_id()
        return node_id

    return where


def actor_class(ray: ModuleType) -> Any:  # noqa: ANN401 - a class of actors
    """An actor that knows its node."""

    @ray.remote(num_cpus=1)
    class Resident:
        def where(self) -> str:
            node_id: str = ray.get_runtime_context().get_node_id()
            return node_id

    return Resident


def wait_for_cpus(ray: ModuleType) -> None:
    """Wait until all nodes are idle; not for long, since Ray does not always report that of every node."""
    deadline = time.time() + 5
    while ray.available_resources().get("CPU") != 5 and time.time() < deadline:
        time.sleep(0.05)


def strategies(ray: ModuleType) -> ModuleType:
    """The module with the classes of scheduling strategies."""
    return import_module(f"{ray.__name__}.util.scheduling_strategies")


def the_nodes_and_what_they_have(ray: ModuleType) -> object:
    """The table of nodes, and their resources together."""
    total = ray.cluster_resources()
    return [
        sorted(
            (name, node["Resources"]["CPU"])
            for node in ray.nodes()
            for name in NAMES
            if name in node["Resources"]
        ),
        [total[name] for name in ("CPU", "head", "first", "second")],
        sorted(node["Alive"] for node in ray.nodes()),
    ]


def custom_resources_choose_the_node(ray: ModuleType) -> object:
    """Tasks, and an actor, go where a resource is."""
    called, where = names(ray), where_task(ray)
    asked = [where.options(resources={name: 1}).remote() for name in ("second", "first", "head", "second")]
    actor = actor_class(ray).options(resources={"first": 1}).remote()
    return [called[node] for node in ray.get([*asked, actor.where.remote()])]


def a_resource_that_no_node_has(ray: ModuleType) -> object:
    """A task waits for it."""
    ref = where_task(ray).options(resources={"nowhere": 1}).remote()
    ready, waiting = ray.wait([ref], timeout=0.5)
    ray.cancel(ref)
    return len(ready), len(waiting)


def affinity_to_a_node(ray: ModuleType) -> object:
    """Hard and soft, to nodes that are there and to one that is not; an actor too."""
    called, where, actors = names(ray), where_task(ray), actor_class(ray)
    affinity = strategies(ray).NodeAffinitySchedulingStrategy
    ids = {name: node for node, name in called.items()}
    found = []
    for name in ("second", "head", "first"):
        for soft in (False, True):
            wait_for_cpus(ray)
            place = affinity(node_id=ids[name], soft=soft)
            found.append(called[ray.get(where.options(scheduling_strategy=place).remote())])
    nobody = "ab" * 28
    wait_for_cpus(ray)
    actor = actors.options(scheduling_strategy=affinity(node_id=ids["second"], soft=False)).remote()
    return [
        *found,
        called[ray.get(actor.where.remote())],
        outcome(lambda: ray.get(where.options(scheduling_strategy=affinity(nobody, soft=False)).remote())),
        ray.get(where.options(scheduling_strategy=affinity(nobody, soft=True)).remote()) in called,
        outcome(
            lambda: ray.get(
                actors.options(scheduling_strategy=affinity(nobody, soft=False)).remote().where.remote()
            )
        ),
    ]


def labels_of_nodes(ray: ModuleType) -> object:
    """Strategies and selectors by label; one that no node meets lets a task wait."""
    called, where, module = names(ray), where_task(ray), strategies(ray)
    strategy = module.NodeLabelSchedulingStrategy
    hard = [
        {"zone": module.In("b")},
        {"zone": module.In("a", "c")},
        {"quick": module.Exists()},
        {"zone": module.NotIn("b"), "quick": module.DoesNotExist(), "first": module.DoesNotExist()},
    ]
    found = []
    for wanted in hard[:3]:
        wait_for_cpus(ray)
        found.append(called[ray.get(where.options(scheduling_strategy=strategy(hard=wanted)).remote())])
    place = strategy(hard=hard[3])
    anywhere = called[ray.get(where.options(scheduling_strategy=place).remote())]
    prefers = strategy(hard={"zone": module.Exists()}, soft={"zone": module.In("b")})
    wait_for_cpus(ray)
    preferred = called[ray.get(where.options(scheduling_strategy=prefers).remote())]
    for selector in ({"zone": "a"}, {"zone": "in(b,c)"}, {"zone": "!a", "quick": "yes"}):
        wait_for_cpus(ray)
        found.append(called[ray.get(where.options(label_selector=selector).remote())])
    ref = where.options(scheduling_strategy=strategy(hard={"zone": module.In("z")})).remote()
    waits = [len(refs) for refs in ray.wait([ref], timeout=0.5)]
    ray.cancel(ref)
    return [*found, anywhere in ("head", "first"), preferred in ("first", "second"), waits]


def a_busy_head_lets_tasks_spill_over(ray: ModuleType) -> object:
    """Of as many tasks as there are CPUs, some run on every node."""
    called, where = names(ray), where_task(ray)
    ray.get([where.remote(0.5) for _ in range(5)])  # so that all workers are there
    wait_for_cpus(ray)
    return sorted({called[node] for node in ray.get([where.remote(1.5) for _ in range(5)])})


def spread(ray: ModuleType) -> object:
    """Tasks and actors that want to be spread are not all in one place."""
    called, where = names(ray), where_task(ray)
    wait_for_cpus(ray)
    tasks = ray.get([where.options(scheduling_strategy="SPREAD").remote(0.5) for _ in range(6)])
    wait_for_cpus(ray)
    actors = [actor_class(ray).options(scheduling_strategy="SPREAD").remote() for _ in range(3)]
    homes = ray.get([actor.where.remote() for actor in actors])
    return sorted({called[node] for node in tasks}), sorted({called[node] for node in homes})


def tasks_go_to_their_large_arguments(ray: ModuleType) -> object:
    """What is large lies where it was made, and its reader is run there."""
    called, where = names(ray), where_task(ray)

    @ray.remote(num_cpus=1)
    def make() -> Any:  # noqa: ANN401
        return np.ones(2_000_000)

    found = []
    for name in ("second", "first"):
        array = make.options(resources={name: 1}).remote()
        ray.wait([array], fetch_local=False)
        wait_for_cpus(ray)
        found.append(called[ray.get(where.remote(0.0, array))])
    return found


def objects_are_read_on_every_node(ray: ModuleType) -> object:
    """An array that one node has made is the same on the others, and read-only there."""

    @ray.remote(num_cpus=1)
    def make() -> Any:  # noqa: ANN401
        return np.arange(1_000_000)

    @ray.remote(num_cpus=1)
    def read(array: Any) -> object:  # noqa: ANN401
        return int(array.sum()), array.flags.writeable

    array = make.options(resources={"second": 1}).remote()
    readers = [read.options(resources={name: 1}).remote(array) for name in ("head", "first", "second")]
    return ray.get(readers), int(ray.get(array).sum()), ray.get(array).flags.writeable


def groups_over_nodes(ray: ModuleType) -> object:
    """On how many nodes the bundles of a group are, by its strategy; None if it cannot be made."""

    def nodes_of(cpus: list[int], strategy: str) -> int | None:
        wait_for_cpus(ray)
        group = ray.util.placement_group([{"CPU": count} for count in cpus], strategy=strategy)
        made = group.wait(3 if sum(cpus) <= 5 else 0.5)
        table = ray.util.placement_group_table(group)
        ray.util.remove_placement_group(group)
        return len(set(table["bundles_to_node_id"].values())) if made else None

    return [
        nodes_of([1, 1], "PACK"),
        nodes_of([2, 2], "PACK"),
        nodes_of([1, 1, 1], "SPREAD"),
        nodes_of([1, 1, 1, 1, 1], "SPREAD"),
        nodes_of([1, 1], "STRICT_PACK"),
        nodes_of([1, 1, 1], "STRICT_SPREAD"),
        nodes_of([2, 1, 2], "STRICT_SPREAD"),
        nodes_of([3, 3], "PACK"),
    ]


def groups_that_cannot_be_on_these_nodes(ray: ModuleType) -> object:
    """Together where no node has room, apart where there are not enough nodes."""
    groups = [
        ray.util.placement_group([{"CPU": 1}] * 3, strategy="STRICT_PACK"),
        ray.util.placement_group([{"CPU": 1}] * 4, strategy="STRICT_SPREAD"),
    ]
    made = [group.wait(0.5) for group in groups]
    for group in groups:
        ray.util.remove_placement_group(group)
    return made


def bundles_choose_the_node(ray: ModuleType) -> object:
    """Tasks and actors in a bundle run on its node."""
    wait_for_cpus(ray)
    group = ray.util.placement_group([{"CPU": 1}] * 3, strategy="STRICT_SPREAD")
    ray.get(group.ready())
    homes = ray.util.placement_group_table(group)["bundles_to_node_id"]
    in_bundle = strategies(ray).PlacementGroupSchedulingStrategy
    where = where_task(ray)
    found = [
        ray.get(where.options(scheduling_strategy=in_bundle(group, index)).remote()) == homes[index]
        for index in range(3)
    ]
    actor = actor_class(ray).options(scheduling_strategy=in_bundle(group, 1)).remote()
    found.append(ray.get(actor.where.remote()) == homes[1])
    any_bundle = ray.get([where.options(scheduling_strategy=in_bundle(group)).remote(0.3) for _ in range(2)])
    found.append(set(any_bundle) <= set(homes.values()))
    ray.kill(actor)
    ray.util.remove_placement_group(group)
    return found


def a_node_dies(ray: ModuleType) -> object:
    """What becomes of its objects, tasks and actors."""
    cluster = CLUSTERS[ray.__name__]
    third = cluster.add_node(num_cpus=2, resources={"third": 10})
    cluster.wait_for_nodes()
    called = names(ray)
    there = {"resources": {"third": 1}}

    def make() -> Any:  # noqa: ANN401
        return np.ones(1_000_000)

    def rest(seconds: float) -> str:
        time.sleep(seconds)
        return "rested"

    def made_again() -> bool:
        try:
            return ray.get(lost, timeout=60) is not None
        except exceptions.ObjectReconstructionFailedError:  # minray's have subclasses, as Ray's once had
            return False

    exceptions = import_module(f"{ray.__name__}.exceptions")
    lost = ray.remote(make).options(max_retries=0, **there).remote()
    ray.wait([lost], fetch_local=False)
    running = ray.remote(rest).options(max_retries=0, **there).remote(60)
    actors = actor_class(ray)
    mortal = actors.options(num_cpus=0, **there).remote()
    home = called[ray.get(mortal.where.remote())]
    affinity = strategies(ray).NodeAffinitySchedulingStrategy(third.node_id, soft=True)
    again = ray.remote(make).options(scheduling_strategy=affinity).remote()
    restarts = actors.options(num_cpus=0, max_restarts=1, scheduling_strategy=affinity).remote()
    ray.get(restarts.where.remote())
    ray.wait([again], fetch_local=False)
    time.sleep(0.5)
    cluster.remove_node(third, allow_graceful=False)
    while "third" in names(ray).values():
        time.sleep(0.05)
    time.sleep(3)  # in Ray, a node's workers end a while after it
    fates: list[Callable[[], Any]] = [
        lambda: ray.get(running, timeout=60),
        lambda: ray.get(mortal.where.remote(), timeout=60),
        made_again,
        lambda: float(ray.get(again, timeout=60).sum()),
    ]
    found = [home, *(outcome(fate) for fate in fates)]
    deadline = time.time() + 60
    new_home: object = None
    while new_home is None and time.time() < deadline:
        answer = outcome(lambda: ray.get(restarts.where.remote(), timeout=10))
        new_home = called.get(str(answer))
    return [*found, new_home in ("head", "first", "second"), sorted(names(ray).values())]


BEHAVIOURS: list[Callable[[ModuleType], object]] = [
    the_nodes_and_what_they_have,
    custom_resources_choose_the_node,
    a_resource_that_no_node_has,
    affinity_to_a_node,
    labels_of_nodes,
    a_busy_head_lets_tasks_spill_over,
    spread,
    tasks_go_to_their_large_arguments,
    objects_are_read_on_every_node,
    groups_over_nodes,
    groups_that_cannot_be_on_these_nodes,
    bundles_choose_the_node,
    a_node_dies,
]
