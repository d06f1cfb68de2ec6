"""From values to objects: `put`, and what is too large to travel inside a message.

::

    put(value) -> serialize -> small: PutObject, value included
                               large: written into the object store -> SealSegment
               -> at once: the reference; the value is here already
"""

from collections.abc import Iterator
from typing import Any

from ..exceptions import OufOfBandObjectRefSerializationException
from ..object_store.client import StoreClient
from ..values.check_serialize import unserializable
from ..values.ref import ObjectRef
from ..values.serialization import Serialized, serialize
from ..wire.config import INLINE_BYTES
from ..wire.ids import object_id
from ..wire.messages import INLINE, FreeObjects, Message, PutObject, SealSegment
from .getting import Arrivals
from .outbox import Outbox


class Putting:
    """Makes objects of this process's values.

    Args:
        ids: the task ids that this process draws.
        arrivals: where the values of its own objects are at once.
        outbox: sends what the scheduler must know of them.
        store: the object store.
    """

    def __init__(self, ids: Iterator[bytes], arrivals: Arrivals, outbox: Outbox, store: StoreClient) -> None:
        self._ids, self._arrivals, self._outbox, self._store = ids, arrivals, outbox, store

    def put(self, value: Any) -> ObjectRef:  # noqa: ANN401
        """Make an object of a value.

        Raises:
            TypeError: it cannot be sent to another process.
            OutOfDiskError: there is room neither in memory nor on disk.
        """
        try:
            serialized = serialize(value)
        except OufOfBandObjectRefSerializationException:
            raise
        except Exception as error:
            raise unserializable(f"the put value {value!r}", value) from error
        return self.put_serialized(serialized)

    def put_serialized(self, serialized: Serialized) -> ObjectRef:
        """Make an object of a value that is serialized already."""
        key = object_id(next(self._ids), 0)
        if serialized.size > INLINE_BYTES:
            self._arrivals.values[key] = self._store.write(key, serialized)
            message: Message = SealSegment(key, serialized.contained)
        else:
            blob = serialized.to_bytes()
            self._arrivals.values[key] = (INLINE, blob)
            message = PutObject(key, blob, serialized.contained)
        return self._outbox.declare(key, message)

    def expected_ref(self) -> ObjectRef:
        """A reference to an object that the scheduler itself will seal some time."""
        key = object_id(next(self._ids), 0)
        self._arrivals.expected.add(key)
        return self._outbox.new_ref(key)

    def free(self, keys: list[bytes]) -> None:
        """Free objects although there are references to them."""
        self._outbox.send(FreeObjects(tuple(keys)))
        for key in keys:
            if key in self._arrivals.values:
                self._arrivals.forget(key)
