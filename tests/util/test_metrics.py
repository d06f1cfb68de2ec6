"""Counters, gauges and histograms: what they count, and what they refuse."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.util.metrics import Counter, Gauge, Histogram


@given(st.lists(st.tuples(st.floats(0.1, 9), st.sampled_from("ab")), max_size=20))
def test_a_counter_adds_up_by_tags(records: list[tuple[float, str]]) -> None:
    counter = Counter("requests", tag_keys=("route", "method")).set_default_tags({"method": "get"})
    assert isinstance(counter, Counter)
    for value, route in records:
        counter.inc(value, tags={"route": route})
    for route in {route for _, route in records}:
        total = sum(value for value, of in records if of == route)
        assert counter.values[route, "get"] == pytest.approx(total)


def test_a_gauge_keeps_the_last_value() -> None:
    gauge = Gauge("level")
    for value in (3, 1.5, None):
        gauge.set(value)
    assert gauge.values == {(): 1.5}


def test_a_histogram_counts_what_lies_between_its_boundaries() -> None:
    histogram = Histogram("seconds", boundaries=[1.0, 2.0])
    for value in (0.5, 1.0, 1.5, 99):
        histogram.observe(value)
    assert histogram.values == {(): [2, 1, 1]}
    assert pickle.loads(pickle.dumps(histogram)).info == histogram.info


def test_a_metric_of_an_impossible_name_is_discarded_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="Invalid metric name"):
        gauge = Gauge("no-hyphens")
    gauge.set(1)
    assert gauge.values == {}


def test_records_without_all_tags_are_errors() -> None:
    with pytest.raises(ValueError, match="Missing value for tag key"):
        Counter("requests", tag_keys=("route",)).inc()
    with pytest.raises(TypeError, match="Tag values"):
        Counter("requests", tag_keys=("route",)).inc(tags={"route": 1})  # type: ignore[dict-item]
