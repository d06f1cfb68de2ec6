"""What the dashboard decides without Bokeh, against the plainest way to do the same."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minray.dashboard.data import mosaic
from minray.dashboard.data.columns import EDGE, Ring
from minray.dashboard.data.model import ExperimentPoint, Session
from minray.dashboard.data.mosaic import Mosaic, level_for, surely_visible, visible
from minray.dashboard.data.queries import story
from minray.dashboard.pages import layers, task_list
from minray.dashboard.pages.layers import graph_of
from minray.dashboard.pages.tale import stage_after
from minray.dashboard.pages.task_list import Wish, find
from minray.dashboard.server import exports
from minray.dashboard.timeline.lanes import picture_columns

from fake_session import FakeSession
from minray.gcs.schema import TaskState
from minray.lessons.figures.cost_model import Series, crossing, fit, pair, series_of

WHITE = np.full((600, 3), 255.0)


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=12))
def test_a_ring_keeps_the_newest_rows_and_counts_all(keep: int, portions: list[int]) -> None:
    ring = Ring(np.dtype([("x", "i8")]), keep)
    written: list[int] = []
    for portion in portions:
        rows = range(len(written), len(written) + portion)
        written += rows
        ring.extend([(number,) for number in rows])
        kept = ring.rows["x"].tolist()
        assert kept == written[len(written) - len(kept) :]
        assert min(keep, len(written)) <= len(kept) <= 2 * keep
        assert (ring.total, ring.first) == (len(written), len(written) - len(kept))


# Executions on two workers, in quarters of a second: worker, start, length, blocked from and to (or not).
executions = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, 60), st.integers(0, 20), st.booleans()), max_size=15
)


def session_of(found: list[tuple[int, int, int, bool]]) -> Session:
    """A session in which these ran; those on one worker may overlap, as in an actor with many threads."""
    session = Session()
    session.crew.worker_events([(1, "IDLE", 0.0, ""), (2, "IDLE", 0.0, "")])
    events = []
    for task, (worker, start, length, blocked) in enumerate(found, start=1):
        begin, end = 1_000 + start / 4, 1_000 + (start + length) / 4
        events.append((task, 0, TaskState.RUNNING, begin, worker))
        if blocked:
            events.append((task, 0, TaskState.RUNNING_IN_RAY_GET, (begin + end) / 2, worker))
        events.append((task, 0, TaskState.FINISHED, end, worker))
    session.task_events(sorted(events, key=lambda event: event[3]))
    return session


@given(executions, st.integers(-3, 1))
@settings(deadline=None)
def test_the_picture_is_as_strong_as_each_worker_was_busy(found: list, level: int) -> None:
    session = session_of(found)
    tiles = Mosaic(session, level).tiles(1_000, 1_022, now=1_022, palette=WHITE)
    expected = np.zeros((2, tiles.sums.shape[1]))
    for worker, start, length, blocked in found:
        begin, end = 1_000 + start / 4, 1_000 + (start + length) / 4
        stretches = [(begin, end, 1.0)] + ([((begin + end) / 2, end, mosaic.PALE - 1)] if blocked else [])
        for since, until, weight in stretches:
            for place in range(expected.shape[1]):
                left = tiles.start + place * tiles.step
                overlap = min(until, left + tiles.step) - max(since, left)
                expected[worker - 1, place] += weight * max(0.0, overlap) / tiles.step
    assert tiles.sums[..., mosaic.BUSY] == pytest.approx(expected, abs=1e-6)
    assert tiles.begun.sum() == len(found)


@given(executions, st.integers(0, 15))
@settings(deadline=None)
def test_a_picture_that_grows_is_the_picture_made_at_once(found: list, cut: int) -> None:
    grown, session = Session(), session_of(found)
    grown.crew.worker_events([(1, "IDLE", 0.0, ""), (2, "IDLE", 0.0, "")])
    growing = Mosaic(grown, -1)
    rows, holds = session.bars.rows.tolist(), session.holds.rows.tolist()
    for part in (slice(0, cut), slice(cut, None)):
        grown.bars.extend(rows[part])
        grown.holds.extend(holds[part])
        tiles = growing.tiles(1_000, 1_022, now=1_022, palette=WHITE)
    at_once = Mosaic(session, -1).tiles(1_000, 1_022, now=1_022, palette=WHITE)
    assert tiles.sums == pytest.approx(at_once.sums, abs=1e-6)
    assert (tiles.begun == at_once.begun).all()


def test_what_goes_on_is_in_the_picture_up_to_now() -> None:
    session = Session()
    session.task_events([(1, 0, TaskState.RUNNING, 1_001.0, 1)])
    tiles = Mosaic(session, 0).tiles(1_000, 1_010, now=1_003.5, palette=WHITE)
    assert tiles.busy()[0].tolist()[:6] == [0.0, 1.0, 1.0, 0.5, 0.0, 0.0]


def test_where_something_failed_the_picture_is_hatched() -> None:
    session = Session()
    session.task_events(
        [(1, 0, TaskState.RUNNING, 1_001.0, 1), (1, 0, TaskState.FAILED, 1_003.0, 1)],
    )
    columns = picture_columns(Mosaic(session, 0).tiles(1_000, 1_010, 1_010, WHITE), [0], began=1_000)
    assert len(columns["image"][0]) == 6
    session.task_events([(2, 0, TaskState.RUNNING, 2_001.0, 1), (2, 0, TaskState.FINISHED, 2_002.0, 1)])
    columns = picture_columns(Mosaic(session, 0).tiles(2_000, 2_010, 2_010, WHITE), [0], began=1_000)
    assert len(columns["image"][0]) == 1


@given(executions, st.integers(0, 70), st.integers(0, 70))
@settings(deadline=None)
def test_the_quick_count_never_says_too_much(found: list, one: int, other: int) -> None:
    start, end = 1_000 + min(one, other) / 4, 1_000 + max(one, other) / 4
    bars = session_of(found).bars.rows
    seen = visible(bars, start, end)
    assert len(seen) == sum(bar["end"] >= start and bar["start"] <= end for bar in bars)
    assert surely_visible(bars, start, end) <= len(seen)


def test_a_bin_is_about_a_pixel_at_every_width() -> None:
    for width in (1e-3, 0.3, 7.0, 90.0, 40_000.0):
        bins = width / 2.0 ** level_for(width, 1_000)
        assert 500 <= bins <= 1_000


lives = st.lists(
    st.tuples(
        st.sampled_from(["load", "Clean", "merge_all"]),
        st.sampled_from([TaskState.PENDING_NODE_ASSIGNMENT, TaskState.RUNNING, TaskState.FINISHED]),
        st.integers(0, 9),
    ),
    max_size=25,
)


@given(lives, st.sampled_from(["", "l", "CLEAN", "#3", "nothing"]), st.sampled_from(list(task_list.FILTERS)))
@settings(deadline=None)
def test_tasks_are_found_as_by_looking_at_each(lives: list, search: str, which: str) -> None:
    session = Session()
    session.task_rows([(task, name, None, 1.0, None) for task, (name, *_) in enumerate(lives, start=1)])
    for task, (_, state, late) in enumerate(lives, start=1):
        session.task_events([(task, 0, state, 1.0 + late, 1 if state >= TaskState.RUNNING else None)])
    states = task_list.FILTERS[which]
    text = search.lower().removeprefix("#")
    expected = [
        task
        for task, (name, state, _) in enumerate(lives, start=1)
        if (not states or state in states)
        and which != "retried"
        and (not text or text in name.lower() or text == str(task))
    ]
    found = find(session, Wish(search=search, which=which, descending=False), now=20.0)
    assert (found.tasks, found.matching, found.known) == (expected, len(expected), len(lives))


@given(lives, st.sampled_from(list(task_list.SORTS)), st.booleans())
@settings(deadline=None)
def test_every_order_holds_all_tasks_and_turns_round(lives: list, sort: str, descending: bool) -> None:
    session = Session()
    session.task_rows([(task, name, None, 1.0, None) for task, (name, *_) in enumerate(lives, start=1)])
    found = find(session, Wish(sort=sort, descending=descending), now=20.0)
    turned = find(session, Wish(sort=sort, descending=not descending), now=20.0)
    assert sorted(found.tasks) == list(range(1, len(lives) + 1))
    assert turned.tasks == found.tasks[::-1]


def test_a_table_of_many_tasks_comes_in_pages() -> None:
    session = Session()
    session.task_rows([(task, "f", None, 1.0, None) for task in range(1, 121)])
    pages = [find(session, Wish(page=page, descending=False), now=2.0).tasks for page in range(3)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert list(itertools.chain(*pages)) == list(range(1, 121))


def graph_session(tasks: int, edges: list[tuple[int, int]]) -> Session:
    session = Session()
    session.task_rows([(task, f"f{task % 2}", None, 1.0, None) for task in range(1, tasks + 1)])
    session.dependencies(edges)
    return session


@given(st.lists(st.tuples(st.integers(2, 20), st.integers(1, 19)).filter(lambda e: e[0] > e[1]), max_size=40))
@settings(deadline=None)
def test_every_task_stands_to_the_right_of_what_it_needs(edges: list) -> None:
    layer = layers.layers(np.array(edges, EDGE))
    for task, producer in edges:
        assert layer[task] > layer.get(producer, 0)
    graph = graph_of(graph_session(20, edges))
    assert sum(box.tasks for box in graph.boxes) == 20
    assert len({(box.x, box.y) for box in graph.boxes}) == len(graph.boxes)


def test_many_tasks_of_one_shape_are_one_box() -> None:
    edges = [(task + 1, task) for task in range(1, 1_000, 2)]
    graph = graph_of(graph_session(1_000, edges))
    assert graph.collapsed
    assert [(box.x, box.tasks) for box in graph.boxes] == [(0, 500), (1, 500)]
    assert graph.arrows == {(0, 1): 500}


def noisy(slope: float, base: float, seed: int) -> Series:
    dice = np.random.default_rng(seed)
    xs = np.repeat(np.geomspace(1e-4, 0.1, 12), 3)
    series = Series("s", xs, (base + slope * xs) * dice.uniform(0.95, 1.05, len(xs)))
    series.line = fit(series.xs, series.ys)
    return series


def test_the_crossover_lies_in_its_interval_and_the_truth_too() -> None:
    found = crossing(noisy(8.0, 0.0, 1), noisy(2.0, 0.006, 2))
    assert found is not None
    assert found.low <= found.x <= found.high
    assert found.low <= 0.001 <= found.high
    assert found.high / found.low < 1.5


def test_lines_that_never_meet_have_no_crossover() -> None:
    assert crossing(noisy(8.0, 0.01, 1), noisy(2.0, 0.0, 2)) is None
    assert crossing(Series("empty"), noisy(2.0, 0.0, 2)) is None
    assert pair([]) is None


def test_a_run_begins_anew_when_it_comes_back_to_its_first_value() -> None:
    points = [ExperimentPoint(0.0, "e", "remote", x, x, "") for x in (1.0, 1.0, 2.0, 4.0, 1.0, 2.0, 4.0)]
    (series,) = series_of([*points, ExperimentPoint(0.0, "other", "remote", 9.0, 9.0, "")], "e")
    assert series.xs.tolist() == [1.0, 2.0, 4.0]
    assert series.earlier == [(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (4.0, 4.0)]


def test_the_story_of_a_session_ends_with_what_there_is() -> None:
    with FakeSession(workers=2) as session:
        session.run("f", worker=2, seconds=0.1)
        task = session.submit("g")
        session.enter(task, TaskState.RUNNING, worker=3)
        session.write(
            object_events=[("ab" * 28, 0, "SEALED", 5, 1.0, 1), ("cd" * 28, 0, "SEALED", 7, 1.0, 1)],
            worker_events=[(2, "DEAD", 2e9, "killed")],
        )
        happenings = story(session.path, 0.0, float("inf"), 1_000)
        stage = stage_after(happenings, len(happenings))
        assert (stage.done, stage.failed, sum(stage.stored.values())) == (1, 0, 12)
        assert {number: hand.task for number, hand in stage.hands.items()} == {3: task}
        assert [one.ts for one in happenings] == sorted(one.ts for one in happenings)
        sealed = next(place for place, one in enumerate(happenings) if one.subject == "ab" * 28)
        assert stage_after([*happenings, happenings[sealed]], len(happenings) + 1).arrow == (
            "worker 2",
            "store",
        )
        assert story(session.path, 1.5e9, float("inf"), 3) == [h for h in happenings if h.ts > 1.5e9][:3]


def test_a_cell_of_a_spreadsheet_is_never_a_formula() -> None:
    assert [exports.cell(value) for value in ("=1+1", "+x", "@y", "f", -3, None)] == [
        *("'=1+1", "'+x", "'@y", "f", -3, None)
    ]
