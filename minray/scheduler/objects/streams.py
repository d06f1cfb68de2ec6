"""The streams of generator tasks, from the scheduler's side: items on their way from a worker to the owner.

Each item is an object like any other; the owner of the task holds it from the moment it is yielded, as if it
had a reference already.  The messages (see `streams.py` for the owner's part)::

    worker --ItemYielded--> item sealed --StreamItem--> owner  (or freed at once, if nobody wants it)
    worker <--ItemsTaken--------------------------ItemsTaken-- owner, if the generator must not run ahead
    task finished or failed --StreamEnd--> owner --CloseStream--> items that were not taken are freed

A generator whose worker died runs again from its beginning; what the owner has already is then skipped.
"""

import pickle
from typing import Any

from ...wire import messages
from ...wire.ids import object_id
from ...wire.messages import ERROR, INLINE
from ..tables.records import Client, Task, Worker
from .objects import Objects

# So many items count as taken when nobody wants them: the generator never waits.
_ALL = 1 << 62

_NONE = pickle.dumps(None, 5)


class _Stream:
    """The items of one generator task."""

    __slots__ = ("arrived", "closed", "ended", "owner", "taken", "task", "worker")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.owner = task.owner
        self.worker: Worker | None = None  # where the generator runs
        self.arrived = 0  # items that have been yielded
        self.taken = 0  # items that the owner has taken
        self.closed = False  # the owner wants no more
        self.ended = False  # the task has


class ItemStreams:
    """The streams of all generators, by their tasks.

    Args:
        objects: the node's objects.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._streams: dict[bytes, _Stream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def begin(self, task: Task) -> None:
        """A generator's task was submitted."""
        self._streams[task.spec.task_id] = _Stream(task)

    def dispatch(self, task: Task) -> int:
        """The generator is about to begin, perhaps anew; return how many items it is to skip."""
        stream = self._streams.get(task.spec.task_id)
        return stream.arrived if stream is not None else 0

    def dispatched(self, task: Task, worker: Worker) -> None:
        """The worker has been given the task; tell it how much room there is."""
        stream = self._streams.get(task.spec.task_id)
        if stream is not None:
            stream.worker = worker
            self._tell_taken(stream)

    def _tell_taken(self, stream: _Stream) -> None:
        if stream.worker is not None and stream.task.spec.backpressure > 0:
            taken = _ALL if stream.closed else stream.taken
            stream.worker.send(messages.ItemsTaken(stream.task.spec.task_id, taken))

    def on_item_yielded(self, client: Client, message: messages.ItemYielded) -> None:
        """A generator has yielded."""
        stream = self._streams.get(message.task_id)
        if stream is None or stream.ended:
            return  # its actor was killed, and the call has failed with it
        client.creating.pop(object_id(message.task_id, 1 + message.place), None)
        assert message.place == stream.arrived, "a generator that begins anew skips what has arrived"
        self._add(stream, message.kind, message.payload, message.contained)

    def _add(self, stream: _Stream, kind: int, payload: Any, contained: tuple[bytes, ...]) -> None:  # noqa: ANN401
        task_id = stream.task.spec.task_id
        name = object_id(task_id, 1 + stream.arrived)
        stream.arrived += 1
        self._objects.table.declare(name, stream.task.number)
        if not stream.closed:
            self._objects.table.references.hold(stream.owner, name)
            stream.owner.channel.send(messages.StreamItem(task_id, kind, payload))
        self._objects.seal(name, (kind, payload), contained, stream.task.number)
        self._objects.release([name])  # at once, if nobody wants it

    def on_items_taken(self, client: Client, message: messages.ItemsTaken) -> None:
        """The owner has taken items, so the generator may make more."""
        stream = self._streams[message.task_id]
        stream.taken = message.taken
        self._tell_taken(stream)

    def on_close_stream(self, client: Client, message: messages.CloseStream) -> None:
        """The owner has dropped the generator: items that it has not taken are not needed."""
        stream = self._streams[message.task_id]
        drop = self._objects.table.references.drop
        left = [object_id(message.task_id, 1 + index) for index in range(message.taken, stream.arrived)]
        self._objects.release([name for name in left if drop(client, name)])
        self._close(stream)

    def forget(self, client: Client) -> None:
        """The owner of streams is gone, and with it what it held."""
        for stream in [stream for stream in self._streams.values() if stream.owner is client]:
            self._close(stream)

    def _close(self, stream: _Stream) -> None:
        """As in Ray, the generator runs to its end, for the sake of what else it does."""
        stream.closed = True
        self._tell_taken(stream)
        self._remove_if_over(stream)

    def _remove_if_over(self, stream: _Stream) -> None:
        if stream.closed and stream.ended:
            del self._streams[stream.task.spec.task_id]

    def raised(self, task: Task, results: tuple[Any, ...]) -> tuple[Any, ...]:
        """The generator's code raised: that is its last item, and its result is as good as any.

        Args:
            task: which.
            results: what the worker answered: an error.

        Returns:
            What the task's result is now.
        """
        stream = self._streams.get(task.spec.task_id)
        if stream is None or task.cancelled:
            return results
        self._add(stream, *results[0])
        return ((INLINE, _NONE, ()),)

    def finish(self, task: Task, results: tuple[Any, ...]) -> None:
        """The task has ended: no more items will come."""
        stream = self._streams.get(task.spec.task_id)
        if stream is not None:
            stream.worker, stream.ended = None, True
            if not stream.closed:
                stream.owner.channel.send(messages.StreamEnd(task.spec.task_id, results[0][0] == ERROR))
            self._remove_if_over(stream)
