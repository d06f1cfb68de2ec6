"""Where the bundles of placement groups go: what each strategy promises, for any nodes."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.scheduler.groups.bundle_plan import Room, plan_bundles
from minray.wire.demand import Demand

STRATEGIES = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"]
bundle_lists = st.lists(
    st.dictionaries(st.sampled_from(["CPU", "GPU"]), st.integers(1, 3), min_size=1).map(
        lambda wanted: tuple(sorted(wanted.items()))
    ),
    min_size=1,
    max_size=4,
)
room_lists = st.lists(
    st.dictionaries(st.sampled_from(["CPU", "GPU"]), st.integers(0, 5)), min_size=1, max_size=4
).map(lambda frees: [Room(number, free) for number, free in enumerate(frees)])


def holds(bundles: list[Demand], rooms: list[Room], places: tuple[int, ...]) -> bool:
    """Whether these places have room for all bundles."""
    copies = [room.copy() for room in rooms]
    for bundle, place in zip(bundles, places, strict=True):
        if not copies[place].fits(bundle):
            return False
        copies[place].take(bundle)
    return True


def all_plans(bundles: list[Demand], rooms: list[Room]) -> list[tuple[int, ...]]:
    """All ways to place the bundles, by trying every one."""
    ways = product(range(len(rooms)), repeat=len(bundles))
    return [places for places in ways if holds(bundles, rooms, places)]


@given(bundle_lists, room_lists, st.sampled_from(STRATEGIES))
def test_a_plan_fits_and_keeps_its_strategys_promise(
    bundles: list[Demand], rooms: list[Room], strategy: str
) -> None:
    plan = plan_bundles(dict(enumerate(bundles)), strategy, rooms)
    if plan is None:
        return
    places = tuple(plan[index] for index in range(len(bundles)))
    assert holds(bundles, rooms, places)
    if strategy == "STRICT_PACK":
        assert len(set(places)) == 1
    if strategy == "STRICT_SPREAD":
        assert len(set(places)) == len(places)


@given(bundle_lists, room_lists)
def test_strict_strategies_find_a_plan_whenever_there_is_one(
    bundles: list[Demand], rooms: list[Room]
) -> None:
    ways = all_plans(bundles, rooms)
    indexed = dict(enumerate(bundles))
    on_one = any(len(set(places)) == 1 for places in ways)
    apart = any(len(set(places)) == len(places) for places in ways)
    assert (plan_bundles(indexed, "STRICT_PACK", rooms) is not None) == on_one
    assert (plan_bundles(indexed, "STRICT_SPREAD", rooms) is not None) == apart
    if on_one:
        packed = plan_bundles(indexed, "PACK", rooms)
        assert packed is not None
        assert len(set(packed.values())) == 1, "together if that can be"
    if apart:
        spread = plan_bundles(indexed, "SPREAD", rooms)
        assert spread is not None
        assert set(Counter(spread.values()).values()) == {1}, "apart if that can be"


CPU: Demand = (("CPU", 1),)


def test_what_has_to_move_stays_away_from_where_its_group_is_already() -> None:
    rooms = [Room(number, {"CPU": 2}) for number in range(3)]
    assert plan_bundles({1: CPU}, "STRICT_SPREAD", rooms, used=[0, 1]) == {1: 2}
    assert plan_bundles({1: CPU}, "STRICT_SPREAD", rooms, used=[0, 1, 2]) is None
    assert plan_bundles({1: CPU}, "STRICT_PACK", rooms, used=[1]) == {1: 1}
    assert plan_bundles({1: CPU}, "SPREAD", rooms, used=[0]) in ({1: 1}, {1: 2})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_bundle_goes_only_where_its_conditions_allow(strategy: str) -> None:
    rooms = [Room(number, {"CPU": 2}) for number in range(3)]
    assert plan_bundles({0: CPU}, strategy, rooms, allowed={0: {2}}) == {0: 2}
    assert plan_bundles({0: CPU}, strategy, rooms, allowed={0: set()}) is None
