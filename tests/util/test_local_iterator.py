"""Iterators and the shards of parallel iterators, without any session, against plain Python."""

import pickle
import random
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.util.iter import LocalIterator, ParallelIteratorWorker, SharedMetrics
from minray.util.iter_metrics import MetricsContext, Timer
from minray.util.local_iterator import NextValueNotReady

ITEMS = st.lists(st.integers(-50, 50), max_size=30)


def local(items: Iterable[Any], name: str = "items") -> LocalIterator[Any]:
    return LocalIterator(lambda timeout: items, SharedMetrics(), name=name)


def now_and_then(items: Iterable[Any], dice: random.Random) -> LocalIterator[Any]:
    """An iterator whose items are not always ready, if a timeout is given."""

    def base(timeout: float | None) -> Iterator[Any]:
        for item in items:
            while timeout is not None and dice.random() < 0.5:
                yield NextValueNotReady()
            yield item

    return LocalIterator(base, SharedMetrics())


def batches(items: list[Any], n: int) -> list[list[Any]]:
    return [items[start : start + n] for start in range(0, len(items), n)]


@given(ITEMS, st.integers(1, 7))
def test_operators_do_what_plain_python_does(items: list[int], n: int) -> None:
    assert list(local(items).for_each(lambda x: x * x)) == [x * x for x in items]
    assert list(local(items).filter(lambda x: x > 0)) == [x for x in items if x > 0]
    assert list(local(items).batch(n)) == batches(items, n)
    assert list(local(items).batch(n).flatten()) == items
    assert list(local(items).combine(lambda x: [x] * (x % 3))) == [x for x in items for _ in range(x % 3)]
    assert list(local(items).transform(lambda them: islice(them, n))) == items[:n]
    assert local(items).take(n) == items[:n]


@given(ITEMS, st.integers(1, 7), st.integers())
def test_operators_see_the_same_items_if_some_are_not_ready(items: list[int], n: int, seed: int) -> None:
    def recipe(iterator: LocalIterator[Any]) -> LocalIterator[Any]:
        squares = iterator.for_each(lambda x: x * x).filter(lambda x: x % 3)
        return squares.batch(n).flatten().combine(lambda x: [x, -x]).shuffle(n, seed=1)

    together = recipe(now_and_then(items, random.Random(seed))).union(local([]))
    assert list(together) == list(recipe(local(items)))


@given(ITEMS, st.integers(1, 40), st.integers())
def test_shuffling_loses_nothing_and_is_the_same_for_the_same_seed(
    items: list[int], size: int, seed: int
) -> None:
    shuffled = list(local(items).shuffle(size, seed))
    assert sorted(shuffled) == sorted(items)
    assert list(local(items).shuffle(size, seed)) == shuffled
    assert list(local(items).shuffle(1)) == items


@given(st.lists(ITEMS, min_size=1, max_size=4), st.integers(), st.booleans())
def test_a_union_has_all_items_and_keeps_the_order_of_each_part(
    parts: list[list[int]], seed: int, deterministic: bool
) -> None:
    dice = random.Random(seed)
    first, *others = (now_and_then([(n, x) for x in part], dice) for n, part in enumerate(parts))
    union = list(first.union(*others, deterministic=deterministic))
    for n, part in enumerate(parts):
        assert [x for which, x in union if which == n] == part


def test_a_deterministic_union_takes_turns_by_weight() -> None:
    letters, digits = local("abc"), local("12345")
    assert "".join(letters.union(digits, deterministic=True)) == "a1b2c345"
    assert "".join(local("abc").union(local("12345"), round_robin_weights=[1, 2])) == "a12b34c5"
    assert "".join(local("abc").union(local("12345"), round_robin_weights=[1, "*"])) == "a12345bc"


def test_a_weight_that_is_no_whole_number_is_right_on_average() -> None:
    random.seed(5)
    found = local([0] * 1000).union(local([1] * 4000), round_robin_weights=[1, 1.5]).take(2500)
    assert 1400 < sum(found) < 1600


@given(ITEMS, st.integers(2, 4))
def test_copies_have_all_items_and_stay_together_in_a_union(items: list[int], n: int) -> None:
    first, *others = (
        copy.for_each(lambda x, which=which: (which, x))
        for which, copy in enumerate(local(items).duplicate(n))
    )
    union = list(first.union(*others))
    assert union == [(which, x) for x in items for which in range(n)]


def test_copies_may_also_be_read_one_after_the_other() -> None:
    first, second = local([1, 2, 3]).duplicate(2)
    assert (list(first), list(second)) == ([1, 2, 3], [1, 2, 3])


def test_the_functions_of_an_iterator_share_its_metrics() -> None:
    def count(x: int) -> int:
        metrics = LocalIterator.get_metrics()
        metrics.counters["sum"] += x
        return metrics.counters["sum"]

    one, other = local([1, 2, 3]).for_each(count), local([1, 2, 3]).for_each(count)
    assert (list(one), list(other)) == ([1, 3, 6], [1, 3, 6])
    with pytest.raises(ValueError, match="outside an iterator"):
        LocalIterator.get_metrics()


def test_the_parts_of_a_union_share_one_context_even_if_nested() -> None:
    def count(x: int) -> int:
        counters = LocalIterator.get_metrics().counters
        counters["n"] += 1
        return counters["n"]

    parts = [local([0, 0]).for_each(count) for _ in range(3)]
    nested = parts[0].union(parts[1], deterministic=True).union(parts[2], deterministic=True)
    assert sorted(nested) == [1, 2, 3, 4, 5, 6]


def test_a_filter_may_ask_for_metrics_too() -> None:
    def every_other(_: int) -> bool:
        LocalIterator.get_metrics().counters["n"] += 1
        return LocalIterator.get_metrics().counters["n"] % 2 == 1

    assert list(local(range(5)).filter(every_other)) == [0, 2, 4]


def test_a_recipe_can_be_sent_until_it_runs() -> None:
    recipe = local([1, 2, 3]).for_each(lambda x: -x).batch(2)
    assert list(pickle.loads(cloudpickle.dumps(recipe))) == [[-1, -2], [-3]]
    next(recipe)
    with pytest.raises(TypeError, match="generator"):
        cloudpickle.dumps(recipe)


def test_an_iterator_goes_on_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    iterator = local([1, 2, 3])
    assert (next(iterator), iterator.take(1), list(iterator)) == (1, [2], [3])
    local("ab").show(5)
    assert capsys.readouterr().out == "a\nb\n"


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: local([]).union([1]), "must be of type LocalIterator"),
        (lambda: local([]).union(local([]), round_robin_weights=[1]), "Length of round robin weights"),
        (lambda: local([]).duplicate(1), "must be >= 2"),
        (lambda: local([1]).zip_with_source_actor().take(1), "source actor"),
    ],
)
def test_mistakes_are_explained(mistake: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        mistake()


def read(worker: ParallelIteratorWorker, batch_ms: float) -> list[Any]:
    """All items of a shard, as its readers ask for them."""
    return list(chain.from_iterable(iter(lambda: worker.par_iter_next_batch(batch_ms), [])))


@given(ITEMS, st.sampled_from([0, 1]))
def test_a_shard_hands_out_all_items_and_then_an_empty_list(items: list[int], batch_ms: float) -> None:
    worker = ParallelIteratorWorker(lambda: iter(items), False)
    worker.par_iter_init([("for_each", (lambda x: x + 1,)), ("batch", (2,))])
    assert read(worker, batch_ms) == batches([x + 1 for x in items], 2)
    assert worker.par_iter_next_batch(batch_ms) == []


@given(ITEMS, st.integers(1, 5), st.randoms(use_true_random=False))
def test_slices_of_a_shard_have_every_nth_item_whoever_asks_first(
    items: list[int], step: int, dice: random.Random
) -> None:
    worker = ParallelIteratorWorker(items, False)
    worker.par_iter_init([])
    found: list[list[int]] = [[] for _ in range(step)]
    open_slices = set(range(step))
    while open_slices:
        start = dice.choice(sorted(open_slices))
        batch = worker.par_iter_slice_batch(step, start, 0)
        found[start] += batch
        if not batch:
            open_slices.discard(start)
    assert found == [items[start::step] for start in range(step)]


def test_a_shard_begins_again_where_it_can() -> None:
    again = ParallelIteratorWorker([1, 2], False)
    for _ in range(2):
        again.par_iter_init([])
        assert read(again, 0) == [1, 2]
    forever = ParallelIteratorWorker(lambda: (n for n in range(2)), True)
    forever.par_iter_init([])
    assert [forever.par_iter_next_batch(0) for _ in range(5)] == [[0], [1], [0], [1], [0]]
    once = ParallelIteratorWorker(iter([1]), True)
    once.par_iter_init([])
    with pytest.raises(ValueError, match="multiple times"):
        once.par_iter_next_batch(0)


def test_a_context_can_be_saved_and_restored() -> None:
    context, other = MetricsContext(), MetricsContext()
    context.counters["a"] += 2
    context.info["b"] = "c"
    with context.timers["t"]:
        pass
    other.restore(pickle.loads(pickle.dumps(context.save())))
    assert (other.counters["a"], other.counters["x"], other.info) == (2, 0, {"b": "c"})
    assert context.timers["t"].count == 1


def test_a_timer_remembers_the_last_runs_only() -> None:
    timer = Timer(window_size=2)
    assert timer.mean == 0
    for seconds in (9.0, 1.0, 3.0):
        timer.push(seconds)
    assert (timer.mean, timer.count) == (2.0, 3)
