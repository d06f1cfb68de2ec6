"""Nodes that die amid work, by SIGKILL or by falling silent: what runs again, what is lost, what is freed."""

import gc
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import minray as ray
from cluster_tools import alive, cluster_of, here, kill_all, memory_of, processes_of, scheduler_of
from leaks import is_gone
from minray.cluster_utils import Cluster, ClusterNode
from minray.exceptions import (
    ActorDiedError,
    NodeDiedError,
    ObjectLostError,
    TaskUnschedulableError,
)
from minray.util import placement_group, placement_group_table
from minray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy
from runtime_tools import Gate, Tally, wait_for_rows, wait_until

Nodes = tuple[Cluster, ClusterNode, ClusterNode]
HERE = {"resources": {"spot": 1}}  # the options of what runs on a node that may die


@pytest.fixture
def cluster() -> Iterator[Nodes]:
    """A head, and two nodes of which the first is about to die."""
    node = {"num_cpus": 2, "resources": {"spot": 4}}
    with cluster_of(node) as (made, (victim,)):
        yield made, victim, made.add_node(**node)  # type: ignore[arg-type]


@ray.remote
def make(tally: Tally) -> np.ndarray:
    """A large object; counts how often it is made."""
    tally.add(here())
    return np.arange(100_000.0)


def on(node: ClusterNode) -> dict[str, object]:
    """The options of what runs on this node as long as it lives, and then anywhere."""
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node.node_id, soft=True)}


def crash(node: ClusterNode) -> None:
    """Kill a node's processes with SIGKILL, all at once, and wait until the session knows."""
    kill_all(node)
    wait_until(lambda: not alive(node.node_id))


def test_a_task_whose_node_dies_runs_again_elsewhere(cluster: Nodes, tmp_path: Path) -> None:
    _, victim, survivor = cluster
    gate = Gate(tmp_path)

    @ray.remote
    def stay() -> str:
        gate.wait()
        return here()

    asked = [stay.options(**on(victim)).remote() for _ in range(2)]
    gate.wait_for_visitors(2)
    crash(victim)
    gate.open()
    assert victim.node_id not in ray.get(asked)
    assert survivor.node_id in {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def test_a_task_that_may_not_be_tried_again_fails_with_the_cause(cluster: Nodes, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stay = ray.remote(max_retries=0)(gate.wait)
    reference = stay.options(**on(cluster[1])).remote()
    gate.wait_for_visitors()
    crash(cluster[1])
    with pytest.raises(NodeDiedError, match="the node it was running on is dead"):
        ray.get(reference)


def test_a_task_that_must_run_on_a_node_that_has_died_fails(cluster: Nodes, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    strategy = NodeAffinitySchedulingStrategy(cluster[1].node_id, soft=False)
    stay = ray.remote(gate.wait).options(scheduling_strategy=strategy, num_cpus=2)
    running, waiting = stay.remote(), stay.remote()
    gate.wait_for_visitors()
    crash(cluster[1])
    for reference in (running, waiting):
        with pytest.raises(TaskUnschedulableError):
            ray.get(reference)


def test_an_object_whose_node_died_is_made_again(cluster: Nodes, tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    reference = make.options(**on(cluster[1])).remote(tally)
    ray.wait([reference])
    crash(cluster[1])
    assert ray.get(reference).sum() == np.arange(100_000.0).sum()
    places = tally.lines()
    assert places[0] == cluster[1].node_id
    assert len(places) == 2
    assert places[1] != places[0]


def test_a_chain_of_lost_objects_is_made_again_from_its_beginning(cluster: Nodes, tmp_path: Path) -> None:
    tally = Tally(tmp_path)

    @ray.remote
    def double(array: np.ndarray) -> np.ndarray:
        tally.add("double")
        return 2 * array

    first = make.options(**on(cluster[1])).remote(tally)
    last = double.options(**on(cluster[1])).remote(double.options(**on(cluster[1])).remote(first))
    ray.wait([last])
    del first
    gc.collect()
    crash(cluster[1])

    @ray.remote
    def total(array: np.ndarray) -> float:
        return float(array.sum())

    assert ray.get(total.remote(last)) == 4 * np.arange(100_000.0).sum()
    assert len(tally.lines()) == 6


def test_a_copy_on_another_node_saves_the_work(cluster: Nodes, tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    reference = make.options(**on(cluster[1])).remote(tally)
    look = ray.remote(lambda array: float(array.sum()))
    ray.get(look.options(**on(cluster[2])).remote(reference))
    crash(cluster[1])
    assert ray.get(reference).sum() == np.arange(100_000.0).sum()
    assert len(tally.lines()) == 1


def test_what_a_task_put_on_a_node_that_died_is_lost(cluster: Nodes) -> None:
    @ray.remote
    class Holder:
        def put(self) -> list[ray.ObjectRef]:
            return [ray.put(np.ones(100_000))]

    holder = Holder.options(**on(cluster[1])).remote()
    (inner,) = ray.get(holder.put.remote())
    crash(cluster[1])
    with pytest.raises(ObjectLostError):
        ray.get(inner)


def test_an_actor_restarts_elsewhere_as_often_as_it_may(cluster: Nodes) -> None:
    @ray.remote(max_restarts=1, max_task_retries=-1)
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def add(self) -> tuple[int, str]:
            self.count += 1
            return self.count, here()

    counter = Counter.options(**HERE).remote()
    first = ray.get(counter.add.remote())
    (node,) = [node for node in cluster[1:] if node.node_id == first[1]]
    crash(node)
    count, place = ray.get(counter.add.remote())
    assert count == 1
    assert place != first[1]


def test_an_actor_that_may_not_restart_dies_with_its_node(cluster: Nodes) -> None:
    @ray.remote
    class Quiet:
        def place(self) -> str:
            return here()

    quiet = Quiet.options(**on(cluster[1])).remote()
    assert ray.get(quiet.place.remote()) == cluster[1].node_id
    crash(cluster[1])
    with pytest.raises(ActorDiedError, match="its node has died"):
        ray.get(quiet.place.remote())


def test_a_placement_group_moves_to_another_node(cluster: Nodes) -> None:
    group = placement_group([{"spot": 1}, {"spot": 1}], strategy="STRICT_SPREAD")
    assert group.wait(30)
    before = placement_group_table(group)["bundles_to_node_id"]
    third = cluster[0].add_node(num_cpus=1, resources={"spot": 1})
    crash(cluster[1])
    wait_until(lambda: placement_group_table(group)["state"] == "CREATED")
    after = placement_group_table(group)["bundles_to_node_id"]
    assert set(after.values()) == {cluster[2].node_id, third.node_id}
    assert sum(before[index] == after[index] for index in before) == 1, "the other bundle stays where it is"
    (moved,) = [index for index in before if before[index] != after[index]]
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=moved)
    place = ray.remote(num_cpus=0)(here).options(scheduling_strategy=strategy, resources={"spot": 1})
    assert ray.get(place.remote()) == third.node_id


def test_nothing_is_left_of_a_node_that_died(cluster: Nodes, tmp_path: Path) -> None:
    memory = memory_of(cluster[1])
    reference = make.options(**on(cluster[1])).remote(Tally(tmp_path))
    ray.wait([reference])
    pids = [process.pid for process in processes_of(cluster[1])]
    assert list(memory.iterdir())
    crash(cluster[1])
    wait_until(lambda: not memory.exists())
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_node_whose_scheduler_dies_ends_with_it(cluster: Nodes) -> None:
    pids = [process.pid for process in processes_of(cluster[1])]
    os.kill(scheduler_of(cluster[1]), signal.SIGKILL)
    wait_until(lambda: not alive(cluster[1].node_id))
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_node_that_stops_answering_is_declared_dead_and_cannot_come_back(
    cluster: Nodes, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def stay() -> str:
        gate.wait()
        return here()

    reference = stay.options(**on(cluster[1])).remote()
    gate.wait_for_visitors()
    pid = scheduler_of(cluster[1])
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not alive(cluster[1].node_id), "the time-out")
    gate.open()
    assert ray.get(reference) != cluster[1].node_id
    wait_until(lambda: is_gone(pid))
    ended = wait_for_rows("SELECT detail FROM node_events WHERE state = 'DEAD'")
    assert "not been heard of" in ended[0][0]


def test_when_the_head_dies_everything_ends_and_the_driver_is_told(cluster: Nodes) -> None:
    made, *others = cluster
    pids = [process.pid for node in others for process in processes_of(node)]
    assert made.head_node is not None
    made.head_node.processes.supervisor.kill()
    with pytest.raises(ray.exceptions.RaySystemError, match="lost"):
        ray.get([ray.remote(time.sleep).remote(1) for _ in range(100)])
    wait_until(lambda: all(is_gone(pid) for pid in pids))
