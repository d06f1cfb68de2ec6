"""What a pool hands out while its processes work: `AsyncResult`, and the iterators of `imap`.

Work goes to a pool's actors in chunks.  A chunk's answer is a list with one entry for each call: what it
returned, or a `PoolTaskError` with what it raised.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import TimeoutError
from typing import Any

from ... import api


class PoolTaskError(Exception):
    """Stands for the result of a call that raised.

    Attributes:
        underlying: what it raised.
    """

    def __init__(self, underlying: Exception) -> None:
        super().__init__(underlying)
        self.underlying = underlying


def _results_of(chunk: Any) -> list[Any]:  # noqa: ANN401 - a reference
    """Wait for a chunk's results; if the process died, or a result could not travel, that is the result."""
    try:
        results: list[Any] = api.get(chunk)
    except Exception as error:
        results = [PoolTaskError(error)]
    return results


class AsyncResult:
    """The results of calls that are under way; made by `apply_async`, `map_async`, `starmap_async`.

    Args:
        chunks: references to what the pool's processes will answer.
        callback: called, in a thread, with the result if no call raised.
        error_callback: called, in a thread, with what the first call raised that did.
        single_result: the result is that of the only call, not a list.
    """

    def __init__(
        self,
        chunks: list[Any],
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[Exception], object] | None = None,
        single_result: bool = False,
    ) -> None:
        self._chunks = chunks
        self._single_result = single_result
        self._call_back: threading.Thread | None = None
        if callback or error_callback:
            arguments = (callback, error_callback)
            self._call_back = threading.Thread(target=self._run_callbacks, args=arguments, daemon=True)
            self._call_back.start()

    def _run_callbacks(
        self, callback: Callable[[Any], object] | None, error_callback: Callable[[Exception], object] | None
    ) -> None:
        error, value = self._outcome()
        if error is None and callback:
            callback(value)
        elif error is not None and error_callback:
            error_callback(error)

    def wait(self, timeout: float | None = None) -> None:
        """Return when the results are there and the callback has run, or after so many seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._chunks:
            api.wait(self._chunks, num_returns=len(self._chunks), timeout=timeout)
        if self._call_back is not None:
            self._call_back.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def ready(self) -> bool:
        """Whether the results are there, and the callback has run."""
        running = self._call_back is not None and self._call_back.is_alive()
        chunks = self._chunks
        return not running and (not chunks or not api.wait(chunks, num_returns=len(chunks), timeout=0)[1])

    def successful(self) -> bool:
        """Whether no call raised.

        Raises:
            ValueError: the results are not there yet.
        """
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._outcome()[0] is None

    def get(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Wait for the result and return it.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: the result was not there in time (multiprocessing's class of that name).
            Exception: whatever the first call raised that did.
            RayError: a process of the pool died, or was terminated.
        """
        self.wait(timeout)
        if timeout is not None and not self.ready():
            raise TimeoutError(f"The result was not there after {timeout} s. The calls go on.")
        error, value = self._outcome()
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame, which must not hold it in turn
        return value

    def _outcome(self) -> tuple[Exception | None, Any]:
        """Wait for all results: what the first call raised that did, or else the value."""
        results = [result for chunk in self._chunks for result in _results_of(chunk)]
        for result in results:
            if isinstance(result, PoolTaskError):
                return result.underlying, None
        return None, results[0] if self._single_result else results


class IMapIterator:
    """Results one by one, in the order in which they come; made by `imap_unordered`.

    Each process gets its next chunk only when a result of its last one is asked for, so the arguments may be
    endless.  A call that raised gives a `PoolTaskError` in place of its result, and the iteration goes on.

    Args:
        submit: sends the next chunk to the process of the given number; None if there is none left.
        processes: how many processes there are.
    """

    def __init__(self, submit: Callable[[int], Any], processes: int) -> None:
        self._submit = submit
        self._submitted = 0
        self._under_way: dict[Any, tuple[int, int]] = {}  # chunk -> (its number, its process)
        self._ready: deque[Any] = deque()
        for process in range(processes):
            self._submit_next(process)

    def _submit_next(self, process: int) -> None:
        chunk = self._submit(process)
        if chunk is not None:
            self._under_way[chunk] = self._submitted, process
            self._submitted += 1

    def __iter__(self) -> "IMapIterator":
        return self

    def __next__(self) -> Any:  # noqa: ANN401
        return self.next()

    def next(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        """The next result.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: it was not there in time (multiprocessing's class of that name).
            StopIteration: there are no more.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ready:
            if not self._under_way:
                raise StopIteration
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = api.wait(list(self._under_way), num_returns=1, timeout=left)
            if not done:
                raise TimeoutError(f"The next result was not there after {timeout} s. Ask again later.")
            number, process = self._under_way.pop(done[0])
            self._submit_next(process)
            self._arrived(number, _results_of(done[0]))
        return self._ready.popleft()

    def _arrived(self, number: int, results: list[Any]) -> None:
        self._ready.extend(results)


class OrderedIMapIterator(IMapIterator):
    """Results one by one, in the order of the arguments; made by `imap`."""

    def __init__(self, submit: Callable[[int], Any], processes: int) -> None:
        self._early: dict[int, list[Any]] = {}  # results whose turn has not come
        self._next = 0  # the chunk whose turn it is
        super().__init__(submit, processes)

    def _arrived(self, number: int, results: list[Any]) -> None:
        self._early[number] = results
        while self._next in self._early:
            self._ready.extend(self._early.pop(self._next))
            self._next += 1
