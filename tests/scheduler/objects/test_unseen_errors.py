"""Errors that nobody has asked for: told when the last reference is dropped, and only then."""

import asyncio
import pickle
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minray as ray
from fake_node import Node, result
from minray.driver import connecting
from minray.exceptions import TaskCancelledError
from minray.wire.messages import ERROR, DropReferences, ErrorSeen, Unhandled
from runtime_tools import wait_until

# What stands at the end of each test: if the runtime told of this one last, it has told of all before.
LAST = "the last word"


@ray.remote
def fail(text: str) -> None:
    raise ValueError(text)


@ray.remote(num_returns=2)
def fail_twice(text: str) -> None:
    raise ValueError(text)


@ray.remote
def use(value: object) -> object:
    return value


@ray.remote
def yield_and_fail(text: str) -> Iterator[int]:
    yield 1
    raise ValueError(text)


@ray.remote
class Failing:
    def fail(self, text: str) -> None:
        raise ValueError(text)


@pytest.fixture
def told(ray_session: ModuleType, caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the user has been told so far; waits until all that is to come has come."""

    def text() -> str:
        fail.remote(LAST)
        wait_until(lambda: f"ValueError: {LAST}" in caplog.text)
        return caplog.text

    return text


def test_a_task_that_nobody_waits_for_tells_of_its_failure(told: Callable[[], str]) -> None:
    fail.remote("forgotten at once")
    text = told()
    assert "Unhandled error" in text
    assert "fail failed" in text
    assert "ValueError: forgotten at once" in text
    assert "RAY_IGNORE_UNHANDLED_ERRORS=1" in text


def test_a_reference_that_is_dropped_unseen_tells_of_the_failure(told: Callable[[], str]) -> None:
    reference = fail.remote("dropped later")
    ray.wait([reference])
    del reference
    assert "ValueError: dropped later" in told()


def test_a_call_of_an_actor_tells_of_its_failure(told: Callable[[], str]) -> None:
    actor = Failing.remote()
    actor.fail.remote("in an actor")
    with pytest.raises(ValueError, match="seen"):
        ray.get(actor.fail.remote("seen"))
    text = told()
    assert "ValueError: in an actor" in text
    assert "ValueError: seen" not in text


def test_what_a_task_starts_and_forgets_is_told_to_the_driver(told: Callable[[], str]) -> None:
    @ray.remote
    def start() -> None:
        ray.wait([fail.remote("in a task")])

    ray.get(start.remote())
    assert "ValueError: in a task" in told()


def test_what_get_has_raised_is_not_told_again(told: Callable[[], str]) -> None:
    with pytest.raises(ValueError, match="alone"):
        ray.get(fail.remote("alone"))
    with pytest.raises(ValueError, match="one of two"):
        ray.get(fail_twice.remote("one of two")[0])
    with pytest.raises(ValueError, match="of a future"):
        fail.remote("of a future").future().result()
    text = told()
    assert not [word for word in ("alone", "one of two", "of a future") if f"ValueError: {word}" in text]


def test_what_was_awaited_is_not_told_again(told: Callable[[], str]) -> None:
    async def wait() -> None:
        await fail.remote("awaited")

    with pytest.raises(ValueError, match="awaited"):
        asyncio.run(wait())
    assert "ValueError: awaited" not in told()


def test_an_error_that_was_an_argument_is_told_once_unless_its_task_is_asked(told: Callable[[], str]) -> None:
    with pytest.raises(ValueError, match="asked for"):
        ray.get(use.remote(use.remote(fail.remote("asked for"))))
    use.remote(use.remote(fail.remote("passed on")))
    text = told()
    assert "ValueError: asked for" not in text
    assert text.count("ValueError: passed on") == 1


def test_the_error_of_a_generator_is_its_last_item_and_seen_there(told: Callable[[], str]) -> None:
    first, second = yield_and_fail.remote("an item")
    assert ray.get(first) == 1
    with pytest.raises(ValueError, match="an item"):
        ray.get(second)
    assert "ValueError: an item" not in told()


def test_a_cancelled_task_has_not_failed(told: Callable[[], str]) -> None:
    @ray.remote
    def spin() -> None:
        while True:
            pass

    reference = spin.remote()
    ray.cancel(reference)
    with pytest.raises(TaskCancelledError):
        ray.get(reference)
    other = spin.remote()
    ray.cancel(other)
    ray.wait([other])
    del other
    assert "spin failed" not in told()


@pytest.mark.parametrize("log_to_driver", [True, False])
def test_a_variable_keeps_the_runtime_quiet(
    log_to_driver: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = connecting.show if log_to_driver else connecting.show_notices_only
    show(Unhandled("f", "Traceback"))
    assert caplog.text.count("f failed") == 1
    monkeypatch.setenv("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    show(Unhandled("f", "Traceback"))
    assert caplog.text.count("f failed") == 1


# --- the scheduler alone -----------------------------------------------------------------------------

RAISED = ("ValueError", "no", "Traceback: it failed")


def fail_on(node: Node, results: int = 1, *arguments: bytes) -> list[bytes]:
    """Submit a task and let it fail; return the ids of its results."""
    task = node.submit(*arguments, num_returns=results)
    node.finish(task, *[(ERROR, pickle.dumps(ValueError("no")), ())] * results, error=RAISED)
    return [result(task, index) for index in range(results)]


def drop(node: Node, *names: bytes) -> None:
    node.tell(node.driver, DropReferences(names))


def news(node: Node) -> list[str]:
    node.pass_time(0.1)
    return [message.traceback for message in node.driver.channel.all(Unhandled)]


@given(results=st.integers(1, 4), data=st.data())
def test_a_task_is_told_of_when_the_last_of_its_results_is_dropped(results: int, data: st.DataObject) -> None:
    node = Node()
    names = data.draw(st.permutations(fail_on(node, results)))
    seen_after = data.draw(st.none() | st.integers(0, results - 1))
    for place, name in enumerate(names):
        assert news(node) == []
        if place == seen_after:
            node.tell(node.driver, ErrorSeen(name))
        drop(node, name)
    assert news(node) == ([] if seen_after is not None else [RAISED[2]])


@given(length=st.integers(1, 5), seen=st.booleans())
def test_an_error_that_runs_down_a_chain_of_tasks_is_told_once_at_its_end(length: int, seen: bool) -> None:
    node = Node()
    (last,) = fail_on(node)
    for _ in range(length):
        task = node.submit(last)
        drop(node, last)
        last = result(task)
    assert news(node) == []
    if seen:
        node.tell(node.driver, ErrorSeen(last))
    drop(node, last)
    assert news(node) == ([] if seen else [RAISED[2]])


def test_only_the_driver_whose_task_it_was_is_told() -> None:
    node = Node()
    other = node.connect("DRIVER", 200)
    drop(node, *fail_on(node))
    assert news(node) == [RAISED[2]]
    assert not other.channel.all(Unhandled)
