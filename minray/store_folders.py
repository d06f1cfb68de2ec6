"""Where the objects of a node are: in memory, or, when that is full, on disk.

The name of an object's file says which: `12.3` is a segment of shared memory (see `object_store`),
`spilled-7` a file in the session directory.
"""

from pathlib import Path
from typing import NamedTuple

_SPILLED = "spilled-"

# Stands for the file of an object that has none at the moment.
NOWHERE = "0.0"


def spilled_name(number: int) -> str:
    """The name of a file on disk."""
    return f"{_SPILLED}{number}"


def is_spilled(name: str) -> bool:
    """Whether a name is that of a file on disk."""
    return name.startswith(_SPILLED)


class StoreFolders(NamedTuple):
    """The two folders."""

    memory: Path
    disk: Path

    def path(self, name: str) -> Path:
        """The file of this name."""
        return Path(self.file(name))

    def file(self, name: str) -> str:
        """The same as text, which costs less."""
        return f"{self.disk if is_spilled(name) else self.memory}/{name}"
