"""Values that arrive, and the calls that wait for them, without a connection."""

from minray.core_worker.getting import Arrivals, Waiting
from minray.wire.messages import ERROR, INLINE


def test_a_value_that_nobody_expects_is_not_kept() -> None:
    arrivals = Arrivals()
    arrivals.arrive([(b"a", INLINE, b"1")])
    assert arrivals.values == {}


def test_a_call_is_done_when_enough_of_its_values_have_come() -> None:
    arrivals = Arrivals()
    waiting = Waiting("wait", arrivals.missing([b"a", b"b", b"c"]), 3, 2)
    assert set(arrivals.begin(waiting)) == {b"a", b"b", b"c"}, "nobody has asked for them yet"
    arrivals.arrive([(b"b", INLINE, b"1")])
    assert not waiting.done()
    arrivals.arrive([(b"c", ERROR, b"2")])
    assert waiting.done()
    assert waiting.missing == {b"a"}


def test_get_is_done_with_the_first_error_but_wait_is_not() -> None:
    arrivals = Arrivals()
    calls = [Waiting(kind, {b"a", b"b"}, 2, 2) for kind in ("get", "wait")]
    for call in calls:
        arrivals.begin(call)
    arrivals.arrive([(b"a", ERROR, b"")])
    assert [call.done() for call in calls] == [True, False]


def test_what_came_before_the_call_began_is_seen_when_it_begins() -> None:
    arrivals = Arrivals()
    arrivals.expected.add(b"a")
    waiting = Waiting("get", arrivals.missing([b"a"]), 1, 1)
    arrivals.arrive([(b"a", INLINE, b"1")])
    assert arrivals.begin(waiting) == ()
    assert waiting.done()


def test_a_call_that_has_ended_changes_no_more() -> None:
    arrivals = Arrivals()
    waiting = Waiting("wait", {b"a"}, 1, 1)
    arrivals.begin(waiting)
    arrivals.end(waiting)
    arrivals.arrive([(b"a", INLINE, b"1")])
    assert waiting.missing == {b"a"}


def test_the_first_values_that_are_here_are_found_in_the_order_of_the_references() -> None:
    arrivals = Arrivals()
    arrivals.expected.update([b"a", b"b", b"c"])
    arrivals.arrive([(b"c", INLINE, b""), (b"a", INLINE, b"")])
    assert arrivals.first_here([b"b", b"a", b"c"], 1) == [1]
    assert arrivals.first_here([b"b", b"a", b"c"], 3) == [1, 2]


def test_a_function_is_called_once_when_the_value_is_here() -> None:
    arrivals = Arrivals()
    calls: list[str] = []
    assert arrivals.call_when_here(b"a", lambda: calls.append("first")), "the scheduler must be asked"
    assert not arrivals.call_when_here(b"a", lambda: calls.append("second")), "it has been asked"
    arrivals.arrive([(b"a", INLINE, b"1")])
    assert calls == ["first", "second"]
    arrivals.call_when_here(b"a", lambda: calls.append("third"))
    assert calls == ["first", "second", "third"]
