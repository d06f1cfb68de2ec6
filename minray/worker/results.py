"""What a task returns, on its way out: serialized, and in the object store if it is large."""

from typing import Any

from ..object_store.client import StoreClient
from ..values.serialization import serialize
from ..wire.config import INLINE_BYTES
from ..wire.ids import object_id
from ..wire.messages import INLINE, RunTask, result_count

# (kind, payload, references it contains)
Result = tuple[int, Any, tuple[bytes, ...]]
# The fields `results`, `error` and `retry` of `TaskDone`.
Outcome = tuple[tuple[Result, ...], tuple[str, str, str] | None, bool]


class Results:
    """Serializes what tasks return.

    Args:
        store: takes what is large.
    """

    def __init__(self, store: StoreClient) -> None:
        self._store = store

    def of(self, task: RunTask, value: Any) -> tuple[Result, ...]:  # noqa: ANN401
        """The results of a task that returned this.

        Raises:
            ValueError: these are not as many values as `num_returns` says.
            TypeError: something cannot be pickled.
        """
        wanted = task.num_returns
        if wanted <= 1:
            return (self.one(task, 0, value),) if result_count(wanted) else ()
        parts = value if hasattr(value, "__iter__") else [value]
        results = tuple(self.one(task, index, part) for index, part in enumerate(parts))
        check_count(task, value, len(results))
        return results

    def one(self, task: RunTask, index: int, value: Any) -> Result:  # noqa: ANN401
        """One value.

        Raises:
            TypeError: it cannot be pickled.
        """
        try:
            serialized = serialize(value)
        except Exception as error:
            raise TypeError(
                f"The task {task.name!r} returned a {type(value).__name__}, which cannot be sent to "
                f"another process ({type(error).__name__}: {error}). Return plain data instead, and make "
                "such things where they are used."
            ) from error
        if serialized.size > INLINE_BYTES:
            kind, payload = self._store.write(object_id(task.task_id, index), serialized)
            return kind, payload, serialized.contained
        return INLINE, serialized.to_bytes(), serialized.contained


def check_count(task: RunTask, value: Any, count: int) -> None:  # noqa: ANN401
    """Refuse a result with other than the number of values that the task promised.

    Raises:
        ValueError: it has.
    """
    if count != task.num_returns:
        what = f"{count} objects" if hasattr(value, "__iter__") else f"one {type(value).__name__}"
        raise ValueError(
            f"Task returned {what}, but num_returns={task.num_returns}. The task {task.name!r} should "
            f"return {task.num_returns} values, as a tuple, say, or num_returns should be another number."
        )
