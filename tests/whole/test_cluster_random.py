"""Random task graphs on several nodes, of which one dies at a random moment: their values are the same.

`make soak` plays more rounds (MINRAY_CLUSTER_ROUNDS).
"""

import gc
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from test_random_graphs import Node, assert_same, expected, work

import minray as ray
from cluster_tools import alive, cluster_of, kill_all, scheduler_of
from minray import ObjectRef
from minray.cluster_utils import Cluster, ClusterNode
from minray.core_worker import current
from runtime_tools import wait_until

ROUNDS = int(os.environ.get("MINRAY_CLUSTER_ROUNDS", "10"))
NODE: dict[str, Any] = {"num_cpus": 2}
Playground = tuple[Cluster, list[ClusterNode]]

task = ray.remote(max_retries=-1, scheduling_strategy="SPREAD")(work)


@pytest.fixture
def playground() -> Iterator[Playground]:
    """A head that lives, and two nodes that may die."""
    with cluster_of(NODE, NODE) as made:
        yield made


def random_graph(chance: random.Random) -> list[Node]:
    """A graph as in test_random_graphs."""
    nodes: list[Node] = []
    for number in range(chance.randint(5, 40)):
        inputs, nested = (
            tuple(chance.sample(range(number), min(number, chance.randint(0, 2)))) for _ in range(2)
        )
        flags = {name: chance.random() < 0.3 for name in ("big", "pair", "child")}
        nodes.append(Node(inputs, nested, put=False, fails=chance.random() < 0.05, **flags))
    return nodes


def submit(nodes: list[Node]) -> list[ObjectRef]:
    """Submit every node as a task."""
    references: list[ObjectRef] = []
    for number, node in enumerate(nodes):
        arguments: list[Any] = [references[n] for n in node.inputs]
        nested = [references[n] for n in node.nested]
        returned = task.options(num_returns=2 if node.pair else 1).remote(number, node, nested, *arguments)
        references.append(returned[1] if node.pair else returned)
    return references


def end(cluster: Cluster, victim: ClusterNode, way: str) -> None:
    """End a node."""
    if way == "all its processes are killed":
        kill_all(victim)
    elif way == "its scheduler is killed":
        os.kill(scheduler_of(victim), 9)
    cluster.remove_node(victim)
    wait_until(lambda: not alive(victim.node_id))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_random_graph_survives_the_death_of_a_node(playground: Playground, seed: int) -> None:
    cluster, nodes = playground
    chance = random.Random(seed)
    graph = random_graph(chance)
    references = submit(graph)
    ray.wait(references, num_returns=chance.randint(1, len(references)))
    victim = nodes.pop(chance.randrange(len(nodes)))
    way = chance.choice(["all its processes are killed", "its scheduler is killed", "it leaves"])
    end(cluster, victim, way)
    if chance.random() < 0.5:
        nodes.append(cluster.add_node(**NODE))
        assert_same(references, expected(graph))
    else:
        assert_same(references, expected(graph))
        nodes.append(cluster.add_node(**NODE))
    del references
    gc.collect()
    core = current.connected_core()
    wait_until(lambda: core.query("objects") == 0, "all objects to be freed")
    wait_until(lambda: ray.available_resources().get("CPU") == 5, "all CPUs to be free")
