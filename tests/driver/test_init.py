"""`init`, `shutdown` and what they tell: the life of a session as the driver sees it."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

import minray as ray
from runtime_tools import Gate, run_good_script, session, wait_until


@ray.remote
def double(x: int) -> int:
    return 2 * x


def test_init_returns_a_mapping_with_rays_keys() -> None:
    with session(num_cpus=1) as info:
        assert isinstance(info, Mapping)
        for key in (
            "node_ip_address",
            "object_store_address",
            "raylet_socket_name",
            "session_dir",
            "webui_url",
            "redis_address",
        ):
            assert key in info
            assert key in dict(info)
        assert info["node_ip_address"] == "127.0.0.1"
        assert Path(info["session_dir"]).is_dir()


def test_the_mapping_shows_its_values_like_a_dictionary() -> None:
    with session(num_cpus=1) as info:
        assert repr(info["session_dir"]) in repr(info)
        assert "'node_ip_address'" in repr(info)


def test_the_value_of_init_ends_the_session_when_used_in_a_with_statement() -> None:
    with ray.init(num_cpus=1, include_dashboard=False) as info:
        assert ray.is_initialized()
        assert info["session_dir"]
    assert not ray.is_initialized()


def test_init_offers_the_cpus_that_were_asked_for() -> None:
    with session(num_cpus=5):
        assert ray.cluster_resources()["CPU"] == 5.0


def test_init_without_a_number_offers_the_cpus_of_this_machine() -> None:
    with session():
        assert 1 <= ray.cluster_resources()["CPU"] <= (os.cpu_count() or 1)


def test_a_node_tells_its_cpus_as_rays_does(ray_session: ModuleType) -> None:
    (node,) = ray_session.nodes()
    assert node["Resources"]["CPU"] == 2.0
    assert isinstance(node["Resources"]["CPU"], float)
    assert node["Alive"] is True
    assert node["alive"] is True
    assert node["NodeManagerAddress"] == "127.0.0.1"
    assert len(bytes.fromhex(node["NodeID"])) >= 16


def test_a_running_task_takes_its_cpu_off_the_available_resources(
    ray_session: ModuleType, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)

    @ray_session.remote
    def hold(gate: Gate) -> int:
        return gate.wait()

    assert ray_session.available_resources()["CPU"] == 2.0
    held = hold.remote(gate)
    gate.wait_for_visitors()
    assert ray_session.available_resources()["CPU"] == 1.0
    assert ray_session.cluster_resources()["CPU"] == 2.0
    gate.open()
    ray_session.get(held)
    wait_until(lambda: ray_session.available_resources().get("CPU") == 2.0)


def test_init_twice_is_an_error_that_names_the_remedy(ray_session: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="ignore_reinit_error"):
        ray_session.init()
    assert ray_session.get(double.remote(2)) == 4


def test_init_twice_is_fine_when_asked_to_be(ray_session: ModuleType) -> None:
    first = ray_session.init(ignore_reinit_error=True)
    second = ray_session.init(num_cpus=7, ignore_reinit_error=True)
    assert first["session_dir"] == second["session_dir"]
    assert ray_session.cluster_resources()["CPU"] == 2.0


def test_is_initialized_follows_init_and_shutdown() -> None:
    assert not ray.is_initialized()
    with session(num_cpus=1):
        assert ray.is_initialized()
    assert not ray.is_initialized()


def test_shutdown_is_harmless_when_nothing_runs() -> None:
    ray.shutdown()
    with session(num_cpus=1):
        ray.shutdown()
        ray.shutdown()
    assert not ray.is_initialized()


def test_shutdown_does_not_wait_for_running_tasks(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote
    def hold(gate: Gate) -> int:
        return gate.wait()

    with session(num_cpus=2):
        kept = [hold.remote(gate) for _ in range(10)]
        gate.wait_for_visitors(2)
    assert gate.visitors() == 2
    assert len(kept) == 10


def test_every_init_begins_a_new_session() -> None:
    with session(num_cpus=1) as info:
        first = info["session_dir"]
    with session(num_cpus=1) as info:
        assert info["session_dir"] != first


def test_a_remote_function_outlives_the_session_that_first_ran_it() -> None:
    with session(num_cpus=1):
        assert ray.get(double.remote(1)) == 2
    with session(num_cpus=1):
        assert ray.get(double.remote(3)) == 6


def test_a_reference_of_an_ended_session_is_a_clear_error() -> None:
    with session(num_cpus=1):
        old = double.remote(1)
        ray.get(old)
    with pytest.raises(Exception, match=r"session|shutdown"):
        ray.get(old)
    with session(num_cpus=1):
        with pytest.raises(Exception, match=r"session|shutdown"):
            ray.get(old, timeout=5)
        assert ray.get(double.remote(2)) == 4


def test_the_first_task_starts_the_runtime(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        @ray.remote
        def triple(x):
            return 3 * x

        assert not ray.is_initialized()
        print("answer", ray.get(triple.remote(14)))
        assert ray.is_initialized()
        """,
    )
    assert "answer 42" in output


def test_the_first_put_starts_the_runtime(tmp_path: Path) -> None:
    output = run_good_script(tmp_path, "import minray as ray; print('got', ray.get(ray.put('x')))")
    assert "got x" in output


@pytest.mark.parametrize(
    "keyword",
    [
        "include_webui=False",
        "webui_host='localhost'",
        "redis_max_memory=10**8",
        "plasma_directory='/dev/shm'",
        "huge_pages=False",
        "driver_object_store_memory=10**8",
        "load_code_from_local=True",
        "lru_evict=True",
        "temp_dir='/somewhere'",
        "dashboard_host='127.0.0.1'",
        "configure_logging=False",
        "_temp_dir='/somewhere'",
        "_system_config={'automatic_object_spilling_enabled': True}",
        "_redis_password='none'",
    ],
)
def test_a_ray_keyword_without_meaning_here_is_accepted_with_one_line(tmp_path: Path, keyword: str) -> None:
    output = run_good_script(
        tmp_path, f"import minray as ray; ray.init(num_cpus=1, include_dashboard=False, {keyword})"
    )
    name = keyword.partition("=")[0]
    assert len([line for line in output.splitlines() if name in line]) == 1
    assert "Traceback" not in output


def test_a_keyword_that_no_ray_ever_had_is_an_error_naming_the_nearest() -> None:
    with pytest.raises((TypeError, RuntimeError), match="num_cpus"):
        ray.init(num_cpu=2)
    assert not ray.is_initialized()


@pytest.mark.parametrize("wrong", [-1, "two", 1.5])
def test_a_wrong_number_of_cpus_is_an_error_that_names_it(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError), match="num_cpus"):
        ray.init(num_cpus=wrong)
    assert not ray.is_initialized()


def test_logging_level_and_namespace_are_taken() -> None:
    with session(num_cpus=1, logging_level=logging.ERROR, namespace="lesson"):
        assert ray.get_runtime_context().namespace == "lesson"


def test_without_a_dashboard_there_is_no_address(ray_session: ModuleType) -> None:
    info = ray_session.init(ignore_reinit_error=True)
    assert not info["webui_url"]
    assert not ray_session.get_webui_url()
    assert not ray_session.get_dashboard_url()


def test_importing_the_package_starts_nothing(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import threading
        import minray, psutil

        print(psutil.Process().children(), threading.active_count(), minray.is_initialized())
        """,
    )
    assert output.strip() == "[] 1 False"


def test_drivers_in_two_processes_have_sessions_of_their_own(tmp_path: Path) -> None:
    with session(num_cpus=3) as info:
        output = run_good_script(
            tmp_path,
            """
            import minray as ray

            print(ray.init(num_cpus=1, include_dashboard=False)["session_dir"])
            print("CPUs", ray.cluster_resources()["CPU"])
            """,
        )
        assert info["session_dir"] not in output
        assert "CPUs 1.0" in output
        assert ray.get(double.remote(4)) == 8
