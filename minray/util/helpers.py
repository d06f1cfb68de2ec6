"""Results in the order in which they come: `as_completed` and `map_unordered`.

Source: https://docs.ray.io/en/latest/ray-core/patterns/ray-get-loop.html and, for the limit on tasks under
way, https://docs.ray.io/en/latest/ray-core/patterns/limit-pending-tasks.html.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .. import api

_CHUNK = 10  # results that are fetched together
_MOST_UNDER_WAY = 100  # tasks that `map_unordered` submits before it waits for one


def as_completed(
    refs: Sequence[Any],
    *,
    chunk_size: int = _CHUNK,
    yield_obj_refs: bool = False,
    **wait_options: Any,  # noqa: ANN401 - what `wait` takes
) -> Iterator[Any]:
    """Yield results as they become available, instead of waiting for all of them.

    Args:
        refs: a list of references.
        chunk_size: how many results to wait for at a time. Within such a chunk they come in the order of
            `refs`; with 1, in the order in which they were finished.
        yield_obj_refs: yield references instead of values.
        **wait_options: further arguments of `wait`: `timeout` (seconds for each chunk), `fetch_local`.

    Raises:
        ValueError: `chunk_size` is below 1.
        RayTaskError, ...: when the turn of a result comes that is an error.

    Example:
        >>> for result in ray.util.as_completed([f.remote(n) for n in range(100)], chunk_size=1):
        ...     print(result)
    """
    _check_options(chunk_size, wait_options)
    left = list(refs)
    while left:
        ready, left = _next_chunk(left, chunk_size, wait_options)
        yield from ready if yield_obj_refs else api.get(ready)


def map_unordered(
    fn: Any,  # noqa: ANN401 - a remote function, with options or without
    items: Iterable[Any],
    *,
    backpressure_size: int | None = _MOST_UNDER_WAY,
    chunk_size: int = _CHUNK,
    yield_obj_refs: bool = False,
    **wait_options: Any,  # noqa: ANN401 - what `wait` takes
) -> Iterator[Any]:
    """Submit a task for each item; yield the results as they become available.

    Args:
        fn: a remote function of one argument.
        items: may be endless: items are taken only as tasks for them can be submitted.
        backpressure_size: how many tasks may be under way before it waits for some; None for all at once.
        chunk_size, yield_obj_refs, **wait_options: as in `as_completed`.

    Raises:
        ValueError: `backpressure_size` or `chunk_size` is below 1.
        RayTaskError, ...: when the turn of a result comes that is an error.

    Example:
        >>> sum(ray.util.map_unordered(square, range(1000)))
        332833500
    """
    _check_options(chunk_size, wait_options)
    if backpressure_size is not None and backpressure_size <= 0:
        raise ValueError("backpressure_size must be positive.")
    under_way = []
    for item in items:
        under_way.append(fn.remote(item))
        if backpressure_size is not None and len(under_way) >= backpressure_size:
            ready, under_way = _next_chunk(under_way, chunk_size, wait_options)
            yield from ready if yield_obj_refs else api.get(ready)
    yield from as_completed(under_way, chunk_size=chunk_size, yield_obj_refs=yield_obj_refs, **wait_options)


def _next_chunk(
    refs: list[Any], chunk_size: int, wait_options: dict[str, Any]
) -> tuple[list[Any], list[Any]]:
    """Wait for the next few of the references; return them and the others."""
    return api.wait(refs, num_returns=min(chunk_size, len(refs)), **wait_options)


def _check_options(chunk_size: int, wait_options: dict[str, Any]) -> None:
    if chunk_size < 1:
        raise ValueError("`chunk_size` must be >= 1")
    if "num_returns" in wait_options:
        raise ValueError("Use the `chunk_size` argument instead of `num_returns`.")
