"""The arguments of `init`, checked before anything is started."""

from typing import Any

import pytest

import minray as ray
from minray.core_worker.current import check_namespace
from minray.driver import settings
from minray.driver.settings import check_keywords, check_labels, node_resources
from minray.job_config import JobConfig
from minray.left_out import LeftOutError
from runtime_tools import session, wait_until


def test_a_node_offers_what_was_asked_for() -> None:
    asked = node_resources(4, 2, {"disk": 3, "none": 0}, 1000)
    assert asked == {"CPU": 4.0, "GPU": 2.0, "disk": 3.0, "memory": 1000.0}
    assert node_resources(None, None, None, None) == {"CPU": float(settings.available_cpus())}
    assert node_resources(0, 0, {}, None) == {"CPU": 0.0}


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((-1, None, None, None), ValueError, "nonnegative. Violated by num_cpus=-1"),
        ((1.5, None, None, None), ValueError, "whole numbers. Violated by num_cpus=1.5"),
        (("two", None, None, None), TypeError, "num_cpus"),
        ((1, True, None, None), TypeError, "num_gpus"),
        ((1, None, {"CPU": 1}, None), AssertionError, "`CPU` cannot be a custom resource.*`num_cpus`"),
        ((1, None, {"memory": 1}, None), AssertionError, "one of the default resources"),
        ((1, None, {"disk": -1}, None), ValueError, "Violated by disk=-1"),
        ((1, None, {"disk": "x"}, None), TypeError, "disk"),
        ((1, None, ["disk"], None), TypeError, "dictionary"),
    ],
)
def test_amounts_that_make_no_sense_are_refused(arguments: Any, error: type[Exception], text: str) -> None:  # noqa: ANN401
    with pytest.raises(error, match=text):
        node_resources(*arguments)


def test_more_gpus_than_are_visible_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    assert node_resources(1, 2, None, None)["GPU"] == 2
    with pytest.raises(ValueError, match="3 GPUs, but CUDA_VISIBLE_DEVICES contains '3,4'"):
        node_resources(1, 3, None, None)


def test_a_keyword_that_no_ray_has_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(RuntimeError, match=r"Unknown keyword argument\(s\): logginglevel.*'logging_level'"):
        ray.init("anywhere", logginglevel="x")
    assert not ray.is_initialized()


def test_what_is_left_out_says_so_only_if_it_is_asked_for() -> None:
    check_keywords({"local_mode": False, "enable_resource_isolation": None}, [])
    with pytest.raises(LeftOutError, match=r"init\(local_mode=True\) is not part of minray"):
        ray.init(local_mode=True)
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("keywords", "error"),
    [({"_system_config": "x"}, TypeError), ({"_temp_dir": "relative"}, ValueError)],
)
def test_values_that_ray_refuses_are_refused_even_without_effect(
    keywords: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=next(iter(keywords))):
        check_keywords(keywords, [])


def test_a_namespace_is_a_text_that_is_not_empty() -> None:
    check_namespace(None)
    check_namespace("lesson")
    with pytest.raises(ValueError, match="not a valid namespace"):
        check_namespace("")
    with pytest.raises(TypeError, match="must be None or a string"):
        check_namespace(5)


def test_labels_are_texts() -> None:
    assert check_labels({"zone": "a"}) == {"zone": "a"}
    with pytest.raises(TypeError, match="dictionary of strings"):
        check_labels({"zone": 1})


def test_a_job_config_gives_what_the_arguments_do_not() -> None:
    config = JobConfig(ray_namespace="of the job", runtime_env={"env_vars": {"A": "1"}}, metadata={"k": "v"})
    with session(num_cpus=1, job_config=config, labels={"zone": "a"}, _memory=1000) as info:
        context = ray.get_runtime_context()
        assert context.namespace == "of the job"
        assert context.runtime_env == {"env_vars": {"A": "1"}}
        assert context.get_node_labels()["zone"] == "a"
        assert ray.cluster_resources()["memory"] == 1000
        assert (info.python_version, info.ray_version) != ("", "")
        info.disconnect()
        assert not ray.is_initialized()
    with pytest.raises(ValueError, match="lifetime"):
        JobConfig(default_actor_lifetime="for ever")


def test_a_job_config_may_make_all_actors_detached() -> None:
    @ray.remote
    class Child:
        def ready(self) -> bool:
            return True

    @ray.remote
    class Parent:
        def make(self, **options: Any) -> Any:  # noqa: ANN401 - a handle
            return Child.options(**options).remote()

    def is_dead(actor: Any) -> bool:  # noqa: ANN401 - a handle
        try:
            return not ray.get(actor.ready.remote())
        except ray.exceptions.ActorDiedError:
            return True

    with session(num_cpus=1, job_config=JobConfig(default_actor_lifetime="detached")):
        parent = Parent.remote()
        detached, other = ray.get([parent.make.remote(), parent.make.remote(lifetime="non_detached")])
        ray.kill(parent)
        wait_until(lambda: is_dead(other))
        assert not is_dead(detached)
        ray.kill(detached)


def test_the_environment_may_keep_what_tasks_print_from_the_driver(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_LOG_TO_DRIVER", "0")
    with session(num_cpus=1):
        ray.get(ray.remote(print).remote("unheard"))
    assert "unheard" not in capfd.readouterr().out


def test_two_programs_without_a_namespace_have_different_ones() -> None:
    found = set()
    for _ in range(2):
        with session(num_cpus=1):
            found.add(ray.get_runtime_context().namespace)
    assert len(found) == 2
