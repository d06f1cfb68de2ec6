"""Actors in a real session: classes, calls and their order, handles, names, and ends."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

import minray as ray
from leaks import is_gone
from runtime_tools import Gate, wait_until


@pytest.fixture(scope="module", autouse=True)
def session() -> Any:  # noqa: ANN401
    with ray.init(num_cpus=2, include_dashboard=False, namespace="tests"):
        yield


@ray.remote
class Counter:
    """What most tests call."""

    STEP = 1

    def __init__(self, start: int = 0) -> None:
        self.value = start

    def increment(self, by: int = 1) -> int:
        self.value += by
        return self.value

    def append(self, values: list[int], value: int) -> list[int]:
        return [*values, value]

    @ray.method(num_returns=2)
    def halves(self) -> tuple[int, int]:
        return self.value // 2, self.value - self.value // 2

    def pid(self) -> int:
        return os.getpid()

    def fail(self) -> None:
        raise ValueError("no")

    def crash(self) -> None:
        os._exit(3)

    def leave(self) -> None:
        ray.actor.exit_actor()

    @staticmethod
    def double(value: int) -> int:
        return 2 * value

    @classmethod
    def step(cls) -> int:
        return cls.STEP


def test_an_actor_keeps_its_state_between_calls_which_run_in_their_order() -> None:
    counter = Counter.remote(5)
    assert ray.get([counter.increment.remote() for _ in range(100)]) == list(range(6, 106))


def test_references_among_the_arguments_are_resolved_and_keep_their_place_in_the_order() -> None:
    @ray.remote
    def slow() -> int:
        time.sleep(0.05)
        return 10

    counter = Counter.remote(ray.put(1))
    refs = [counter.increment.remote(slow.remote()), counter.increment.remote()]
    assert ray.get(refs) == [11, 12]


def test_what_a_method_raises_is_raised_by_get_and_the_actor_lives_on() -> None:
    counter = Counter.remote()
    with pytest.raises(ValueError, match=r"ray::Counter\.fail.*") as caught:
        ray.get(counter.fail.remote())
    assert isinstance(caught.value, ray.exceptions.RayTaskError)
    assert ray.get(counter.increment.remote()) == 1


def test_static_and_class_methods_and_attributes_work_on_both_sides() -> None:
    counter = Counter.remote()
    assert ray.get([counter.double.remote(4), counter.step.remote()]) == [8, 1]
    assert (Counter.STEP, Counter.double(3)) == (1, 6)


def test_a_method_may_return_several_values() -> None:
    counter = Counter.remote(5)
    low, high = counter.halves.remote()
    assert ray.get([low, high]) == [2, 3]
    assert ray.get(counter.halves.options(num_returns=1).remote()) == (2, 3)
    assert counter.increment.options(num_returns=0).remote() is None


def test_wrong_calls_are_errors_at_once() -> None:
    with pytest.raises(TypeError, match="cannot be instantiated directly"):
        Counter()
    with pytest.raises(TypeError, match="too many positional"):
        Counter.remote(1, 2)
    counter = Counter.remote()
    with pytest.raises(TypeError, match="cannot be called directly"):
        counter.increment()
    with pytest.raises(TypeError, match="missing a required argument: 'values'"):
        counter.append.remote()
    with pytest.raises(AttributeError, match="has no attribute 'decrement'"):
        counter.decrement.remote()
    with pytest.raises(TypeError, match="not currently supported"):
        exec("class Sub(Counter): pass", {"Counter": Counter})
    with pytest.raises(ValueError, match="max_restart"):
        Counter.options(max_restart=1)


def test_inheritance_and_super_without_arguments_work() -> None:
    class Base:
        def __init__(self, name: str) -> None:
            self.name = name

        def hello(self) -> str:
            return f"hello {self.name}"

    @ray.remote
    class Derived(Base):
        def __init__(self, name: str) -> None:
            super().__init__(name.upper())

        def hello(self) -> str:
            return super().hello() + "!"

    assert ray.get(Derived.remote("ann").hello.remote()) == "hello ANN!"


def test_a_handle_works_in_tasks_and_in_other_actors() -> None:
    @ray.remote
    def add(counter: Any, times: int) -> int:  # noqa: ANN401
        return max(ray.get([counter.increment.remote() for _ in range(times)]))

    @ray.remote
    class Caller:
        def __init__(self, counters: list[Any]) -> None:
            self.counters = counters

        def call(self) -> list[int]:
            return ray.get([counter.increment.remote() for counter in self.counters])

    counter = Counter.remote()
    assert ray.get(add.remote(counter, 3)) == 3
    assert ray.get(Caller.remote([counter]).call.remote()) == [4]
    assert ray.get(ray.put(counter)) == counter
    assert len({counter, ray.get(ray.put(counter))}) == 1


def test_there_may_be_more_actors_than_cpus_and_they_hold_none() -> None:
    actors = [Counter.remote(n) for n in range(5)]
    assert ray.get([actor.increment.remote() for actor in actors]) == [1, 2, 3, 4, 5]
    assert ray.available_resources()["CPU"] == 2.0
    holder = Counter.options(num_cpus=2).remote()
    ray.get(holder.increment.remote())
    assert "CPU" not in ray.available_resources()
    del holder
    wait_until(lambda: ray.available_resources().get("CPU") == 2.0)


def test_an_actor_ends_when_the_last_handle_is_gone_and_its_calls_are_done() -> None:
    counter = Counter.remote()
    pid = ray.get(counter.pid.remote())
    again = ray.get(ray.put([counter]))
    del counter
    last = [again[0].increment.remote() for _ in range(10)]
    del again
    assert ray.get(last)[-1] == 10
    wait_until(lambda: is_gone(pid))


def test_a_call_of_an_actor_that_nobody_keeps_is_still_done() -> None:
    assert ray.get(Counter.remote(4).increment.remote()) == 5


def test_an_actor_that_a_task_returns_lives_on() -> None:
    @ray.remote
    def make() -> Any:  # noqa: ANN401
        return Counter.remote(7)

    counter = ray.get(make.remote())
    assert ray.get(counter.increment.remote()) == 8


# --- names -------------------------------------------------------------------------------------------


def test_a_named_actor_is_found_by_its_name_in_its_namespace() -> None:
    counter = Counter.options(name="one").remote()
    assert ray.get_actor("one") == counter
    assert ray.util.list_named_actors() == ["one"]
    with pytest.raises(ValueError, match="already taken"):
        Counter.options(name="one").remote()
    assert Counter.options(name="one", get_if_exists=True).remote() == counter
    with pytest.raises(ValueError, match="Failed to look up actor with name 'one'"):
        ray.get_actor("one", namespace="elsewhere")
    other = Counter.options(name="one", namespace="elsewhere").remote()
    names = ray.util.list_named_actors(all_namespaces=True)
    assert {tuple(found.values()) for found in names} == {("tests", "one"), ("elsewhere", "one")}
    ray.kill(other)
    del counter
    wait_until(lambda: ray.util.list_named_actors(all_namespaces=True) == [])


def test_an_actor_that_died_by_itself_keeps_its_name_while_somebody_refers_to_it() -> None:
    crashed = Counter.options(name="mine").remote()
    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(crashed.crash.remote())
    assert ray.get_actor("mine") == crashed  # as in Ray, although it is dead
    assert Counter.options(name="mine", get_if_exists=True).remote() == crashed
    assert "mine" not in ray.util.list_named_actors()
    with pytest.raises(ValueError, match="already taken"):
        Counter.options(name="mine").remote()
    del crashed

    def can_be_made() -> bool:
        try:
            actors.append(Counter.options(name="mine").remote())
        except ValueError:
            return False
        return True

    actors: list[Any] = []
    wait_until(can_be_made, "the name to be free")
    ray.kill(actors[0])
    again = Counter.options(name="mine").remote()  # whoever kills an actor frees its name
    assert ray.get(again.increment.remote()) == 1


def test_a_detached_actor_lives_without_handles_until_it_is_killed() -> None:
    Counter.options(name="kept", lifetime="detached").remote(1)
    time.sleep(0.1)
    assert ray.get(ray.get_actor("kept").increment.remote()) == 2
    ray.kill(ray.get_actor("kept"))
    with pytest.raises(ValueError, match="Failed to look up"):
        ray.get_actor("kept")


# --- ends --------------------------------------------------------------------------------------------


def test_calls_of_a_dead_actor_say_what_it_died_of() -> None:
    causes = {
        "killed by `ray.kill`": ray.kill,
        "exit code 3": lambda counter: counter.crash.remote(),
        "exit_actor": lambda counter: counter.leave.remote(),
        "INTENDED_USER_EXIT": lambda counter: counter.__ray_terminate__.remote(),
    }
    for cause, end in causes.items():
        counter = Counter.remote()
        ray.get(counter.__ray_ready__.remote())
        end(counter)
        with pytest.raises(ray.exceptions.ActorDiedError, match=cause) as caught:
            ray.get(counter.increment.remote())
        assert caught.value.actor_id == counter._actor_id.hex()


def test_an_actor_whose_constructor_raises_is_dead_with_its_traceback() -> None:
    @ray.remote
    class Broken:
        def __init__(self) -> None:
            raise RuntimeError("oops")

        def call(self) -> None: ...

    broken = Broken.remote()
    with pytest.raises(ray.exceptions.ActorDiedError, match=r"(?s)raised in its creation.*oops") as caught:
        ray.get(broken.call.remote())
    assert caught.value.actor_init_failed


def test_an_actor_ends_with_the_actor_that_made_it() -> None:
    @ray.remote
    class Owner:
        def make(self) -> Any:  # noqa: ANN401
            self.made = Counter.remote()
            ray.get(self.made.increment.remote())
            return self.made

    owner = Owner.remote()
    made = ray.get(owner.make.remote())
    ray.kill(owner)
    with pytest.raises(ray.exceptions.ActorDiedError, match="its owner has died"):
        ray.get(made.increment.remote())


def test_an_actor_is_restarted_as_often_as_it_may_be() -> None:
    counter = Counter.options(max_restarts=1, max_task_retries=-1).remote(10)
    first = ray.get(counter.pid.remote())
    os.kill(first, 9)
    wait_until(lambda: is_gone(first))
    assert ray.get([counter.increment.remote(), counter.increment.remote()]) == [11, 12]
    second = ray.get(counter.pid.remote())
    os.kill(second, 9)
    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(counter.increment.remote())


def test_a_call_that_fails_is_repeated_where_its_options_say_so() -> None:
    @ray.remote
    class Flaky:
        def __init__(self) -> None:
            self.tries = 0

        @ray.method(max_task_retries=3, retry_exceptions=[ValueError])
        def call(self) -> int:
            self.tries += 1
            if self.tries < 3:
                raise ValueError("not yet")
            return self.tries

    assert ray.get(Flaky.remote().call.remote()) == 3


def test_no_more_calls_wait_than_max_pending_calls_allows() -> None:
    @ray.remote(max_pending_calls=2)
    class Slow:
        def call(self) -> None:
            time.sleep(0.1)

    slow = Slow.remote()
    refs = [slow.call.remote(), slow.call.remote()]
    with pytest.raises(ray.exceptions.PendingCallsLimitExceeded):
        slow.call.remote()
    ray.get(refs)
    ray.get(slow.call.remote())


def test_calls_whose_results_nobody_wants_count_as_pending_too() -> None:
    @ray.remote
    class Waiter:
        async def wait(self) -> None:
            await asyncio.sleep(1000)

    waiter = Waiter.options(max_pending_calls=2).remote()
    for _ in range(2):
        waiter.wait.remote()
    with pytest.raises(ray.exceptions.PendingCallsLimitExceeded):
        waiter.wait.remote()
    ray.kill(waiter)


def test_a_method_may_have_its_calls_changed_by_a_decorator_of_rays_kind() -> None:
    def twice(call: Any) -> Any:  # noqa: ANN401 - a function
        return lambda args, kwargs: (call([args[0], args[0]], {}), kwargs)

    class Adder:
        def add(self, a: int, b: int) -> int:
            return a + b

        add.__ray_invocation_decorator__ = twice  # type: ignore[attr-defined]

    adder = ray.remote(Adder).remote()
    ref, kwargs = adder.add.remote(3, more=1)
    assert (ray.get(ref), kwargs) == (6, {"more": 1})

    @ray.remote
    def elsewhere(handle: Any) -> int:  # noqa: ANN401 - a handle
        result: int = ray.get(handle.add.remote(4)[0])
        return result

    assert ray.get(elsewhere.remote(adder)) == 8


def test_atexit_handlers_run_when_an_actor_ends_in_good_order(tmp_path: Any) -> None:  # noqa: ANN401
    @ray.remote
    class Tidy:
        def __init__(self, path: Any) -> None:  # noqa: ANN401
            import atexit

            atexit.register(path.write_text, "tidied")

        def ready(self) -> None: ...

    for number, end in enumerate(("out of scope", "terminate", "kill")):
        path = tmp_path / str(number)
        tidy = Tidy.remote(path)
        ray.get(tidy.ready.remote())
        if end == "kill":
            ray.kill(tidy)
        elif end == "terminate":
            tidy.__ray_terminate__.remote()
        del tidy
        if end != "kill":
            wait_until(path.exists)


def test_the_runtime_context_knows_the_actor() -> None:
    @ray.remote
    class Knowing:
        def who(self) -> tuple[Any, ...]:
            context = ray.get_runtime_context()
            here = (context.get_actor_id(), context.get_actor_name(), context.namespace)
            return (*here, context.was_current_actor_reconstructed, context.current_actor)

    knowing = Knowing.options(name="known").remote()
    own = (knowing._actor_id.hex(), "known", "tests", False, knowing)
    assert ray.get(knowing.who.remote()) == own
    assert ray.get_runtime_context().get_actor_id() is None


def test_an_actor_exits_even_if_its_method_catches_that() -> None:
    @ray.remote
    class Stubborn:
        def leave(self) -> str:
            try:
                ray.actor.exit_actor()
            except SystemExit:
                return "still here"

        def call(self) -> None: ...

    stubborn = Stubborn.remote()
    for ref in (stubborn.leave.remote(), stubborn.call.remote()):
        with pytest.raises(ray.exceptions.ActorDiedError, match="INTENDED_USER_EXIT"):
            ray.get(ref)


def test_dir_shows_what_can_be_called() -> None:
    assert {"increment", "options", "remote", "bind"} <= set(dir(Counter))
    methods = [name for name in dir(Counter.remote()) if not name.startswith("_")]
    assert methods == ["append", "crash", "double", "fail", "halves", "increment", "leave", "pid", "step"]


def test_an_actor_keeps_its_cpus_while_it_waits() -> None:
    @ray.remote(num_cpus=1)
    class Waiting:
        def wait_for(self, refs: list[Any]) -> None:
            ray.get(refs[0])

    @ray.remote(num_cpus=2)
    def needs_all() -> None: ...

    waiting = Waiting.remote()
    ref = waiting.wait_for.remote([needs_all.remote()])
    assert ray.wait([ref], timeout=0.3) == ([], [ref])
    ray.kill(waiting)


def test_an_actor_whose_constructors_argument_failed_says_whose_error_it_was() -> None:
    @ray.remote
    def broken() -> None:
        raise KeyError("k")

    counter = Counter.remote(broken.remote())
    with pytest.raises(
        ray.exceptions.ActorDiedError, match=r"(?s)input arguments.*ray::broken.*KeyError"
    ) as caught:
        ray.get(counter.increment.remote())
    assert caught.value.actor_init_failed


def test_calls_that_wait_for_the_same_argument_run_once(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def late() -> int:
        gate.wait()
        return 10

    counter = Counter.remote()
    argument = late.remote()
    gate.wait_for_visitors()
    ray.get(counter.increment.remote(0))
    asked = [counter.increment.remote(argument) for _ in range(3)]
    gate.open()
    assert ray.get(asked) == [10, 20, 30]
    assert ray.get(counter.increment.remote(0)) == 30
