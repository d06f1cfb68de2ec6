"""joblib's backend "ray", and what is said where joblib is missing."""

import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

import minray
from minray.util.joblib import register_ray


def test_without_joblib_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib.parallel", None)
    with pytest.raises(ImportError, match="pip install joblib"):
        register_ray()


@pytest.fixture(scope="module")
def joblib() -> Iterator[ModuleType]:
    """joblib, with the backend registered and a session of two CPUs."""
    module: ModuleType = pytest.importorskip("joblib")
    register_ray()
    minray.init(num_cpus=2, include_dashboard=False)
    yield module
    minray.shutdown()


def test_calls_run_on_the_session(joblib: ModuleType) -> None:
    with joblib.parallel_backend("ray"):
        found = joblib.Parallel()(joblib.delayed(pow)(n, 2) for n in range(50))
    assert found == [n * n for n in range(50)]


def test_results_can_be_taken_as_they_come(joblib: ModuleType) -> None:
    with joblib.parallel_config("ray", n_jobs=2):
        found = joblib.Parallel(return_as="generator")(joblib.delayed(abs)(-n) for n in range(8))
        assert list(found) == list(range(8))


def test_an_error_ends_all_calls_and_the_backend_can_be_used_again(joblib: ModuleType) -> None:
    with joblib.parallel_backend("ray", n_jobs=2):
        with pytest.raises(ZeroDivisionError):
            joblib.Parallel()(joblib.delayed(lambda n: 1 / n)(n) for n in (2, 1, 0))
        assert joblib.Parallel()([joblib.delayed(abs)(-1)]) == [1]


def test_a_large_argument_travels_once(joblib: ModuleType) -> None:
    table = np.ones(100_000)

    def place(array: "np.ndarray[None, None]", n: int) -> tuple[float, bool]:
        return float(array[n]), array.flags.writeable

    with joblib.parallel_backend("ray", n_jobs=2):
        found = joblib.Parallel(batch_size=1)(joblib.delayed(place)(table, n=n) for n in range(6))
    assert found == [(1.0, False)] * 6  # read-only: views of the one object in the store


def test_one_job_needs_no_pool(joblib: ModuleType) -> None:
    with joblib.parallel_backend("ray", n_jobs=1):
        assert joblib.Parallel()(joblib.delayed(abs)(n) for n in (-1, 2)) == [1, 2]


def test_the_number_of_jobs_means_what_joblib_says(joblib: ModuleType) -> None:
    with joblib.parallel_backend("ray"):
        assert [joblib.effective_n_jobs(n) for n in (-1, -2, -9, 1, 7)] == [2, 1, 1, 1, 7]
        with pytest.raises(ValueError, match="n_jobs == 0"):
            joblib.effective_n_jobs(0)


def test_the_actors_take_options(joblib: ModuleType) -> None:
    def free() -> float:
        return minray.available_resources().get("CPU", 0)

    with joblib.parallel_backend("ray", n_jobs=2, ray_remote_args={"num_cpus": 1}):
        assert joblib.Parallel()(joblib.delayed(free)() for _ in range(4)) == [0] * 4
