"""From `f.remote(x)` to the message: a function made known, arguments packed, a task submitted or cancelled.

::

    f.remote(x) -> pack: references apart, large arguments into the object store -> SubmitTask
                -> at once: references to the results, which will arrive without being asked for
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..exceptions import OufOfBandObjectRefSerializationException
from ..session import here
from ..values.check_serialize import unserializable_argument
from ..values.ref import ObjectRef
from ..values.serialization import serialize, serialize_arguments
from ..wire.config import INLINE_BYTES, MOST_FUNCTION_BYTES
from ..wire.demand import Demand
from ..wire.ids import object_id
from ..wire.messages import STREAMING, CancelTask, ExportFunction, SubmitTask
from ..wire.placement import Placement
from .getting import Arrivals
from .outbox import LiveReferences, Outbox
from .putting import Putting

_NO_ARGUMENTS = serialize_arguments([], ()).to_bytes()


class Calls(NamedTuple):
    """What all calls of a function or method have in common, as long as its options are the same."""

    name: str  # of the tasks
    function: str  # its full name, for messages
    num_returns: int
    results: int  # of each task
    function_id: bytes = b""
    max_retries: int = 0
    retry_exceptions: bytes = b""
    max_calls: int = 0
    backpressure: int = -1
    actor: bytes = b""
    method: str = ""
    group: str = ""
    recorded: bool = True


@dataclass(eq=False)
class Submission:
    """Submits tasks, and calls of actors' methods.

    Args:
        ids: the task ids that this process draws.
        arrivals: will have the values.
        references: of this process.
        outbox: sends the task specs.
        putting: takes large arguments.
        open_stream: makes the generator that a task with the id returns; a reference says how it has ended,
            and True that the task waits until its items are taken.
    """

    _ids: Iterator[bytes]
    _arrivals: Arrivals
    _references: LiveReferences
    _outbox: Outbox
    _putting: Putting
    _open_stream: Callable[[bytes, ObjectRef, bool], Any]
    exported: set[bytes] = field(init=False, default_factory=set)  # the functions that the session knows

    def export(self, function_id: bytes, name: str, blob: bytes, what: str = "The remote function") -> None:
        """Make a function known to the session, unless it is among the `exported`.

        Raises:
            ValueError: it is too large to be sent around.
        """
        if len(blob) > MOST_FUNCTION_BYTES:
            raise ValueError(
                f"{what} {name} is too large: {len(blob):,} bytes, with {MOST_FUNCTION_BYTES:,} allowed. "
                "Check that its definition does not hold on to a large array from around it; put "
                "such things into the object store, with put(), and pass the reference."
            )
        self._outbox.send(ExportFunction(function_id, name, blob))
        self.exported.add(function_id)

    def submit(
        self,
        calls: Calls,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        demand: Demand = (),
        placement: Placement = (),
        environment: str = "",
    ) -> Any:  # noqa: ANN401
        """Submit a task, or call an actor's method.

        Returns:
            At once, a reference to the result; a list of them if there are several, None if there are none;
            of a generator task, its generator.
        """
        submitted, num_returns = time.time(), calls.num_returns
        packed, refs, contained, kept = self.pack(args, kwargs, calls.function)
        task_id, call = next(self._ids), here.call()
        results = [object_id(task_id, index) for index in range(calls.results)]
        self._arrivals.expected.update(results)
        returned: list[Any] = self._outbox.new_refs(results)
        if num_returns == STREAMING:
            returned = [self._open_stream(task_id, returned[0], calls.backpressure > 0)]
        task = SubmitTask(
            task_id,
            calls.function_id,
            calls.name,
            packed,
            refs,
            contained,
            num_returns,
            demand,
            calls.max_retries,
            calls.retry_exceptions,
            submitted,
            environment,
            calls.max_calls,
            placement,
            calls.backpressure,
            calls.actor,
            calls.method,
            calls.group,
            # What a cancelled call submits from then on, such as to clean up, is not cancelled with it.
            call.task_id if call and call.task_id not in here.cancelled else b"",
            calls.recorded,
        )
        self._outbox.post(task, submitted)
        del kept  # from here on the scheduler keeps the moved arguments alive
        return returned[0] if len(returned) == 1 else returned or None

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
        self._references.check_owner([*(key for _, key in refs), *serialized.contained], "object")
        return serialized.to_bytes(), tuple(refs), serialized.contained, kept

    def _move_large_arguments(self, values: list[Any], refs: list[tuple[int, bytes]]) -> list[ObjectRef]:
        """Put large arguments into the object store, as if the caller had."""
        kept = []
        for place, value in enumerate(values):
            serialized = serialize(value)
            if serialized.size > INLINE_BYTES:
                ref = self._putting.put_serialized(serialized)
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
            self._outbox.send(CancelTask(ref.binary(), force, recursive))
        elif self._outbox.request(lambda number: CancelTask(ref.binary(), force, recursive, number)):
            raise ValueError("force=True is not supported for actor tasks.")
