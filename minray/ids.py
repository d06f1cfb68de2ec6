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


def task_of(object_id: bytes) -> bytes:
    """The id of the task that makes this object."""
    return object_id[:TASK_ID_SIZE]
