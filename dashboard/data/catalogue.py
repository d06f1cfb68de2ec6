"""Which sessions there are: the running ones first, then the recordings, the newest at the top.

Looking costs a few file-system calls, so one `Catalogue` serves all browsers and looks once a second.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from minray.gcs.store import read_meta
from minray.session import folders

NAME_LIMIT = 40  # characters of an entry point that still fit into the picker


@dataclass(frozen=True)
class SessionEntry:
    """One session in the picker."""

    name: str  # of its directory, which sorts by age
    path: Path  # its session.db
    live: bool
    label: str


class Catalogue:
    """All sessions of the user, as of the last `refresh`.

    Attributes:
        entries: running sessions first, each group from new to old.
    """

    def __init__(self) -> None:
        self.entries: tuple[SessionEntry, ...] = ()
        self._labels: dict[str, str] = {}

    def refresh(self) -> None:
        """Look again which sessions there are and which of them run."""
        found = []
        for directory in folders.list_sessions():
            path = directory / "session.db"
            found.append(SessionEntry(directory.name, path, folders.is_live(directory), self._label(path)))
        self._labels = {entry.name: self._labels[entry.name] for entry in found if entry.name in self._labels}
        self.entries = tuple(sorted(found, key=lambda entry: not entry.live))  # stable: newest stay first

    def newest(self) -> SessionEntry | None:
        """The session to show by itself: the newest that runs, else the newest recording."""
        return self.entries[0] if self.entries else None

    def get(self, name: str) -> SessionEntry | None:
        """The session of this name, if it is still there."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def _label(self, path: Path) -> str:
        name = path.parent.name
        if name not in self._labels:
            meta = read_meta(path)
            if "started_at" not in meta:
                return name  # being made at this moment, or no recording: ask again next time
            self._labels[name] = describe(meta)
        return self._labels[name]


def describe(meta: dict[str, str]) -> str:
    """A session in a few words: when it began, and what program it is.

    Example:
        >>> describe({"started_at": "0", "entrypoint": "/home/ann/lesson.py", "driver_pid": "12"})[-16:]
        'lesson.py pid 12'
    """
    try:
        began = datetime.fromtimestamp(float(meta["started_at"])).strftime("%d %b %H:%M:%S")
    except (KeyError, ValueError, OverflowError, OSError):
        began = "unknown time"
    program = short_program(meta.get("entrypoint", ""))
    return f"{began}  {program} pid {meta.get('driver_pid', '?')}"


def short_program(entrypoint: str) -> str:
    """What to call the program of a session: a Jupyter kernel is a notebook to its user.

    Example:
        >>> short_program("/usr/lib/python3/site-packages/ipykernel_launcher.py")
        'notebook'
    """
    last = entrypoint.strip().split(" ")[0].rstrip("/").rpartition("/")[2]
    if last.startswith("ipykernel") or "ipykernel_launcher" in entrypoint:
        return "notebook"
    return (last or "python")[:NAME_LIMIT]
