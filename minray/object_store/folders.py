"""Where the objects of a node are: in memory, or, when that is full, on disk.

The name of an object's file says which: `12.3` is a segment of shared memory (see `segments`),
`spilled-7` a file in the session directory.  No two nodes use the same name, and a process sees the files of
its own node only; so who looks for an object that is elsewhere finds no file and asks.
"""

from pathlib import Path
from typing import NamedTuple

_SPILLED = "spilled-"

# Stands for the file of an object that has none at the moment.
NOWHERE = "0.0"

# The numbers in the names of files say on which node they are: each node counts from a multiple of this.
FILES_OF_A_NODE = 1_000_000_000


def spilled_name(number: int) -> str:
    """The name of a file on disk."""
    return f"{_SPILLED}{number}"


def node_of(name: str) -> int:
    """The number of the node on which this file is.

    Example:
        >>> node_of("12.3"), node_of("2000000001.1")
        (0, 2)
    """
    return int(name.removeprefix(_SPILLED).partition(".")[0]) // FILES_OF_A_NODE


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
