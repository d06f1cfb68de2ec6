"""The backend that joblib calls: its batches of calls go to a `Pool`.

Large arguments, such as the table that all calls read, are put into the object store once.
"""

import copy
import sys
from collections.abc import Callable
from typing import Any

from joblib.parallel import AutoBatchingMixin, FallbackToBackend, ParallelBackendBase, SequentialBackend

from ... import api
from ...driver.initialization import init, is_initialized
from ..multiprocessing import Pool

_LARGE = 100_000  # bytes


class _Shared:
    """Stands for an argument that is in the object store."""

    def __init__(self, ref: Any) -> None:  # noqa: ANN401
        self.ref = ref


class RayBackend(AutoBatchingMixin, ParallelBackendBase):
    """Runs joblib's batches in the processes of a pool.

    Args:
        nesting_level, inner_max_num_threads, **options: joblib's.
        ray_remote_args: options of the pool's actors.
    """

    supports_retrieve_callback = True

    def __init__(
        self,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
        ray_remote_args: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads, **options)
        self._ray_remote_args = ray_remote_args
        self._pool: Pool | None = None
        self._shared: dict[int, tuple[Any, _Shared]] = {}  # id of an argument -> itself, and its stand-in

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many processes `n_jobs` means; -1 is one for each CPU of the session, -2 one less.

        Raises:
            ValueError: it is 0.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if n_jobs > 0:
            return n_jobs
        if not is_initialized():
            init()
        return max(1, int(api.cluster_resources()["CPU"]) + 1 + n_jobs)

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Any = None,  # noqa: ANN401
        prefer: str | None = None,
        require: str | None = None,
        ray_remote_args: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> int:
        """Start the pool for a `Parallel`; return how many processes it has."""
        count = self.effective_n_jobs(n_jobs)
        if count == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self._pool = Pool(count, ray_remote_args=ray_remote_args or self._ray_remote_args)
        return count

    def submit(self, func: Any, callback: Callable[[Any], object] | None = None) -> Any:  # noqa: ANN401
        """Send a batch to the pool; `callback` gets its result, or what it raised."""
        assert self._pool is not None
        batch = copy.copy(func)
        batch.items = [
            (function, [self._share(arg) for arg in args], {key: self._share(v) for key, v in kwargs.items()})
            for function, args, kwargs in func.items
        ]
        return self._pool.apply_async(_run, (batch,), callback=callback, error_callback=callback)

    def _share(self, value: Any) -> Any:  # noqa: ANN401
        """The value, or what stands for it if it is large."""
        size = getattr(value, "nbytes", None)
        if (size if isinstance(size, int) else sys.getsizeof(value)) < _LARGE:
            return value
        if id(value) not in self._shared:
            self._shared[id(value)] = value, _Shared(api.put(value))
        return self._shared[id(value)][1]

    def retrieve_result_callback(self, out: Any) -> Any:  # noqa: ANN401
        """Called by joblib inside the callback: the batch's results, or raise what it raised."""
        if isinstance(out, Exception):
            raise out
        return out

    def terminate(self) -> None:
        """End the pool."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()
            self._pool = None
        self._shared.clear()
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Give up what is under way, after an error; start a new pool if there is more to come."""
        self.terminate()
        if ensure_ready:
            self.configure(self.parallel.n_jobs, self.parallel, **self.parallel._backend_kwargs)


def _run(batch: Any) -> Any:  # noqa: ANN401
    """In a process of the pool: run a batch, with the arguments from the object store."""
    batch.items = [
        (function, [_value(arg) for arg in args], {key: _value(v) for key, v in kwargs.items()})
        for function, args, kwargs in batch.items
    ]
    return batch()


def _value(argument: Any) -> Any:  # noqa: ANN401
    return api.get(argument.ref) if isinstance(argument, _Shared) else argument
