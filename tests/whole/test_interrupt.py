"""Ctrl-C: it ends what the driver waits for, and neither the tasks nor the runtime."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import minray as ray
from runtime_tools import Gate, in_thread, start_script, wait_until


@ray.remote
def hold(gate: Gate) -> str:
    gate.wait()
    return "through"


@ray.remote
def double(x: int) -> int:
    return 2 * x


def interrupt() -> None:
    """What a notebook does when its stop button is pressed."""
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(body: Callable[[], object], when: Callable[[], object]) -> None:
    """Run the body, which must last until then, and interrupt it once the condition holds."""

    def press() -> None:
        wait_until(when)
        interrupt()

    with pytest.raises(KeyboardInterrupt), in_thread(press):
        body()


def test_an_interrupted_get_leaves_task_and_runtime_as_they_were(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    held = hold.remote(gate)
    interrupted(lambda: ray_session.get(held), when=gate.visitors)
    assert ray_session.get(double.remote(2)) == 4
    assert ray_session.wait([held], timeout=0) == ([], [held])
    gate.open()
    assert ray_session.get(held) == "through"


def test_an_interrupted_wait_leaves_task_and_runtime_as_they_were(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    held = hold.remote(gate)
    interrupted(lambda: ray_session.wait([held]), when=gate.visitors)
    gate.open()
    assert ray_session.get(held) == "through"


def test_a_get_can_be_interrupted_again_and_again(ray_session: ModuleType, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    held = hold.remote(gate)
    for _ in range(10):
        interrupted(lambda: ray_session.get(held), when=gate.visitors)
    gate.open()
    assert ray_session.get([held, double.remote(1)]) == ["through", 2]


def test_interrupts_at_any_moment_of_submitting_and_getting_lose_nothing(ray_session: ModuleType) -> None:
    rounds: list[int] = []

    def submit_and_get() -> None:
        while True:
            rounds.append(sum(ray_session.get([double.remote(n) for n in range(5)])))

    for goal in range(3, 63, 3):
        interrupted(submit_and_get, when=lambda goal=goal: len(rounds) >= goal)
        assert ray_session.get([double.remote(n) for n in range(20)]) == [2 * n for n in range(20)]
    assert set(rounds) == {20}
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0)


def test_ctrl_c_in_a_terminal_spares_the_workers(tmp_path: Path) -> None:
    """A terminal interrupts every process of the program, workers and all."""
    gate = Gate(tmp_path)
    process = start_script(
        tmp_path,
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[1] / "help")!r})
        from pathlib import Path
        import minray as ray
        from runtime_tools import Gate

        ray.init(num_cpus=2, include_dashboard=False)
        gate = Gate.__new__(Gate)
        gate.folder = Path({str(gate.folder)!r})

        @ray.remote
        def hold(gate):
            return gate.wait()

        held = hold.remote(gate)
        try:
            ray.get(held)
        except KeyboardInterrupt:
            print("interrupted")
        gate.open()
        print("result", ray.get(held))
        """,
    )
    gate.wait_for_visitors()
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "interrupted" in output
    assert "result" in output
    assert gate.visitors() == 1, "the task was interrupted and run again"
    assert "Traceback" not in errors


def test_a_script_that_is_interrupted_ends_quietly_but_for_its_own_traceback(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    process = start_script(
        tmp_path,
        f"""
        import pathlib, time
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def hold():
            pathlib.Path({str(gate.folder / "visitor-here")!r}).touch()
            time.sleep(600)

        ray.get(hold.remote())
        """,
    )
    gate.wait_for_visitors()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (1, -signal.SIGINT, 130)
    assert errors.count("Traceback (most recent call last)") == 1
    assert errors.strip().endswith("KeyboardInterrupt")
