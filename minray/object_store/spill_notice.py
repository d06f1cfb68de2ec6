"""What the user is told of objects that went to the disk: a line if it is much, and when that has doubled.

Ray does the same: https://docs.ray.io/en/latest/ray-core/objects/object-spilling.html
"""

import os

from ..wire.config import SPILL_NOTICE_BYTES

_MIB = 1024 * 1024


class SpillNotice:
    """Counts what is spilled, and says when it is time for a line.

    Args:
        first: the number of bytes at which to say the first; 0 for none at all.

    Example:
        >>> notice = SpillNotice(10 * 2**20)
        >>> notice.spilled(8 * 2**20), notice.take()
        (None, '')
        >>> notice.spilled(8 * 2**20), notice.take()[:26]
        (None, 'Spilled 16 MiB, 2 objects:')
        >>> notice.spilled(2 * 2**20), notice.take()
        (None, '')
    """

    def __init__(self, first: int) -> None:
        self._next = first
        self._bytes = 0
        self._objects = 0

    def spilled(self, size: int) -> None:
        """One more object has gone to the disk; its size is in bytes."""
        self._bytes += size
        self._objects += 1

    def take(self) -> str:
        """The line to show now; empty if there is nothing new that is worth one."""
        if not self._next or self._bytes < self._next:
            return ""
        while self._next <= self._bytes:
            self._next *= 2
        return (
            f"Spilled {self._bytes // _MIB:,} MiB, {self._objects:,} objects: the object store is full, so "
            "the objects that were not used for longest went to the disk. They are read from there when "
            "somebody asks for them, which takes longer. Drop references that you do not need, or give the "
            "store more memory with init(object_store_memory=...). "
            "Set RAY_verbose_spill_logs=0 to disable this message."
        )


def first_notice() -> int:
    """At how many spilled bytes to say something: what the variable asks for, or 2 GiB as in Ray."""
    wanted = os.environ.get("RAY_verbose_spill_logs", "")  # noqa: SIM112 - Ray's spelling
    return int(wanted) if wanted.isdecimal() else SPILL_NOTICE_BYTES
