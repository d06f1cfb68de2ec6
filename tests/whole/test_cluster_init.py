"""`init(num_nodes=...)`: several nodes for a lesson, which end with their driver however it ends."""

import os
import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest

import minray as ray
from cluster_tools import where
from runtime_tools import run_good_script, session, start_script, wait_until


def test_init_starts_several_nodes() -> None:
    with session(num_nodes=3, num_cpus=2):
        assert len(ray.nodes()) == 3
        assert ray.cluster_resources()["CPU"] == 6
        places = ray.get([where.options(scheduling_strategy="SPREAD").remote() for _ in range(60)])
        assert set(places) == {node["NodeID"] for node in ray.nodes()}
        assert len(Counter(places)) == 3


@pytest.mark.parametrize("count", [0, -1])
def test_a_session_has_at_least_one_node(count: int) -> None:
    with pytest.raises(ValueError, match="at least one node"):
        ray.init(num_nodes=count)


def test_the_number_of_nodes_is_a_number() -> None:
    with pytest.raises(TypeError, match="whole number"):
        ray.init(num_nodes="3")  # type: ignore[arg-type]


def test_a_driver_that_joins_cannot_choose_the_number_of_nodes() -> None:
    with session(num_cpus=1) as joined, pytest.raises(RuntimeError, match="twice"):
        ray.init(address=joined["address"], num_nodes=2)


def test_a_script_that_ends_without_shutdown_leaves_nothing(tmp_path: Path) -> None:
    said = run_good_script(
        tmp_path,
        """
        import minray as ray
        ray.init(num_nodes=2, num_cpus=1, include_dashboard=False)
        print("nodes", len(ray.nodes()))
        """,
    )
    assert "nodes 2" in said


def test_a_driver_that_is_killed_takes_all_nodes_with_it(tmp_path: Path) -> None:
    script = start_script(
        tmp_path,
        """
        import time
        import minray as ray
        ray.init(num_nodes=3, num_cpus=1, include_dashboard=False)
        print("ready", flush=True)
        time.sleep(1000)
        """,
    )
    assert script.stdout is not None
    assert script.stdout.readline() == "ready\n"
    children = psutil.Process(script.pid).children(recursive=True)
    os.kill(script.pid, signal.SIGKILL)
    script.communicate()
    assert len(children) >= 3 * 3  # a supervisor, a scheduler process and a zygote each
    wait_until(lambda: not any(process.is_running() for process in children))
