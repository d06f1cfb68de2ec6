"""The global control store (GCS): the process that remembers what happened in the session.

On one node its tables are those of the event store: nodes, workers, tasks and their states, objects, what
was printed.  It is never on a task's path: the local scheduler sends it batches of rows and goes on.

    local scheduler --StoreRows--> GCS --one transaction a batch--> session.db
"""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

from ..wire.config import RECEIVE_BYTES
from ..wire.messages import Notice, Reply
from ..wire.rpc import FrameReader, frame
from .store import EventWriter


class GcsProcess:
    """Writes rows until the local scheduler is gone, then closes the recording.

    Args:
        config: what `init` decided (see `driver.started_node`).
        scheduler: socket to the local scheduler.
    """

    def __init__(self, config: dict[str, Any], scheduler: socket.socket) -> None:
        self._scheduler = scheduler
        self._warned = False
        self._store = EventWriter(Path(config["session_dir"]) / "session.db")
        node = config["node_info"]
        resources = json.dumps(config["resources"])
        self._store.write(
            {
                "meta": list(config["meta"].items()),
                "nodes": [(0, node["NodeID"], node["NodeManagerAddress"], resources)],
                "node_events": [(0, "ALIVE", time.time(), "")],
            }
        )

    def run(self) -> None:
        """Serve until the connection ends."""
        reader = FrameReader()
        while data := self._scheduler.recv(RECEIVE_BYTES):
            for message in reader.feed(data):
                if message.rows:
                    self._write(message.rows)
                if message.request:
                    with contextlib.suppress(OSError):
                        self._scheduler.sendall(frame([Reply(message.request, None, "")]))
        now = time.time()
        self._write({"meta": [("ended_at", str(now))], "node_events": [(0, "DEAD", now, "session ended")]})
        self._store.close()

    def _write(self, rows: dict[str, Any]) -> None:
        """Store rows; a full disk costs the recording, never the tasks."""
        try:
            self._store.write(rows)
        except sqlite3.Error as error:
            text = (
                f"The event store cannot be written ({error}), most likely because the disk is full: "
                "dashboard and timeline miss what happens until there is room again. Tasks go on."
            )
            if not self._warned:
                self._warned = True
                with contextlib.suppress(OSError):
                    self._scheduler.sendall(frame([Notice(text)]))


def main(config: dict[str, Any], scheduler: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(5)  # storing events can wait for a moment; tasks should not
    GcsProcess(config, scheduler).run()
