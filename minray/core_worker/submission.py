"""From `f.remote(x)` to the message: a function made known, arguments packed, a task submitted or cancelled.

::

    f.remote(x) -> pack: references apart, large arguments into the object store -> SubmitTask
                -> at once: references to the results, which will arrive without being asked for
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..exceptions import OufOfBandObjectRefSerializationException
from ..values.check_serialize import unserializable_argument
from ..values.ref import ObjectRef
from ..values.serialization import serialize, serialize_arguments
from ..wire.config import INLINE_BYTES, MOST_FUNCTION_BYTES
from ..wire.demand import Demand
from ..wire.ids import object_id
from ..wire.messages import STREAMING, CancelTask, ExportFunction, SubmitTask, result_count
from ..wire.placement import Placement
from .generator import ObjectRefGenerator

if TYPE_CHECKING:
    from .core_worker import CoreWorker

_NO_ARGUMENTS = serialize_arguments([], ()).to_bytes()


class Submission:
    """How `CoreWorker` submits.

    Args:
        core: this process's connection to the session.
    """

    def __init__(self, core: "CoreWorker") -> None:
        self._core = core
        self._exported: set[bytes] = set()

    def export(
        self, function_id: bytes, name: str, make_blob: Callable[[], bytes], what: str = "The remote function"
    ) -> None:
        """Make a function known to the session, once.

        Raises:
            ValueError: it is too large to be sent around.
        """
        if function_id not in self._exported:
            blob = make_blob()
            if len(blob) > MOST_FUNCTION_BYTES:
                raise ValueError(
                    f"{what} {name} is too large: {len(blob):,} bytes, with {MOST_FUNCTION_BYTES:,} allowed. "
                    "Check that its definition does not hold on to a large array from around it; put "
                    "such things into the object store, with put(), and pass the reference."
                )
            self._core.send(ExportFunction(function_id, name, blob))
            self._exported.add(function_id)

    def submit(
        self,
        function_id: bytes,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        num_returns: int,
        demand: Demand,
        max_retries: int,
        retry_exceptions: bytes,
        placement: Placement = (),
        environment: str = "",
        max_calls: int = 0,
        backpressure: int = -1,
        actor: bytes = b"",
        method: str = "",
        group: str = "",
        function: str = "",
        recorded: bool = True,
    ) -> list[Any]:
        """Submit a task, or call an actor's method.

        Returns:
            At once, the references to its results, or its generator of them.
        """
        submitted = time.time()
        packed, refs, contained, kept = self.pack(args, kwargs, function or name)
        task_id = next(self._core.task_ids)
        results = [object_id(task_id, index) for index in range(result_count(num_returns))]
        self._core.arrivals.expected.update(results)
        with self._core.order:
            returned: list[Any] = [self._core.references.new(result) for result in results]
        if num_returns == STREAMING:
            stream = self._core.streams.open(task_id, backpressure > 0)
            returned = [ObjectRefGenerator(self._core, returned[0], stream)]
        call = self._core.call
        self._core.post(
            SubmitTask(
                task_id,
                function_id,
                name,
                packed,
                refs,
                contained,
                num_returns,
                demand,
                max_retries,
                retry_exceptions,
                submitted,
                environment,
                max_calls,
                placement,
                backpressure,
                actor,
                method,
                group,
                # What a cancelled call submits from then on, such as to clean up, is not cancelled with it.
                call.task_id if call and call.task_id not in self._core.cancelled else b"",
                recorded,
            ),
            submitted,
        )
        del kept  # from here on the scheduler keeps the moved arguments alive
        return returned

    def pack(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], function: str
    ) -> tuple[bytes, tuple[tuple[int, bytes], ...], tuple[bytes, ...], list[ObjectRef]]:
        """Make a call's arguments ready to travel; `function` says for whom, should they not be able to.

        Returns:
            The fields `args`, `refs` and `contained` of `SubmitTask`; references to keep until it is sent.
        """
        if not args and not kwargs:
            return _NO_ARGUMENTS, (), (), []
        values = [*args, *kwargs.values()]
        refs: list[tuple[int, bytes]] = []
        for place, value in enumerate(values):
            if type(value) is ObjectRef:
                refs.append((place, value.binary()))
                values[place] = None
        try:
            serialized = serialize_arguments(values, tuple(kwargs))
        except OufOfBandObjectRefSerializationException:
            raise
        except Exception as error:
            raise unserializable_argument(values, function) from error
        kept: list[ObjectRef] = []
        if serialized.size > INLINE_BYTES:
            kept = self._move_large_arguments(values, refs)
            serialized = serialize_arguments(values, tuple(kwargs))
        self._core.check_owner([*(key for _, key in refs), *serialized.contained], "object")
        return serialized.to_bytes(), tuple(refs), serialized.contained, kept

    def _move_large_arguments(self, values: list[Any], refs: list[tuple[int, bytes]]) -> list[ObjectRef]:
        """Put large arguments into the object store, as if the caller had."""
        kept = []
        for place, value in enumerate(values):
            serialized = serialize(value)
            if serialized.size > INLINE_BYTES:
                ref = self._core.put_serialized(serialized)
                refs.append((place, ref.binary()))
                values[place] = None
                kept.append(ref)
        return kept

    def cancel(self, ref: ObjectRef, force: bool, recursive: bool) -> None:
        """Cancel the task that makes this object.

        Raises:
            ValueError: a call of an actor's method is to be cancelled by force.
        """
        if not force:
            self._core.send(CancelTask(ref.binary(), force, recursive))
        elif self._core.request(lambda number: CancelTask(ref.binary(), force, recursive, number)):
            raise ValueError("force=True is not supported for actor tasks.")
