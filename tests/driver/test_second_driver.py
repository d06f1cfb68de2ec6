"""Several drivers in one session: joining, leaving, and what each of them gets to see."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

import minray as ray
from minray.cluster_utils import Cluster
from minray.core_worker import current
from runtime_tools import wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "resources": {"disk": 3}})
    yield made
    made.shutdown()


@pytest.fixture
def joined(cluster: Cluster) -> Iterator[Cluster]:
    ray.init(address=cluster.address, include_dashboard=False)
    yield cluster
    ray.shutdown()


def run_driver(address: str, body: str) -> str:
    """Run a program that joins the session; return what it printed."""
    program = f"import minray as ray\nray.init(address={address!r}, include_dashboard=False)\n{body}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_driver_that_joins_uses_the_cluster_as_it_is(joined: Cluster) -> None:
    assert ray.cluster_resources()["CPU"] == 2
    assert ray.cluster_resources()["disk"] == 3
    assert ray.get(ray.remote(lambda: 6 * 7).remote()) == 42
    assert joined.head_node is not None
    assert ray.nodes()[0]["NodeID"] == joined.head_node.node_id


def test_two_programs_share_one_session(joined: Cluster) -> None:
    said = run_driver(joined.address, "print('answer', ray.get(ray.remote(lambda: 42).remote()))")
    assert "answer 42" in said


def test_auto_means_the_newest_session(joined: Cluster) -> None:
    said = run_driver("auto", "print(ray.nodes()[0]['NodeID'])")
    assert ray.nodes()[0]["NodeID"] in said


def test_each_driver_sees_the_lines_of_its_own_tasks_only(
    joined: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    @ray.remote
    def speak(word: str) -> None:
        print(word)

    said = run_driver(
        joined.address,
        "speak = ray.remote(lambda: print('from the second'))\nray.get(speak.remote())\n"
        "import time\nend = time.monotonic() + 5\n"
        "ray.get(ray.remote(lambda: None).remote())",
    )
    ray.get(speak.remote("from the first"))
    heard = ""

    def first_line_came() -> bool:
        nonlocal heard
        heard += capfd.readouterr().out
        return "from the first" in heard

    wait_until(first_line_came)
    assert "from the second" in said
    assert "from the second" not in heard


def test_the_tasks_of_a_driver_that_leaves_end_with_it(joined: Cluster) -> None:
    run_driver(
        joined.address,
        "import time\nkept = [ray.remote(time.sleep).remote(1000) for _ in range(5)]\n"
        "while ray.available_resources().get('CPU', 0) > 0: time.sleep(0.01)",
    )
    wait_until(lambda: ray.available_resources().get("CPU") == 2)
    assert ray.get(ray.remote(lambda: "still here").remote()) == "still here"


def test_the_objects_of_a_driver_that_leaves_are_freed(joined: Cluster) -> None:
    core = current.core
    assert core is not None
    before = core.query("objects")
    run_driver(joined.address, "kept = [ray.put(n) for n in range(100)]")
    wait_until(lambda: core.query("objects") == before)


def test_the_session_of_a_driver_ends_with_it_though_others_have_joined() -> None:
    with ray.init("local", num_cpus=1, include_dashboard=False) as session:
        program = (
            "import minray as ray, sys\n"
            f"ray.init(address={session['address']!r}, include_dashboard=False)\n"
            "print('joined', flush=True)\n"
            "sys.stdin.read()\n"
            "try:\n    ray.get(ray.remote(lambda: 1).remote())\n"
            "except ray.exceptions.RaySystemError as error:\n    print('ended')\n"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "joined\n"
    said, _ = other.communicate(timeout=30)
    assert said == "ended\n"


def test_a_session_that_runs_takes_no_settings(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="num_cpus must not be provided"):
        ray.init(address=cluster.address, num_cpus=4)


@pytest.mark.parametrize("address", ["session_2001-01-01_00-00-00_000000_1", "no session at all"])
def test_joining_a_session_that_does_not_run_says_which_do(cluster: Cluster, address: str) -> None:
    with pytest.raises(ConnectionError, match=cluster.address):
        ray.init(address=address)


def test_an_address_of_rays_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="use Ray itself"):
        ray.init(address="127.0.0.1:6379")


def test_an_address_in_the_environment_is_joined_if_it_is_ours(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    with ray.init(include_dashboard=False) as joined:
        assert joined["address"] == cluster.address
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with ray.init(num_cpus=1, include_dashboard=False) as own:
        assert own["address"] != cluster.address


def test_without_an_address_a_cluster_that_runs_is_joined(cluster: Cluster) -> None:
    with ray.init(include_dashboard=False) as joined:
        assert joined["address"] == cluster.address
    with ray.init("local", num_cpus=1, include_dashboard=False) as own:
        assert own["address"] != cluster.address


def test_a_cluster_that_is_shut_down_is_gone() -> None:
    cluster = Cluster(initialize_head=True, connect=True)
    assert ray.cluster_resources()["CPU"] == 1
    cluster.shutdown()
    assert not ray.is_initialized()
    assert cluster.address is None


def test_connecting_needs_a_node() -> None:
    with pytest.raises(ValueError, match="uninitialized"):
        Cluster(connect=True)
