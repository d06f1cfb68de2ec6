"""`ActorPool`: a few actors that share the work, each busy with one call at a time.

::

    submit(fn, value) --> an idle actor? --yes--> fn(actor, value): a task under way --> get_next
                               |                                                            |
                               no --> queue of submissions  <--- the actor is idle again ---'

Nothing happens in the background: an actor becomes idle, and a queued submission starts, when a result is
taken.  Source: https://docs.ray.io/en/latest/ray-core/actors/actor-utils.html.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .. import api
from ..exceptions import ActorDiedError

Submission = Callable[[Any, Any], Any]


class ActorPool:
    """Gives work to whichever of its actors is free.

    Args:
        actors: handles of actors that can all do the same work.

    Example:
        >>> pool = ray.util.ActorPool([Doubler.remote(), Doubler.remote()])
        >>> list(pool.map(lambda actor, value: actor.double.remote(value), [1, 2, 3, 4]))
        [2, 4, 6, 8]
    """

    def __init__(self, actors: Iterable[Any]) -> None:
        self._idle_actors = list(actors)
        self._under_way: dict[int, tuple[Any, Any]] = {}  # number of the task -> (actor, what `fn` returned)
        self._submitted = 0  # the next task's number
        self._returned = 0  # the number of the task that `get_next` returns next
        self._pending_submits: deque[tuple[Submission, Any]] = deque()

    def map(self, fn: Submission, values: Iterable[Any]) -> Iterator[Any]:
        """Submit `fn(actor, value)` for every value; results of earlier submissions are thrown away.

        Args:
            fn: calls a method of the actor with `.remote` and returns the reference.
            values: one for each call. All are submitted at once, not as results are taken.

        Returns:
            An iterator over the results, in the order of the values.

        Raises:
            RayTaskError, ActorDiedError, ...: from the iterator, when the turn of such a result comes.
        """
        self._submit_only(fn, values)
        return self._results(self.get_next)

    def map_unordered(self, fn: Submission, values: Iterable[Any]) -> Iterator[Any]:
        """Like `map`, but the results come in the order in which they are finished."""
        self._submit_only(fn, values)
        return self._results(self.get_next_unordered)

    def _submit_only(self, fn: Submission, values: Iterable[Any]) -> None:
        while self._under_way:  # forgetting one may start the next of those queued
            self._take(min(self._under_way))
        for value in values:
            self.submit(fn, value)

    def _results(self, get_one: Callable[[], Any]) -> Iterator[Any]:
        while self.has_next():
            yield get_one()

    def submit(self, fn: Submission, value: Any) -> None:  # noqa: ANN401
        """Have `fn(actor, value)` called with the next free actor: now, or when a result has been taken."""
        if not self._idle_actors:
            self._pending_submits.append((fn, value))
            return
        actor = self._idle_actors.pop()
        self._under_way[self._submitted] = actor, fn(actor, value)
        self._submitted += 1

    def has_next(self) -> bool:
        """Whether there are results to be taken, finished or not."""
        return bool(self._under_way)

    def get_next(self, timeout: float | None = None, ignore_if_timedout: bool = False) -> Any:  # noqa: ANN401
        """The next result in the order of submission.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.
            ignore_if_timedout: after a timeout forget that task; its actor counts as free again.

        Returns:
            The value; a list of values for a method with several returns.

        Raises:
            TimeoutError: the result was not there in time.
            StopIteration: nothing is under way.
            ValueError: `get_next_unordered` has taken a later result.
            RayTaskError, ActorDiedError, ...: the call failed. An actor that died leaves the pool.
        """
        self._check_has_next()
        if self._returned >= self._submitted:
            raise ValueError("It is not allowed to call get_next() after get_next_unordered().")
        return self._result_of([self._returned], timeout, ignore_if_timedout)

    def get_next_unordered(self, timeout: float | None = None, ignore_if_timedout: bool = False) -> Any:  # noqa: ANN401
        """Any result, as soon as there is one.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.
            ignore_if_timedout: after a timeout forget the oldest task.

        Raises:
            TimeoutError, StopIteration, RayTaskError, ...: as in `get_next`.
        """
        self._check_has_next()
        return self._result_of(list(self._under_way), timeout, ignore_if_timedout)

    def _check_has_next(self) -> None:
        if not self._under_way:
            raise StopIteration("No more results to get")

    def _result_of(self, numbers: list[int], timeout: float | None, ignore_if_timedout: bool) -> Any:  # noqa: ANN401
        """The first result that comes of these tasks."""
        first_ref = {_first(self._under_way[number][1]): number for number in numbers}
        ready, _ = api.wait(list(first_ref), num_returns=1, timeout=timeout)
        if ready:
            return self._take(first_ref[ready[0]], api.get)
        if not ignore_if_timedout:
            raise TimeoutError("Timed out waiting for result")
        result = self._take(numbers[0])
        raise TimeoutError(f"Timed out waiting for result. The task {result} has been ignored.")

    def _take(self, number: int, get: Callable[[Any], Any] = lambda result: result) -> Any:  # noqa: ANN401
        """Take a task's result out of the pool; its actor is free for the next, unless it is dead."""
        actor, result = self._under_way.pop(number)
        self._returned = max(self._returned, number + 1)
        try:
            value = get(result)
        except ActorDiedError:
            self._start_pending()
            raise
        except BaseException:
            self._return_actor(actor)
            raise
        self._return_actor(actor)
        return value

    def _return_actor(self, actor: Any) -> None:  # noqa: ANN401
        self._idle_actors.append(actor)
        self._start_pending()

    def _start_pending(self) -> None:
        if self._pending_submits and self._idle_actors:
            self.submit(*self._pending_submits.popleft())

    def has_free(self) -> bool:
        """Whether a submission would start at once."""
        return bool(self._idle_actors) and not self._pending_submits

    def pop_idle(self) -> Any:  # noqa: ANN401
        """Take a free actor out of the pool; None if there is none."""
        return self._idle_actors.pop() if self.has_free() else None

    def push(self, actor: Any) -> None:  # noqa: ANN401
        """Add an actor; a queued submission may start on it at once.

        Raises:
            ValueError: the actor belongs to the pool already.
        """
        busy = [owner for owner, _ in self._under_way.values()]
        if actor in self._idle_actors or actor in busy:
            raise ValueError("Actor already belongs to current ActorPool")
        self._return_actor(actor)


def _first(result: Any) -> Any:  # noqa: ANN401
    """The reference to wait for; a method with several returns has a list of them."""
    return result[0] if isinstance(result, list) else result
