"""joblib, and with it scikit-learn, on the session's processes.

    >>> from minray.util.joblib import register_ray
    >>> register_ray()
    >>> with joblib.parallel_backend("ray"):
    ...     joblib.Parallel()(joblib.delayed(abs)(n) for n in (-1, 2))
    [1, 2]

- ray_backend: what joblib calls, which hands the batches of calls to a `Pool`

joblib is not a dependency: who uses it has it.  Source: https://docs.ray.io/en/latest/ray-more-libs/joblib.html.
"""

__all__ = ["register_ray"]


def register_ray() -> None:
    """Make the backend "ray" known to joblib; a session starts when it is first used.

    Raises:
        ImportError: joblib is not installed.
    """
    try:
        from joblib.parallel import register_parallel_backend
    except ImportError as error:
        raise ImportError(
            "register_ray() needs joblib, which is not installed here. Install it with: pip install joblib"
        ) from error
    from .ray_backend import RayBackend

    register_parallel_backend("ray", RayBackend)
