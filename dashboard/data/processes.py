"""CPU and memory of the processes of sessions that run, looked up once a second for all browsers."""

import contextlib
import time

import psutil

from ..view.scene import Scene

LOOK_EVERY = 1.0  # seconds


class Processes:
    """Asks the system about workers and drivers."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}
        self._found: dict[str, tuple[float, dict[int, tuple[float, int]]]] = {}

    def look(self, scene: Scene) -> dict[int, tuple[float, int]]:
        """CPU (percent of a core) and memory (bytes) by pid, at most `LOOK_EVERY` old."""
        when, found = self._found.get(scene.entry.name, (float("-inf"), {}))
        if time.monotonic() - when < LOOK_EVERY:
            return found
        pids = {w.pid for w in scene.session.crew.workers.values() if w.state != "DEAD" and w.pid > 0}
        found = {}
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                process = self._processes.setdefault(pid, psutil.Process(pid))
                found[pid] = (process.cpu_percent(), process.memory_info().rss)
        self._processes = {pid: p for pid, p in self._processes.items() if p.is_running()}
        self._found = {scene.entry.name: (time.monotonic(), found)}
        return found
