"""What the system's tools show of workers."""

import sys
from collections.abc import Iterator

import psutil
import pytest

import minray as ray
from runtime_tools import session, wait_until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets processes change their titles"
)


@pytest.fixture(scope="module", autouse=True)
def one_session() -> Iterator[None]:
    with session(num_cpus=1):
        yield


def title() -> str:
    return psutil.Process().cmdline()[0]


def test_a_worker_that_has_done_nothing_yet_is_idle() -> None:
    def titles() -> list[str]:
        processes = psutil.Process().children(recursive=True)
        return [" ".join(process.cmdline()).strip() for process in processes]

    wait_until(lambda: "ray::IDLE" in titles())


def test_a_worker_shows_the_name_of_its_task() -> None:
    names = ["short", "a.very.long.name", "x" * 2000, "b"]
    shown = ray.get([ray.remote(title).options(name=name).remote() for name in names])
    assert shown[0::3] == ["ray::short", "ray::b"]
    assert shown[1] == "ray::a.very.long.name"
    assert len(shown[2]) > len("ray::xxx")
    assert f"ray::{names[2]}".startswith(shown[2])


def test_an_actor_shows_its_class_and_method() -> None:
    class Watched:
        def __init__(self) -> None:
            self.first = title()

        def titles(self) -> tuple[str, str]:
            return self.first, title()

    watched = ray.remote(Watched).remote()
    assert ray.get(watched.titles.remote()) == ("ray::Watched.__init__", "ray::Watched.titles")
    assert ray.get(watched.titles.options(name="mine").remote())[1] == "ray::mine"


def test_the_system_ends_workers_first_when_memory_runs_out() -> None:
    def mark() -> str:
        with open("/proc/self/oom_score_adj") as file:
            return file.read().strip()

    assert ray.get(ray.remote(mark).remote()) == "1000"
