"""Several short tasks with one lease: what the scheduler does with them, and what the worker gives back."""

import os
import signal
import time
from pathlib import Path
from types import ModuleType

from fake_node import Node
from minray.exceptions import TaskCancelledError
from minray.scheduler.tables.records import Client
from minray.wire.config import GIVE_BACK_SECONDS
from minray.wire.ids import object_id
from minray.wire.messages import CancelTask, GiveBack, InterruptMissed, RunTask, SubmitTask
from runtime_tools import Gate


def node_with_a_lease(tasks: int = 20) -> tuple[Node, list[SubmitTask], Client]:
    """One worker, a function known to be short, and many of its tasks."""
    node = Node(cpus=1)
    node.finish(node.submit(max_retries=3))
    specs = [node.spec(max_retries=3) for _ in range(tasks)]
    for spec in specs:
        node.scheduler.handle(node.driver, spec)
    node.settle()
    (worker,) = node.workers()
    return node, specs, worker


def orders(worker: Client) -> list[bytes]:
    """The tasks that a worker was sent, in order."""
    return [message.task_id for message in worker.channel.all(RunTask)]


def test_short_tasks_are_sent_together_and_finish_one_by_one() -> None:
    node, specs, worker = node_with_a_lease()
    assert worker.worker is not None
    ahead = len(worker.worker.ahead)
    assert ahead > 0
    assert orders(worker)[1:] == [spec.task_id for spec in specs[: ahead + 1]]
    for spec in specs:
        node.finish(spec)
    assert node.available()["CPU"] == 1
    assert len(node.values()) == len(specs) + 1


def test_a_lease_takes_the_resources_of_one_task() -> None:
    node, _, _ = node_with_a_lease()
    assert node.available().get("CPU", 0) == 0


def test_tasks_that_may_not_be_run_again_go_alone() -> None:
    node = Node(cpus=1)
    node.finish(node.submit())
    for spec in [node.spec(max_retries=0) for _ in range(20)]:
        node.scheduler.handle(node.driver, spec)
    node.settle()
    (worker,) = node.workers()
    assert len(orders(worker)) == 2


def test_that_a_task_went_along_is_told_with_its_end_or_when_it_has_to_wait() -> None:
    node, specs, _ = node_with_a_lease()
    assert node.states(specs[1])[-1] == "PENDING_NODE_ASSIGNMENT"
    node.finish(specs[0])
    node.finish(specs[1])
    assert node.states(specs[1])[2:] == ["SUBMITTED_TO_WORKER", "RUNNING", "FINISHED"]
    node.pass_time(1.0)  # the next one takes long
    assert node.states(specs[2])[2:] == ["SUBMITTED_TO_WORKER", "RUNNING"]
    assert node.states(specs[3])[2:] == ["SUBMITTED_TO_WORKER"]


def test_what_a_worker_gives_back_stands_at_the_head_of_the_queue() -> None:
    node, specs, worker = node_with_a_lease()
    assert worker.worker is not None
    given = [task.spec.task_id for task in worker.worker.ahead]
    node.tell(worker, GiveBack(tuple(given)))
    assert not worker.worker.ahead
    assert [task.spec.task_id for task in node.scheduler.queue.tasks()][: len(given)] == given
    assert node.states(specs[1])[-2:] == ["SUBMITTED_TO_WORKER", "PENDING_NODE_ASSIGNMENT"]
    for spec in specs:
        node.finish(spec)
    assert node.available()["CPU"] == 1


def test_a_worker_may_give_back_even_the_first_task_of_its_lease() -> None:
    node, specs, worker = node_with_a_lease()
    assert worker.worker is not None
    given = [specs[0].task_id, *(task.spec.task_id for task in worker.worker.ahead)]
    node.tell(worker, GiveBack(tuple(given)))
    assert node.states(specs[0])[-2:] == ["PENDING_NODE_ASSIGNMENT", "SUBMITTED_TO_WORKER"]
    for spec in specs:
        node.finish(spec)
    assert node.available()["CPU"] == 1


def test_the_tasks_behind_one_that_kills_its_worker_lose_no_retry() -> None:
    node, specs, worker = node_with_a_lease()
    node.die(worker)
    retries = {task.spec.task_id: task.retries_left for task in node.scheduler.tasks.alive.values()}
    assert retries[specs[0].task_id] == 2
    assert {retries[spec.task_id] for spec in specs[1:]} == {3}
    while running := node.running():
        node.finish(running[0])
    assert len(node.values()) == len(specs) + 1
    assert node.available()["CPU"] == 1


def test_a_task_cancelled_in_a_lease_is_stopped_when_it_is_known_where_the_worker_is() -> None:
    node, specs, worker = node_with_a_lease()
    assert worker.worker is not None
    node.tell(node.driver, CancelTask(object_id(specs[0].task_id, 0), False, False))
    assert not node.scheduler.processes.signals
    node.tell(worker, GiveBack(tuple(task.spec.task_id for task in worker.worker.ahead)))
    node.pass_time(0.1)
    assert node.scheduler.processes.signals == [(worker.pid, signal.SIGINT)]


def test_a_task_cancelled_behind_another_never_runs_if_it_is_given_back() -> None:
    node, specs, worker = node_with_a_lease()
    node.tell(node.driver, CancelTask(object_id(specs[1].task_id, 0), False, False))
    node.tell(worker, GiveBack((specs[1].task_id,)))
    assert node.states(specs[1])[-1] == "FAILED"
    assert object_id(specs[1].task_id, 0) in node.values()


def test_a_signal_that_came_too_early_is_sent_again() -> None:
    node = Node(cpus=1)
    spec = node.submit()
    worker = node.runner(spec)
    assert worker is not None
    node.tell(node.driver, CancelTask(object_id(spec.task_id, 0), False, False))
    node.scheduler.processes.signals.clear()
    node.tell(worker, InterruptMissed())
    assert node.scheduler.processes.signals == [(worker.pid, signal.SIGINT)]


def test_a_missed_signal_for_a_task_that_is_over_harms_no_other() -> None:
    node = Node(cpus=1)
    spec = node.submit()
    worker = node.runner(spec)
    assert worker is not None
    node.tell(worker, InterruptMissed())
    assert not node.scheduler.processes.signals


def test_a_long_task_among_short_ones_holds_up_none_of_them(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def mostly_short(held: bool) -> bool:
        if held:
            gate.wait()
        return held

    ray_session.get([mostly_short.remote(False) for _ in range(200)])  # known to be short from now on
    held = mostly_short.remote(True)
    others = [mostly_short.remote(False) for _ in range(300)]
    assert ray_session.get(others) == [False] * 300
    gate.open()
    assert ray_session.get(held)


def test_answers_do_not_wait_behind_a_long_task_wherever_it_stands(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    @ray_session.remote
    def mostly_short(gate: Gate | None) -> None:
        if gate:
            gate.wait()

    for place in range(40):
        ray_session.get([mostly_short.remote(None) for _ in range(300)])  # known to be short again
        gate = Gate(tmp_path)
        refs = [mostly_short.remote(gate if n == place else None) for n in range(60)]
        held = refs.pop(place)
        ray_session.get(refs, timeout=20)
        gate.open()
        ray_session.get(held)


def test_a_task_that_waits_for_one_behind_it_in_its_lease_gets_it(ray_session: ModuleType) -> None:
    @ray_session.remote
    def wait_for(refs: list[object]) -> int:
        return len(ray_session.get(refs)) if refs else 0

    for _ in range(3):
        ray_session.get([wait_for.remote([]) for _ in range(200)])
        firsts = [wait_for.remote([wait_for.remote([])]) for _ in range(60)]
        assert ray_session.get(firsts) == [1] * 60


def test_no_answer_is_forgotten_when_workers_are_held_up_at_any_moment(ray_session: ModuleType) -> None:
    @ray_session.remote
    def short() -> int:
        return os.getpid()

    workers = set(ray_session.get([short.remote() for _ in range(200)]))
    for _ in range(60):
        refs = [short.remote() for _ in range(200)]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2 * GIVE_BACK_SECONDS)  # now the watch over the lease is due, before the task goes on
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        assert len(ray_session.get(refs, timeout=30)) == 200


def test_short_tasks_can_be_cancelled_in_the_midst_of_leases(ray_session: ModuleType) -> None:
    @ray_session.remote
    def short() -> int:
        return 1

    ray_session.get([short.remote() for _ in range(200)])
    refs = [short.remote() for _ in range(500)]
    for ref in refs[::3]:
        ray_session.cancel(ref)
    for ref in refs:
        try:
            assert ray_session.get(ref) == 1
        except TaskCancelledError:
            assert ref in refs[::3]
