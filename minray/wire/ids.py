"""Names for tasks and objects, of Ray's sizes: 24 bytes for a task, 28 for an object.

An object's id is the id of the task that makes it, followed by its place among that task's
results, so whoever holds a reference can tell where it came from::

    object id = [ 16 random bytes of the process | 8 bytes counter ] [ 4 bytes index ]
                 '--------------- task id ---------------------------'

`put` draws a task id too, although no task runs, so that all ids look alike.
"""

import itertools
import os
from collections.abc import Iterator
from typing import Self

TASK_ID_SIZE = 24
OBJECT_ID_SIZE = 28
NODE_ID_SIZE = 28


def task_ids() -> Iterator[bytes]:
    """Endless task ids that no other process draws."""
    prefix = os.urandom(TASK_ID_SIZE - 8)
    return (prefix + number.to_bytes(8, "big") for number in itertools.count(1))


def object_id(task_id: bytes, index: int) -> bytes:
    """The id of a task's result number `index`, counted from 0."""
    return task_id + (index + 1).to_bytes(OBJECT_ID_SIZE - TASK_ID_SIZE, "little")


def result_count(num_returns: int) -> int:
    """How many results a task has; numbers below 0 are generators' (see `messages`), with one."""
    return num_returns if num_returns >= 0 else 1


def creation_task(actor_id: bytes) -> bytes:
    """The id of the task that runs an actor's constructor: the actor's id and zeros."""
    return actor_id + bytes(TASK_ID_SIZE - ActorID.SIZE)


def actor_object(actor_id: bytes) -> bytes:
    """The id of the object that stands for an actor: its constructor's first result.

    References to it are what keeps the actor alive.
    """
    return object_id(creation_task(actor_id), 0)


def task_of(object_id: bytes) -> bytes:
    """The id of the task that makes this object."""
    return object_id[:TASK_ID_SIZE]


class BaseID:
    """An id as users see it: some bytes with a class of their own."""

    __slots__ = ("_id",)

    SIZE = NODE_ID_SIZE

    def __init__(self, id: bytes) -> None:
        if not isinstance(id, bytes) or len(id) != self.SIZE:
            raise ValueError(f"A {type(self).__name__} is made of {self.SIZE} bytes, not of {id!r}.")
        self._id = id

    @classmethod
    def from_binary(cls, id_bytes: bytes) -> Self:
        """The id that consists of these bytes."""
        return cls(id_bytes)

    @classmethod
    def from_hex(cls, hex_id: str) -> Self:
        """The id that reads so in hexadecimal."""
        return cls(bytes.fromhex(hex_id))

    @classmethod
    def from_random(cls) -> Self:
        """An id that nothing else has."""
        return cls(os.urandom(cls.SIZE))

    @classmethod
    def nil(cls) -> Self:
        """The id that stands for nothing."""
        return cls(b"\xff" * cls.SIZE)

    @classmethod
    def size(cls) -> int:
        """How many bytes such an id has."""
        return cls.SIZE

    def binary(self) -> bytes:
        """The id's bytes."""
        return self._id

    def hex(self) -> str:
        """The id in hexadecimal."""
        return self._id.hex()

    def is_nil(self) -> bool:
        """Whether the id stands for nothing."""
        return self == self.nil()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._id == getattr(other, "_id", None)

    def __hash__(self) -> int:
        return hash(self._id)

    def __lt__(self, other: "BaseID") -> bool:
        return self._id < other._id

    def __bytes__(self) -> bytes:
        return self._id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex()})"

    def __reduce__(self) -> tuple[type["BaseID"], tuple[bytes]]:
        return type(self), (self._id,)


class UniqueID(BaseID):
    """Any id of 28 bytes."""


class NodeID(UniqueID):
    """The id of a node."""


class WorkerID(UniqueID):
    """The id of a driver or worker."""


class FunctionID(UniqueID):
    """The id of a function that tasks run."""


class ActorClassID(UniqueID):
    """The id of a class that actors are made of."""


class ClusterID(UniqueID):
    """The id of a cluster."""


class TaskID(BaseID):
    """The id of a task."""

    SIZE = TASK_ID_SIZE


class JobID(BaseID):
    """The id of a job, which is all that one driver does."""

    SIZE = 4

    @classmethod
    def from_int(cls, value: int) -> "JobID":
        """The id of the job with this number."""
        return cls(value.to_bytes(cls.SIZE, "little"))

    def int(self) -> int:
        """The job's number."""
        return int.from_bytes(self._id, "little")


class ActorID(BaseID):
    """The id of an actor: random bytes, and the id of the job that made it."""

    SIZE = 16

    @classmethod
    def of(cls, job: JobID) -> "ActorID":
        """An id that no other actor has."""
        return cls(os.urandom(cls.SIZE - JobID.SIZE) + job.binary())

    @property
    def job_id(self) -> JobID:
        """The id of the job that made the actor."""
        return JobID(self._id[-JobID.SIZE :])


class PlacementGroupID(BaseID):
    """The id of a placement group."""

    SIZE = 18
