"""`Pool`: the interface of `multiprocessing.Pool`; the processes are actors and get the calls in chunks."""

import itertools
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from ... import api
from ...driver.initialization import init, is_initialized
from ...frontend.named_actors import kill
from ...remote_function import remote
from ..debug import log_once
from .results import AsyncResult, IMapIterator, OrderedIMapIterator, PoolTaskError

logger = logging.getLogger("minray")

Callback = Callable[[Any], object] | None
Call = tuple[tuple[Any, ...], dict[str, Any]]  # positional and keyword arguments

_CHUNKS_PER_PROCESS = 4  # if no chunksize is given


class PoolActor:
    """A process of a pool.

    Args:
        initializer: called first, if there is one.
        initargs: its arguments.
    """

    def __init__(self, initializer: Callable[..., object] | None, initargs: Iterable[Any] | None) -> None:
        if initializer:
            initializer(*(initargs or ()))

    def ping(self) -> None:
        """Say that the initializer has run."""

    def run_batch(self, func: Callable[..., Any], batch: list[Call]) -> list[Any]:
        """Call the function with each of these arguments."""
        results = []
        for args, kwargs in batch:
            try:
                results.append(func(*args, **kwargs))
            except Exception as error:
                error.add_note(f"It was raised in a process of a pool:\n{traceback.format_exc()}")
                results.append(PoolTaskError(error))
        return results


class Pool:
    """Processes that call functions for you.

    Args:
        processes: how many; by default, as many as the session has CPUs.
        initializer: called in each process when it starts.
        initargs: its arguments.
        maxtasksperchild: replace a process by a new one after so many chunks.
        context: ignored, with a notice.
        ray_address: where to start or find a session if none runs, as in `init`; by default, what the
            variable RAY_ADDRESS says.
        ray_remote_args: options of the actors, such as `{"num_cpus": 1}`; by default they need no CPU.

    Raises:
        ValueError: there are fewer CPUs than processes were asked for.

    Example:
        >>> with Pool(4) as pool:
        ...     pool.starmap(pow, [(2, 3), (3, 2)])
        [8, 9]
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] | None = None,
        maxtasksperchild: int | None = None,
        context: object = None,
        ray_address: str | None = None,
        ray_remote_args: dict[str, Any] | None = None,
    ) -> None:
        if context and log_once("minray.util.multiprocessing.context"):
            logger.warning("The 'context' argument of Pool has no effect: its processes are actors.")
        self._closed = False
        self._stopping: dict[Any, Any] = {}  # reference that will tell of the end -> actor
        self._turn = itertools.count()
        self._max_chunks = maxtasksperchild or None
        options = {"num_cpus": 0, **(ray_remote_args or {})}
        new_actor = remote(PoolActor).options(**options)
        self._new_actor: Callable[[], Any] = lambda: new_actor.remote(initializer, initargs)
        count = _start_session(processes, ray_address)
        self._actors = [self._new_actor() for _ in range(count)]
        self._chunks_run = [0] * count
        api.get([actor.ping.remote() for actor in self._actors])

    # --- calls --------------------------------------------------------------------------------------

    def apply(
        self, func: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401
        """Call a function in one of the processes and wait for its result."""
        return self.apply_async(func, args, kwargs).get()

    def apply_async(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> AsyncResult:
        """Call a function in one of the processes.

        Args:
            func: the function, with `args` and `kwargs`.
            callback: called, in a thread, with the result.
            error_callback: called, in a thread, with what the function raised.

        Raises:
            ValueError: the pool is closed.
        """
        self._check_running()
        process = next(self._turn) % len(self._actors)
        chunk = self._run(process, func, [(tuple(args or ()), kwargs or {})])
        return AsyncResult([chunk], callback, error_callback, single_result=True)

    def map(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = None
    ) -> list[Any]:
        """Call a function with each item; the results in the order of the items.

        Args:
            func: a function of one argument.
            iterable: its arguments.
            chunksize: how many calls to send together; by default, such that each process gets four chunks.

        Raises:
            Exception: whatever the first call raised that did, when all have ended.
            ValueError: the pool is closed.
        """
        results: list[Any] = self.map_async(func, iterable, chunksize).get()
        return results

    def map_async(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> AsyncResult:
        """Like `map`, without waiting; the callback gets the list of all results."""
        calls: list[Call] = [((item,), {}) for item in iterable]
        return AsyncResult(self._run_all(func, calls, chunksize), callback, error_callback)

    def starmap(
        self, func: Callable[..., Any], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[Any]:
        """Like `map`, for a function of several arguments: each item holds those of one call."""
        results: list[Any] = AsyncResult(self._run_all(func, _star(iterable), chunksize)).get()
        return results

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        callback: Callback = None,
        error_callback: Callback = None,
    ) -> AsyncResult:
        """Like `starmap`, without waiting."""
        return AsyncResult(self._run_all(func, _star(iterable), None), callback, error_callback)

    def imap(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = 1
    ) -> OrderedIMapIterator:
        """Like `map`, but one result at a time; the items may be endless.

        Each process has one chunk at a time. A call that raised gives a `PoolTaskError` as its result.

        Returns:
            An iterator whose `next` takes a timeout in seconds.
        """
        submit = self._submitter(func, iterable, chunksize)
        return OrderedIMapIterator(submit, len(self._actors))

    def imap_unordered(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = 1
    ) -> IMapIterator:
        """Like `imap`, with the results in the order in which they come."""
        return IMapIterator(self._submitter(func, iterable, chunksize), len(self._actors))

    def _run_all(self, func: Callable[..., Any], calls: list[Call], chunksize: int | None) -> list[Any]:
        self._check_running()
        chunks = _chunks(iter(calls), chunksize or self._chunksize(len(calls)))
        return [self._run(n % len(self._actors), func, chunk) for n, chunk in enumerate(chunks)]

    def _submitter(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None
    ) -> Callable[[int], Any]:
        self._check_running()
        items = iter(iterable)
        if chunksize is None:
            chunksize = self._chunksize(len(iterable)) if isinstance(iterable, Sized) else 1
        chunks = _chunks((((item,), {}) for item in items), chunksize)

        def submit(process: int) -> Any:  # noqa: ANN401
            chunk = next(chunks, None)
            return None if chunk is None else self._run(process, func, chunk)

        return submit

    def _chunksize(self, calls: int) -> int:
        return max(1, -(-calls // (len(self._actors) * _CHUNKS_PER_PROCESS)))

    def _run(self, process: int, func: Callable[..., Any], chunk: list[Call]) -> Any:  # noqa: ANN401
        """Send a chunk to a process; replace the process if that was its last."""
        result = self._actors[process].run_batch.remote(func, chunk)
        self._chunks_run[process] += 1
        if self._chunks_run[process] == self._max_chunks:
            self._stop(self._actors[process])
            self._actors[process], self._chunks_run[process] = self._new_actor(), 0
        return result

    # --- the end ------------------------------------------------------------------------------------

    def _check_running(self) -> None:
        if self._closed:
            raise ValueError("Pool not running")

    def __enter__(self) -> "Pool":
        self._check_running()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.terminate()

    def _stop(self, actor: Any) -> None:  # noqa: ANN401
        """Have an actor end when it has done what it was sent."""
        self._forget_stopped(timeout=0)
        self._stopping[actor.__ray_terminate__.remote()] = actor

    def _forget_stopped(self, timeout: float | None) -> None:
        waiting = list(self._stopping)
        if waiting:
            stopped, _ = api.wait(waiting, num_returns=len(waiting), timeout=timeout)
            for reference in stopped:
                del self._stopping[reference]

    def close(self) -> None:
        """Take no more calls; those under way go on."""
        if not self._closed:
            self._closed = True
            for actor in self._actors:
                self._stop(actor)

    def terminate(self) -> None:
        """Take no more calls, and end those under way: their results are errors."""
        self.close()
        for actor in self._stopping.values():
            kill(actor)

    def join(self) -> None:
        """Wait until all processes have ended.

        Raises:
            ValueError: the pool is neither closed nor terminated.
        """
        if not self._closed:
            raise ValueError("Pool is still running")
        self._forget_stopped(timeout=None)


def _start_session(processes: int | None, ray_address: str | None) -> int:
    """Start a session if none runs; return how many processes the pool is to have."""
    if not is_initialized():
        joins = (ray_address or os.environ.get("RAY_ADDRESS", "local")) != "local"
        init(ray_address, num_cpus=None if joins else processes)
    cpus = int(api.cluster_resources()["CPU"])
    count = cpus if processes is None else processes
    if count <= 0:
        raise ValueError("Processes in the pool must be >0.")
    if count > cpus:
        raise ValueError(
            f"Tried to start a pool with {count} processes on an existing ray cluster, but there are only "
            f"{cpus} CPUs in the ray cluster. Ask for fewer, or start with init(num_cpus={count})."
        )
    return count


def _star(iterable: Iterable[Iterable[Any]]) -> list[Call]:
    return [(tuple(arguments), {}) for arguments in iterable]


def _chunks(calls: Iterator[Call], size: int) -> Iterator[list[Call]]:
    while chunk := list(itertools.islice(calls, size)):
        yield chunk
