"""Waits for the first visitor, and notices when nobody needs the dashboard any more.

A dashboard starts with every first `init`, although most sessions never see a visitor.  So the process
begins as a doorman of a few megabytes that sleeps until somebody knocks on the listening socket; only
then is Bokeh loaded.  The knock itself is not answered here: the server finds it waiting on the socket.

::

    sleep on the socket --knock--> serve            Both end when for 3 seconds ($MINRAY_DASHBOARD_LINGER)
           |                         |              no session has run and no browser been connected.
           '---- nobody needs us ----'---> remove dashboard.json, exit
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

from minray.session import folders
from minray.session.dashboard_link import LOG, RECORD, folder_locked

LOOK_EVERY = 0.5  # seconds between two looks at whether anybody needs us
BIRTH_SECONDS = 10.0  # within which a session must have taken its lock


def linger() -> float:
    """For how many seconds to stay after the last session or visitor has gone."""
    return float(os.environ.get("MINRAY_DASHBOARD_LINGER", "3"))


class Keeper:
    """Decides whether the user's dashboard is still needed, and clears up when it is not.

    Args:
        home: the folder of the sessions.
        patience: seconds to stay though nobody needs us.
        clock: a steady one.
    """

    def __init__(self, home: Path, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._patience = patience
        self._clock = clock
        self._needed_at = clock()

    def needed(self, visitors: int = 0) -> bool:
        """Whether to go on; once it has said no the files are gone and the process must end.

        Args:
            visitors: connected browser tabs.
        """
        if visitors or any_session_runs(self._home):
            self._needed_at = self._clock()
        if self._clock() - self._needed_at < self._patience:
            return True
        with folder_locked(self._home):
            # An `init` that found us alive a moment ago has made its session's directory before it looked.
            if any_session_runs(self._home):
                return True
            for name in (RECORD, LOG):
                (self._home / name).unlink(missing_ok=True)
            return False


def any_session_runs(home: Path) -> bool:
    """Whether a session of this user runs, or is just about to."""
    return any(folders.is_live(path) or _is_being_born(path) for path in home.glob("session_*"))


def _is_being_born(session: Path) -> bool:
    """A directory without lock and recording: `init` is at work, unless it was killed then."""
    with contextlib.suppress(OSError):
        new = time.time() - session.stat().st_mtime < BIRTH_SECONDS
        return new and not (session / "lock").exists() and not (session / "session.db").exists()
    return False


def wait_for_visitor(listener: socket.socket, needed: Callable[[], bool]) -> bool:
    """Sleep until somebody connects.

    Returns:
        False if nobody did until nobody needed us any more.
    """
    while needed():
        readable, _, _ = select.select([listener], [], [], LOOK_EVERY)
        if readable:
            return True
    return False
