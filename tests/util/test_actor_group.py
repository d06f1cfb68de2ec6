"""`ray.util.actor_group`: several actors called at once."""

from collections.abc import Iterator

import pytest

import minray as ray
from minray.util.actor_group import ActorGroup
from runtime_tools import session, wait_until


class Counter:
    """Counts from where it is told to."""

    def __init__(self, start: int = 0) -> None:
        self.value = start

    def add(self, amount: int) -> int:
        self.value += amount
        return self.value

    def get_actor_metadata(self) -> str:
        return f"counts to {self.value}"


@pytest.fixture(scope="module", autouse=True)
def two_cpus() -> Iterator[None]:
    with session(num_cpus=2):
        yield


def group(**options: object) -> ActorGroup:
    with pytest.warns(DeprecationWarning, match="multiprocessing"):
        return ActorGroup(Counter, **options)  # type: ignore[arg-type]


def free_cpus() -> float:
    return ray.available_resources().get("CPU", 0.0)


def test_a_call_goes_to_every_actor() -> None:
    counters = group(num_actors=2, num_cpus_per_actor=0, init_kwargs={"start": 3})
    assert len(counters) == 2
    assert ray.get(counters.add.remote(2)) == [5, 5]
    assert counters.actor_metadata == ["counts to 3"] * 2
    assert ray.get(counters[0].actor.add.remote(1)) == 6
    counters.add_actors(1)
    counters.remove_actors([0, 1])
    assert len(counters) == 1
    counters.shutdown()


def test_actors_hold_what_they_are_given_until_the_group_ends_and_starts_anew() -> None:
    counters = group(num_cpus_per_actor=2)
    ray.get(counters.add.remote(1))
    assert free_cpus() == 0
    with pytest.raises(RuntimeError, match="started already"):
        counters.start()
    counters.shutdown()
    wait_until(lambda: free_cpus() == 2)
    with pytest.raises(RuntimeError, match="shut down"):
        counters.add.remote(1)
    counters.start()
    assert ray.get(counters.add.remote(1)) == [1]
    counters.shutdown(patience_s=0)
    wait_until(lambda: free_cpus() == 2)


def test_mistakes_are_errors_at_once() -> None:
    counters = group()
    with pytest.raises(TypeError, match=r"'add\.remote"):
        counters.add(1)
    with pytest.raises(AttributeError):
        _ = counters.subtract
    counters.shutdown()
    for wrong in ({"num_actors": 0}, {"num_cpus_per_actor": -1}, {"num_gpus_per_actor": -1}):
        with pytest.raises(ValueError, match=r"must (not )?be"):
            group(**wrong)
