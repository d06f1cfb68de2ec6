"""CPU and memory of the processes of sessions that run, looked up once a second for all browsers."""

import contextlib
import time

import psutil

from .model import Session

LOOK_EVERY = 1.0  # seconds


class Vitals:
    """Asks the system about workers and drivers."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}
        self._found: dict[str, tuple[float, dict[int, tuple[float, int]]]] = {}

    def look(self, name: str, session: Session) -> dict[int, tuple[float, int]]:
        """CPU (percent of a core) and memory (bytes) by pid, at most `LOOK_EVERY` old.

        Args:
            name: of the session.
            session: its workers.
        """
        when, found = self._found.get(name, (float("-inf"), {}))
        if time.monotonic() - when < LOOK_EVERY:
            return found
        pids = {w.pid for w in session.crew.workers.values() if w.state != "DEAD" and w.pid > 0}
        found = {}
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                process = self._processes.setdefault(pid, psutil.Process(pid))
                found[pid] = (process.cpu_percent(), process.memory_info().rss)
        self._processes = {pid: p for pid, p in self._processes.items() if p.is_running()}
        self._found = {name: (time.monotonic(), found)}
        return found
