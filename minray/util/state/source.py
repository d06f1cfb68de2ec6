"""Where the answers come from: the event store of the running session, or a recording."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ...core_worker import current
from ...session import folders, here
from . import tables
from .exception import ServerUnavailable


def database(address: str | None) -> Path:
    """The event store to read, with everything in it that has happened so far."""
    if address in (None, "auto") or address == here.info.get("address"):
        if current.core is None or here.session_dir is None:
            raise ServerUnavailable(
                "There is no session to ask: call init() first, or give the path of a recording as address."
            )
        current.core.flush_events()
        return here.session_dir / "session.db"
    for path in (Path(address), Path(address) / "session.db", folders.root() / address / "session.db"):
        if path.is_file():
            return path
    raise ServerUnavailable(
        f"There is no recording of a session at {address!r}; `minray sessions` lists them."
    )


@contextlib.contextmanager
def opened(address: str | None) -> Iterator[sqlite3.Connection]:
    """The event store, opened for the questions of `tables`.

    Raises:
        ServerUnavailable: there is neither such a session nor such a recording.
    """
    with contextlib.closing(tables.connect(database(address))) as db:
        yield db
