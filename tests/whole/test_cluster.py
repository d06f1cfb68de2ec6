"""Several nodes, each with workers and an object store of its own: tasks are placed, objects are pulled."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import minray as ray
from cluster_tools import cluster_of, here, memory_of, processes_of, where
from minray.cluster_utils import Cluster, ClusterNode
from minray.exceptions import GetTimeoutError, TaskUnschedulableError
from minray.util.scheduling_strategies import In, NodeAffinitySchedulingStrategy, NodeLabelSchedulingStrategy
from runtime_tools import Gate, rows, wait_for_rows, wait_until

Nodes = tuple[Cluster, list[ClusterNode]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """A head with one CPU and two nodes with two CPUs each, and a resource by which to choose them."""
    first = {"num_cpus": 2, "resources": {"first": 10}, "labels": {"zone": "a"}}
    second = {"num_cpus": 2, "resources": {"second": 10}, "labels": {"zone": "b"}}
    with cluster_of(first, second) as made:
        yield made


def big(megabytes: int = 2) -> np.ndarray:
    """Something that goes through the object store."""
    return np.arange(megabytes * 125_000, dtype=np.float64)


make = ray.remote(big)


@ray.remote
def total(*arrays: np.ndarray) -> tuple[float, str]:
    """The sum of arrays, and where it was computed."""
    return float(sum(array.sum() for array in arrays)), here()


def test_the_nodes_of_a_session_are_listed_with_what_they_have(cluster: Nodes) -> None:
    made, added = cluster
    nodes = {node["NodeID"]: node for node in ray.nodes()}
    assert made.head_node is not None
    assert set(nodes) == {made.head_node.node_id, *(node.node_id for node in added)}
    assert nodes[added[0].node_id]["Resources"]["first"] == 10
    assert ray.cluster_resources()["CPU"] == 5
    assert nodes[added[1].node_id]["Labels"]["zone"] == "b"


def test_each_node_is_made_of_processes_of_its_own(cluster: Nodes) -> None:
    for node in cluster[1]:  # supervisor, scheduler, zygote, two workers
        wait_until(lambda node=node: len(processes_of(node)) >= 5)  # type: ignore[misc]
    first, second = ({process.pid for process in processes_of(node)} for node in cluster[1])
    assert not first & second


def test_a_task_runs_where_the_resources_are_that_it_asks_for(cluster: Nodes) -> None:
    first, second = cluster[1]
    asked = [where.options(resources={name: 1}).remote() for name in ("first", "second", "first")]
    assert ray.get(asked) == [first.node_id, second.node_id, first.node_id]


def test_a_task_runs_near_its_driver_as_long_as_there_is_room(cluster: Nodes) -> None:
    for _ in range(5):
        assert ray.get(where.remote()) == here()
        wait_until(lambda: ray.available_resources().get("CPU") == 5)


def test_when_a_node_is_full_tasks_spill_over_to_the_others(cluster: Nodes, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def stay() -> str:
        gate.wait()
        return here()

    asked = [stay.remote() for _ in range(5)]
    gate.wait_for_visitors(5)
    gate.open()
    first, second = (node.node_id for node in cluster[1])
    assert Counter(ray.get(asked)) == {here(): 1, first: 2, second: 2}


def test_spread_takes_the_nodes_in_turn(cluster: Nodes) -> None:
    places = []
    for _ in range(6):
        places.append(ray.get(where.options(scheduling_strategy="SPREAD").remote()))
        wait_until(lambda: ray.available_resources().get("CPU") == 5)
    assert Counter(Counter(places).values()) == {2: 3}


def test_a_task_runs_on_the_node_that_it_names(cluster: Nodes) -> None:
    for node in cluster[1]:
        strategy = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        assert ray.get(where.options(scheduling_strategy=strategy).remote()) == node.node_id


def test_a_task_that_must_run_on_a_node_that_is_not_there_fails(cluster: Nodes) -> None:
    strategy = NodeAffinitySchedulingStrategy("ab" * 28, soft=False)
    with pytest.raises(TaskUnschedulableError):
        ray.get(where.options(scheduling_strategy=strategy).remote())
    soft = NodeAffinitySchedulingStrategy("ab" * 28, soft=True)
    assert ray.get(where.options(scheduling_strategy=soft).remote())


def test_a_task_runs_on_a_node_with_the_labels_that_it_asks_for(cluster: Nodes) -> None:
    strategy = NodeLabelSchedulingStrategy(hard={"zone": In("b", "c")})
    assert ray.get(where.options(scheduling_strategy=strategy).remote()) == cluster[1][1].node_id
    assert ray.get(where.options(label_selector={"zone": "!b"}).remote()) != cluster[1][1].node_id
    with pytest.raises(GetTimeoutError):
        ray.get(where.options(label_selector={"zone": "d"}).remote(), timeout=0.2)


def test_an_object_is_in_the_store_of_the_node_where_it_was_made(cluster: Nodes) -> None:
    first, second = cluster[1]
    before = len(list(memory_of(second).iterdir()))
    reference = make.options(resources={"first": 1}).remote()
    ray.wait([reference])
    assert any(path.stat().st_size > 1_900_000 for path in memory_of(first).iterdir() if path.is_file())
    assert len(list(memory_of(second).iterdir())) == before


def test_a_driver_gets_what_was_made_elsewhere_and_can_look_at_it_for_ever(cluster: Nodes) -> None:
    array = ray.get(make.options(resources={"first": 1}).remote())
    assert not array.flags.writeable
    assert array.sum() == big().sum()


def test_an_argument_is_copied_to_the_node_where_it_is_needed_once_for_many_tasks(cluster: Nodes) -> None:
    reference = make.options(resources={"first": 1}).remote()
    asked = [total.options(resources={"second": 1}).remote(reference) for _ in range(4)]
    assert ray.get(asked) == [(big().sum(), cluster[1][1].node_id)] * 4
    transfers = wait_for_rows(
        "SELECT source, node, bytes, outcome FROM transfers WHERE object_id = ?", reference.hex()
    )
    assert [(source, node, outcome) for source, node, _, outcome in transfers] == [(1, 2, "")]
    assert transfers[0][2] >= big().nbytes


def test_a_task_goes_to_its_large_arguments(cluster: Nodes) -> None:
    reference = make.options(resources={"second": 1}).remote()
    ray.wait([reference])
    assert ray.get(total.remote(reference)) == (big().sum(), cluster[1][1].node_id)
    assert not rows("SELECT * FROM transfers WHERE object_id = ?", reference.hex())


def test_what_the_driver_puts_is_there_for_all_nodes(cluster: Nodes) -> None:
    large, small = ray.put(big()), ray.put(7)

    @ray.remote
    def both(array: np.ndarray, number: int) -> float:
        return float(array.sum()) + number

    asked = [both.options(resources={name: 1}).remote(large, small) for name in ("first", "second")]
    assert ray.get(asked) == [big().sum() + 7] * 2


def test_references_travel_inside_objects_between_nodes(cluster: Nodes) -> None:
    @ray.remote
    def outer() -> list[ray.ObjectRef]:
        return [ray.put(big()), make.options(resources={"second": 1}).remote()]

    inner = ray.get(outer.options(resources={"first": 1}).remote())
    assert [array.sum() for array in ray.get(inner)] == [big().sum()] * 2


def test_when_nobody_needs_an_object_its_copies_are_freed_on_all_nodes(cluster: Nodes) -> None:
    reference = make.options(resources={"first": 1}).remote()
    ray.get(total.options(resources={"second": 1}).remote(reference))
    name = reference.hex()
    assert ray.get(reference).sum() == big().sum()
    del reference
    query = "SELECT node FROM object_events WHERE object_id = ? AND state = 'FREED'"
    assert {node for (node,) in wait_for_rows(query, name, count=3)} == {0, 1, 2}


def test_tasks_start_tasks_on_any_node(cluster: Nodes) -> None:
    @ray.remote
    def parent() -> tuple[str, list[str]]:
        others = [where.options(resources={name: 1}).remote() for name in ("first", "second")]
        return here(), ray.get(others)

    first, second = (node.node_id for node in cluster[1])
    assert ray.get(parent.options(resources={"first": 1}).remote()) == (first, [first, second])


def test_an_actor_lives_on_the_node_where_its_resources_are(cluster: Nodes) -> None:
    @ray.remote
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def add(self, array: np.ndarray) -> tuple[int, float, str]:
            self.count += 1
            return self.count, float(array.sum()), here()

    counter = Counter.options(resources={"second": 1}, name="far").remote()
    array = make.options(resources={"first": 1}).remote()
    answers = ray.get([counter.add.remote(array) for _ in range(3)])
    assert answers == [(count, big().sum(), cluster[1][1].node_id) for count in (1, 2, 3)]
    again = ray.get_actor("far")
    assert ray.get(again.add.remote(array))[0] == 4


def test_a_generator_on_another_node_yields_to_the_driver(cluster: Nodes) -> None:
    @ray.remote
    def parts(count: int) -> Iterator[np.ndarray]:
        for number in range(count):
            yield np.full(50_000, number)

    items = parts.options(resources={"first": 1}).remote(4)
    assert [int(ray.get(item)[0]) for item in items] == [0, 1, 2, 3]


def test_a_task_on_another_node_can_be_cancelled(cluster: Nodes, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def wait_there() -> None:
        gate.wait()

    reference = wait_there.options(resources={"first": 1}).remote()
    gate.wait_for_visitors()
    ray.cancel(reference)
    with pytest.raises(ray.exceptions.TaskCancelledError):
        ray.get(reference)


def test_a_node_that_joins_takes_work_within_a_second(cluster: Nodes) -> None:
    made = cluster[0]
    reference = where.options(resources={"third": 1}).remote()
    with pytest.raises(GetTimeoutError):
        ray.get(reference, timeout=0.1)
    node = made.add_node(num_cpus=1, resources={"third": 1})
    joined = time.monotonic()
    assert ray.get(reference) == node.node_id
    assert time.monotonic() - joined < 1
    made.remove_node(node)
    wait_until(lambda: ray.cluster_resources()["CPU"] == 5)
    assert [entry["Alive"] for entry in ray.nodes() if entry["NodeID"] == node.node_id] == [False]


def test_events_tell_on_which_node_workers_and_objects_are(cluster: Nodes) -> None:
    reference = make.options(resources={"first": 1}).remote()
    ray.get(reference)
    states = "SELECT node, state FROM object_events WHERE object_id = ?"
    # The nodes do not report in step: the copy may be known here before the original is.
    wait_until(lambda: {(1, "CREATED"), (1, "SEALED")} <= set(rows(states, reference.hex())))
    assert {node for (node,) in rows("SELECT node FROM workers WHERE kind = 'WORKER'")} >= {0, 1, 2}
