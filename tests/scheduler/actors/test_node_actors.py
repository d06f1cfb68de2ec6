"""Actors in the local scheduler, without processes: creation, the order of calls, restarts, ends, names."""

import pickle
from typing import Any

import pytest

from fake_node import FUNCTION, Node, result
from minray.exceptions import ActorDiedError, ActorUnavailableError
from minray.gcs.schema import ActorState, TaskState
from minray.scheduler.tables.records import Client
from minray.wire.config import RESTART_SECONDS
from minray.wire.demand import to_demand
from minray.wire.ids import actor_object, creation_task
from minray.wire.messages import (
    ACTOR,
    CONSTRUCTOR,
    ERROR,
    INLINE,
    ActorExits,
    BecomeActor,
    CreateActor,
    DropReferences,
    Exit,
    GetActor,
    HoldReferences,
    KillActor,
    Reply,
    RunTask,
    SubmitTask,
    TaskDone,
)

VALUE_ERROR = ("ValueError", "no", "Traceback")


class ActorNode(Node):
    """A node on which actors can be made, called, and ended."""

    def create(self, number: int = 1, *arguments: bytes, by: Client | None = None, **changes: Any) -> bytes:  # noqa: ANN401
        """A process asks for an actor; return its id."""
        actor_id = number.to_bytes(16, "big")
        task = self.spec(*arguments, cpus=changes.pop("cpus", 0))
        task = task._replace(task_id=creation_task(actor_id), num_returns=0, method=CONSTRUCTOR)
        message = CreateActor(
            request=0,
            actor_id=actor_id,
            task=tuple(task),
            handle=b"handle",
            class_name="Counter",
            name="",
            namespace="",
            get_if_exists=False,
            detached=False,
            needs=to_demand({"CPU": 1}),
            max_restarts=0,
            max_task_retries=0,
            in_order=True,
            max_concurrency=1,
            groups=(),
        )
        self.tell(by or self.driver, message._replace(**changes))
        return actor_id

    def home(self, actor_id: bytes) -> Client:
        """The worker that the actor lives in."""
        (home,) = [
            worker
            for worker in self.workers()
            if any(order.actor_id == actor_id for order in worker.channel.all(BecomeActor))
        ]
        return home

    def made(self, number: int = 1, **changes: Any) -> bytes:  # noqa: ANN401
        """An actor whose constructor has returned."""
        actor_id = self.create(number, **changes)
        self.construct(actor_id)
        return actor_id

    def construct(self, actor_id: bytes, error: tuple[str, str, str] | None = None) -> None:
        """The constructor returns, or raises."""
        results = ((ERROR, pickle.dumps(ActorDiedError("its constructor raised")), ()),) if error else ()
        done = TaskDone(creation_task(actor_id), results, self.now, self.now, error, False)
        self.tell(self.home(actor_id), done)

    def call(
        self,
        actor_id: bytes,
        *arguments: bytes,
        by: Client | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> SubmitTask:
        """A process calls a method."""
        spec = self.spec(*arguments, cpus=0, function_id=b"", actor=actor_id, method="increment")
        spec = spec._replace(**changes)
        self.tell(by or self.driver, spec)
        return spec

    def arrived(self, actor_id: bytes) -> list[bytes]:
        """The calls that have gone to the actor's worker, in their order, by task id."""
        orders = self.home(actor_id).channel.all(RunTask)
        return [order.task_id for order in orders if order.method != CONSTRUCTOR]

    def end_call(self, actor_id: bytes, spec: SubmitTask, **changes: Any) -> None:  # noqa: ANN401
        """A call returns."""
        self.tell(self.home(actor_id), self.done(spec, **changes))

    def error_of(self, spec: SubmitTask) -> BaseException:
        """What a call's result raises."""
        kind, payload = self.values()[result(spec)]
        assert kind == ERROR
        error: BaseException = pickle.loads(payload)
        return error

    def actor_states(self, number: int = 1) -> list[str]:
        """The states of an actor in the event store."""
        return [row[1] for row in self.rows["actor_events"] if row[0] == number]

    def let_go(self, actor_id: bytes, by: Client | None = None) -> None:
        """A process drops its handles."""
        self.tell(by or self.driver, DropReferences((actor_object(actor_id),)))


def test_an_actor_gets_a_worker_of_its_own_and_calls_wait_until_it_is_there() -> None:
    node = ActorNode()
    actor = node.create()
    early = node.call(actor)
    assert node.arrived(actor) == []
    node.construct(actor)
    late = node.call(actor)
    assert node.arrived(actor) == [early.task_id, late.task_id]
    assert node.actor_states() == ["DEPENDENCIES_UNREADY", "PENDING_CREATION", "ALIVE"]
    node.submit(), node.submit()
    assert not any(node.runner(spec) is node.home(actor) for spec in node.running() if not spec.actor)


def test_calls_travel_ahead_and_end_in_any_order() -> None:
    node = ActorNode()
    actor = node.made()
    calls = [node.call(actor) for _ in range(5)]
    assert node.arrived(actor) == [call.task_id for call in calls]
    for call in reversed(calls):
        node.end_call(actor, call)
    assert all(node.values()[result(call)] == (INLINE, call.name.encode()) for call in calls)
    assert node.states(calls[0]) == ["PENDING_ARGS_AVAIL", "SUBMITTED_TO_WORKER", "RUNNING", "FINISHED"]
    assert "PENDING_ACTOR_TASK_ORDERING_OR_CONCURRENCY" in node.states(calls[1])


def test_a_call_that_waits_for_an_argument_holds_up_its_own_callers_later_calls_only() -> None:
    node = ActorNode(cpus=3)
    actor = node.made()
    running = node.submit()
    caller = node.runner(running)
    assert caller is not None
    node.tell(caller, HoldReferences((actor_object(actor),)))
    slow = node.submit()
    first, second = node.call(actor, result(slow)), node.call(actor)
    other = node.call(actor, by=caller)
    assert node.arrived(actor) == [other.task_id]
    node.finish(slow)
    assert node.arrived(actor) == [other.task_id, first.task_id, second.task_id]


def test_without_order_a_call_goes_as_soon_as_its_own_arguments_are_there() -> None:
    node = ActorNode()
    actor = node.made(in_order=False)
    slow = node.submit()
    first, second = node.call(actor, result(slow)), node.call(actor)
    assert node.arrived(actor) == [second.task_id]
    node.finish(slow)
    assert node.arrived(actor) == [second.task_id, first.task_id]


def test_a_call_whose_argument_is_an_error_fails_and_lets_the_next_pass() -> None:
    node = ActorNode()
    actor = node.made()
    slow = node.submit()
    first, second = node.call(actor, result(slow)), node.call(actor)
    node.finish(slow, (ERROR, pickle.dumps(ValueError("no")), ()), error=VALUE_ERROR)
    assert node.arrived(actor) == [second.task_id]
    assert node.states(first)[-1] == "FAILED"


def test_an_actor_that_nobody_refers_to_ends_when_its_calls_are_done() -> None:
    node = ActorNode()
    actor = node.made()
    call = node.call(actor)
    node.let_go(actor)
    assert node.actor_states()[-1] == "ALIVE"
    home = node.home(actor)
    node.end_call(actor, call)
    assert home.channel.all(Exit)
    assert node.actor_states()[-1] == "DEAD"
    node.die(home, 0)
    assert node.available()["CPU"] == 2.0


def test_an_argument_that_contains_a_handle_keeps_the_actor_alive() -> None:
    node = ActorNode()
    actor = node.made()
    task = node.submit(contained=(actor_object(actor),))
    node.let_go(actor)
    assert node.actor_states()[-1] == "ALIVE"
    worker = node.runner(task)
    assert worker is not None
    node.tell(worker, HoldReferences((actor_object(actor),)))
    node.finish(task)
    assert node.actor_states()[-1] == "ALIVE"
    node.let_go(actor, by=worker)
    assert node.actor_states()[-1] == "DEAD"


def test_an_actor_that_waits_for_resources_and_that_nobody_wants_is_never_made() -> None:
    node = ActorNode(cpus=1)
    node.submit()
    actor = node.create(cpus=1)
    node.let_go(actor)
    assert node.actor_states()[-1] == "DEAD"
    assert node.scheduler.queue.length == 0


def test_resources_that_an_actor_asks_for_are_held_for_life_and_others_not_at_all() -> None:
    node = ActorNode(cpus=2)
    node.made(1)
    assert node.available()["CPU"] == 2.0
    actor = node.made(2, cpus=2)
    assert "CPU" not in node.available()
    home = node.home(actor)
    node.tell(node.driver, KillActor(actor, True))
    node.die(home)
    assert node.available()["CPU"] == 2.0


def test_an_actor_without_demands_still_needs_a_node_with_a_cpu() -> None:
    node = ActorNode(cpus=0)
    node.create()
    assert node.actor_states() == ["DEPENDENCIES_UNREADY", "PENDING_CREATION"]
    node.create(2, needs=())
    node.construct((2).to_bytes(16, "big"))
    assert node.actor_states(2)[-1] == "ALIVE"


def test_when_the_process_dies_the_calls_fail_and_so_do_later_ones() -> None:
    node = ActorNode()
    actor = node.made()
    calls = [node.call(actor), node.call(actor)]
    node.die(node.home(actor), 3)
    calls.append(node.call(actor))
    for call in calls:
        error = node.error_of(call)
        assert isinstance(error, ActorDiedError)
        assert "exit code 3" in str(error)
        assert error.actor_id == actor.hex()


def test_a_restarted_actor_is_made_anew_and_calls_that_may_be_repeated_keep_their_order() -> None:
    node = ActorNode()
    argument = node.submit()
    node.finish(argument)
    actor = node.create(1, result(argument), max_restarts=1)
    node.construct(actor)
    node.tell(node.driver, DropReferences((result(argument),)))
    once, again, third = node.call(actor), node.call(actor, max_retries=1), node.call(actor, max_retries=-1)
    node.die(node.home(actor))
    assert isinstance(node.error_of(once), ActorUnavailableError)
    late = node.call(actor, max_retries=1)
    (constructor,) = node.home(actor).channel.all(RunTask)
    assert constructor.values == ((0, INLINE, argument.name.encode()),)
    assert node.home(actor).channel.all(BecomeActor)[0].restarts == 1
    node.construct(actor)
    assert node.arrived(actor) == [again.task_id, third.task_id, late.task_id]
    node.die(node.home(actor))
    assert isinstance(node.error_of(third), ActorDiedError)
    assert node.actor_states()[-3:] == ["RESTARTING", "ALIVE", "DEAD"]
    assert (
        len(node.scheduler.objects.table) == 1 + len(node.values()) - 1
    )  # what the constructor needed is gone


def test_a_call_that_may_not_be_repeated_waits_for_a_restart_but_not_for_long() -> None:
    node = ActorNode()
    actor = node.made(max_restarts=2)
    node.die(node.home(actor))
    soon = node.call(actor)
    node.construct(actor)
    assert node.arrived(actor) == [soon.task_id]
    node.die(node.home(actor))
    late, patient = node.call(actor), node.call(actor, max_retries=1)
    node.pass_time(RESTART_SECONDS)
    assert "The actor is restarting" in str(node.error_of(late))
    assert isinstance(node.error_of(late), ActorUnavailableError)
    node.construct(actor)
    assert node.arrived(actor) == [patient.task_id]


def test_a_constructor_whose_process_dies_is_run_again_as_often_as_the_actor_may_restart() -> None:
    node = ActorNode()
    actor = node.create(max_restarts=2)
    for _ in range(3):
        assert node.actor_states()[-1] != "DEAD"
        node.die(node.home(actor))
    assert node.actor_states()[-1] == "DEAD"


def test_a_constructor_that_raises_is_not_run_again() -> None:
    node = ActorNode()
    actor = node.create(max_restarts=-1)
    call = node.call(actor)
    home = node.home(actor)
    node.construct(actor, VALUE_ERROR)
    assert "its constructor raised" in str(node.error_of(call))
    assert home.channel.all(Exit)
    assert node.actor_states()[-1] == "DEAD"


@pytest.mark.parametrize("no_restart", [True, False])
def test_kill_ends_an_actor_for_good_or_lets_it_restart(no_restart: bool) -> None:
    node = ActorNode()
    actor = node.made(max_restarts=1)
    home = node.home(actor)
    node.tell(node.driver, KillActor(actor, no_restart))
    assert node.scheduler.processes.signals == [(home.pid, 9)]
    assert node.actor_states()[-1] == ("DEAD" if no_restart else "ALIVE")
    node.die(home)
    assert node.actor_states()[-1] == ("DEAD" if no_restart else "RESTARTING")
    if no_restart:
        assert "killed by `ray.kill`" in str(node.error_of(node.call(actor)))


def test_an_actor_that_exits_on_purpose_is_not_restarted() -> None:
    node = ActorNode()
    actor = node.made(max_restarts=-1)
    running, waiting = node.call(actor, max_retries=-1), node.call(actor)
    home = node.home(actor)
    node.tell(home, ActorExits("exit_actor() is called."))
    assert all("exit_actor" in str(node.error_of(call)) for call in (running, waiting))
    node.tell(home, node.done(running))  # too late: nobody minds
    node.die(home, 0)
    assert node.actor_states()[-1] == "DEAD"


def test_an_actor_ends_with_the_process_that_made_it_unless_it_is_detached() -> None:
    node = ActorNode()
    running = node.submit()
    owner = node.runner(running)
    assert owner is not None
    kept, lost = (node.made(number, by=owner, detached=number == 1) for number in (1, 2))
    node.tell(node.driver, HoldReferences((actor_object(lost), actor_object(kept))))
    node.die(owner)
    assert (node.actor_states(1)[-1], node.actor_states(2)[-1]) == ("ALIVE", "DEAD")
    assert "its owner has died" in str(node.error_of(node.call(lost)))
    call = node.call(kept)
    assert node.arrived(kept) == [call.task_id]


def test_a_name_is_taken_as_long_as_its_actor_lives() -> None:
    node = ActorNode()
    first = node.made(1, name="tally", namespace="here", request=1)
    node.create(2, name="tally", namespace="here", request=2)
    node.create(3, name="tally", namespace="here", request=3, get_if_exists=True)
    node.create(4, name="tally", namespace="there", request=4)
    node.tell(node.driver, GetActor(5, "tally", "here"), KillActor(first, True), GetActor(6, "tally", "here"))
    answers = [reply.value for reply in node.driver.channel.all(Reply)]
    outcomes = ["created", "taken", "exists", "created"]
    assert [answer[0] for answer in answers[:4]] == outcomes
    assert answers[4:] == [(first, b"handle"), None]
    assert node.scheduler.actors.table.names() == [("there", "tally")]


def test_a_detached_actor_needs_no_handle() -> None:
    node = ActorNode()
    actor = node.made(name="kept", detached=True)
    node.let_go(actor)
    assert node.actor_states()[-1] == "ALIVE"
    node.tell(node.driver, KillActor(actor, True))
    assert len(node.scheduler.objects.table) == 0


def test_a_dead_actor_needs_no_room_for_what_its_constructor_was_given() -> None:
    node = ActorNode()
    actor = node.made()
    node.tell(node.driver, KillActor(actor, True))
    remembered = node.scheduler.actors.table.by_id.get(actor)
    assert remembered is not None
    assert remembered.state == ActorState.DEAD
    assert (remembered.creation.spec.args, remembered.spec.handle) == (b"", b"")


def test_an_actor_that_does_not_end_when_asked_to_is_killed_in_the_end() -> None:
    node = ActorNode()
    actor = node.made()
    home = node.home(actor)
    node.let_go(actor)
    node.now += 31
    node.scheduler.log.now = node.now
    node.scheduler.tick()
    assert (home.pid, 9) in node.scheduler.processes.signals


def test_the_event_store_knows_actors_and_which_tasks_are_theirs() -> None:
    node = ActorNode()
    actor = node.made(name="tally", namespace="here", cpus=1)
    call = node.call(actor)
    node.end_call(actor, call)
    ((number, actor_id, class_name, name, namespace, detached, restarts, owner, task, held),) = node.rows[
        "actors"
    ]
    assert (number, actor_id, class_name, name, namespace) == (1, actor.hex(), "Counter", "tally", "here")
    assert (detached, restarts, owner, held) == (0, 0, node.driver.number, '{"CPU": 1.0}')
    kinds = [(row[0], row[7], row[8]) for row in node.rows["tasks"]]
    assert kinds == [(task, "ACTOR_CREATION_TASK", 1), (node.number(call), "ACTOR_TASK", 1)]
    finished = [row for row in node.rows["task_events"] if row[2] == TaskState.FINISHED]
    assert len(finished) == 2
    assert ACTOR not in {value[0] for value in node.values().values()}
    assert FUNCTION not in [order.function_id for order in node.home(actor).channel.all(RunTask)[1:]]
