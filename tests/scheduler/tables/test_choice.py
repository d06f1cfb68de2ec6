"""Which node a task gets, as a pure function: what must hold for any nodes and any task."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from fake_node import FakeChannel
from minray.scheduler.tables.choice import choose_node, feasible_nodes
from minray.scheduler.tables.records import Node
from minray.scheduler.tables.resources import Resources
from minray.wire.demand import Demand, to_demand
from minray.wire.placement import SPREAD, Placement

NAMES = ["CPU", "disk"]
demands = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3)).map(to_demand)


@st.composite
def sessions(draw: st.DrawFn) -> list[Node]:
    """Nodes with some of their resources in use."""
    nodes = []
    for number in range(draw(st.integers(1, 5))):
        total = draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 4)))
        resources = Resources({name: float(amount) for name, amount in total.items()})
        used = draw(demands)
        if resources.fits(used):
            resources.acquire(used)
        info = {"NodeID": f"{number:02x}", "Labels": {"zone": draw(st.sampled_from("ab"))}}
        nodes.append(Node(number, info, resources, FakeChannel()))
    return nodes


placements = st.sampled_from(
    [
        (),
        SPREAD,
        ("node", "00", False),
        ("node", "01", True),
        ("labels", (("zone", "in", ("a",)),), ()),
        ("labels", (), (("zone", "in", ("b",)),)),
    ]
)


def choose(
    nodes: list[Node],
    demand: Demand,
    where: Placement = (),
    origin: int = 0,
    local_bytes: Mapping[int, int] | None = None,
    last: int = -1,
) -> Node | None:
    return choose_node(nodes, demand, where, origin=origin, local_bytes=local_bytes or {}, last=last)


@given(sessions(), demands, placements, st.integers(0, 4))
def test_no_node_is_ever_over_committed(
    nodes: list[Node], demand: Demand, where: Placement, origin: int
) -> None:
    node = choose(nodes, demand, where, origin)
    if node is not None:
        assert node.resources.fits(demand)


@given(sessions(), demands, placements, st.integers(0, 4))
def test_a_task_does_not_wait_while_a_node_that_may_run_it_has_room(
    nodes: list[Node], demand: Demand, where: Placement, origin: int
) -> None:
    waits = choose(nodes, demand, where, origin) is None
    assert waits == (not any(node.resources.fits(demand) for node in feasible_nodes(nodes, demand, where)))


@given(sessions(), demands, placements)
def test_a_task_that_fits_nowhere_now_fits_when_all_others_have_ended(
    nodes: list[Node], demand: Demand, where: Placement
) -> None:
    able = feasible_nodes(nodes, demand, where)
    for node in nodes:
        total = node.resources.total()
        node.resources = Resources(total)
    assert (choose(nodes, demand, where) is not None) == bool(able)


@given(sessions(), demands, st.integers(0, 4))
def test_the_node_that_a_task_was_submitted_on_comes_first(
    nodes: list[Node], demand: Demand, origin: int
) -> None:
    node = choose(nodes, demand, origin=origin)
    if origin < len(nodes) and nodes[origin].resources.fits(demand):
        assert node is nodes[origin]


@given(sessions(), demands, st.integers(0, 4))
def test_large_arguments_come_before_the_place_of_submission(
    nodes: list[Node], demand: Demand, place: int
) -> None:
    node = choose(nodes, demand, local_bytes={place: 50_000_000})
    if place < len(nodes) and nodes[place].resources.fits(demand):
        assert node is nodes[place]


@given(sessions())
def test_spread_visits_every_node_before_it_comes_back(nodes: list[Node]) -> None:
    last, visited = -1, []
    for _ in nodes:
        node = choose(nodes, (), SPREAD, last=last)
        assert node is not None
        last = node.number
        visited.append(last)
    assert sorted(visited) == [node.number for node in nodes]


@given(sessions(), st.lists(st.booleans(), min_size=5, max_size=5), st.integers(0, 1))
def test_a_task_that_needs_no_gpu_leaves_nodes_with_one_to_others_while_it_can(
    nodes: list[Node], equipped: list[bool], gpus: int
) -> None:
    for node in nodes:
        if equipped[node.number]:
            node.resources.extend(to_demand({"GPU": 1.0}))
    demand = to_demand({"CPU": 1, "GPU": gpus})
    fitting = [node for node in nodes if node.resources.fits(demand)]
    node = choose(nodes, demand)
    assert (node is None) == (not fitting)
    if node is not None and not gpus:
        assert not equipped[node.number] or all(equipped[other.number] for other in fitting)


def test_when_its_own_node_is_full_a_task_goes_to_the_least_used() -> None:
    nodes = [
        Node(number, {"NodeID": f"{number:02x}"}, Resources({"CPU": 4}), FakeChannel()) for number in range(3)
    ]
    nodes[0].resources.acquire(to_demand({"CPU": 4}))
    nodes[1].resources.acquire(to_demand({"CPU": 2}))
    assert choose(nodes, to_demand({"CPU": 1})) is nodes[2]


def test_a_node_that_is_only_wished_for_is_waited_for_while_it_lives() -> None:
    nodes = [
        Node(number, {"NodeID": f"{number:02x}"}, Resources({"CPU": 1}), FakeChannel()) for number in range(2)
    ]
    nodes[1].resources.acquire(to_demand({"CPU": 1}))
    assert choose(nodes, to_demand({"CPU": 1}), ("node", "01", True)) is None
    assert choose(nodes[:1], to_demand({"CPU": 1}), ("node", "01", True)) is nodes[0]
