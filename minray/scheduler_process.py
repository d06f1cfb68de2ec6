"""The local scheduler's process: sockets in, decisions by `LocalScheduler`, sockets out.

One turn of the loop::

    wait until something is readable -> take all messages in -> schedule -> empty the outboxes

So what arrives together is handled together and answered with one write per connection.  Drivers are answered
when nothing else is left to do, at the latest after `ANSWER_SECONDS`: while workers keep the scheduler busy,
waking the driver for every single result would cost more than the results.  Nothing here blocks: a driver or
GCS that reads slowly finds its messages later.
"""

import contextlib
import os
import selectors
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

from .config import ANSWER_SECONDS, EVENT_FLUSH_SECONDS, STORE_SHARE_OF_MEMORY
from .local_scheduler import LocalScheduler
from .messages import Died, Forked, Notice, Reply, StoreRows
from .rpc import Channel
from .scheduler_records import Client
from .sessions import shared_memory_dir


def total_memory() -> int:
    """The machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def store_capacity(folder: Path, asked: int | None) -> int:
    """How many bytes the object store may use: what was asked for, at most what the system can give."""
    wanted = asked or int(total_memory() * STORE_SHARE_OF_MEMORY)
    return min(wanted, shutil.disk_usage(folder).free)


class SchedulerProcess:
    """Runs a `LocalScheduler` on real sockets.

    Args:
        config: what `init` decided (see `node.NodeConfig`).
        listener: the socket that drivers and workers connect to.
        zygote: socket to the process that forks workers.
        gcs: socket to the process that stores events.
        life: ends (is closed) when the node's supervisor wants this process to stop.
    """

    def __init__(
        self,
        config: dict[str, Any],
        listener: socket.socket,
        zygote: socket.socket,
        gcs: socket.socket,
        life: socket.socket,
    ) -> None:
        self._objects = shared_memory_dir(config["session_name"])
        self._objects.mkdir(mode=0o700, exist_ok=True)
        capacity = store_capacity(self._objects, config["object_store_memory"])
        resources = dict(config["resources"]) | {"object_store_memory": float(capacity)}
        node_info = dict(config["node_info"]) | {"Resources": resources}
        self._listener, self._life = listener, life
        self._pending: list[Channel] = []  # connections that have something to send
        self._zygote = Channel(zygote, "zygote", self._pending)
        self._gcs = Channel(gcs, "gcs", self._pending)
        node_id = bytes.fromhex(config["node_info"]["NodeID"])
        self._scheduler = LocalScheduler(node_id, resources, capacity, self._zygote, node_info)
        self._selector = selectors.DefaultSelector()
        self._flushed = 0.0  # when events were last handed over
        self._answered = 0.0  # when drivers were last answered
        self._answers_wait = False
        self._waiting_for_gcs: dict[int, tuple[Client, int]] = {}
        self._gcs_requests = 0
        self._running = True

    def run(self) -> None:
        """Serve until the driver or the supervisor is gone."""
        self._listener.setblocking(False)
        for sock, role in ((self._listener, "listener"), (self._life, "life")):
            self._selector.register(sock, selectors.EVENT_READ, role)
        for channel in (self._zygote, self._gcs):
            self._selector.register(channel.sock, selectors.EVENT_READ, channel)
        scheduler = self._scheduler
        scheduler.now = time.time()
        scheduler.start_workers()
        self._empty_outboxes(idle=True)
        while self._running:
            ready = self._selector.select(0 if self._answers_wait else self._patience())
            scheduler.now = time.time()
            for key, events in ready:
                if events & selectors.EVENT_READ:
                    self._read(key.data)
                if events & selectors.EVENT_WRITE:
                    self._pending.append(key.data)
            scheduler.schedule()
            self._empty_outboxes(idle=not ready)
        scheduler.end_session()
        self._flush_events(last=True)

    def _patience(self) -> float | None:
        """How long to sleep if nothing happens: briefly while tasks run, else until something does."""
        busy = bool(self._scheduler.tasks or self._scheduler.log.rows)
        spare = len(self._scheduler.pool.workers) > self._scheduler.pool.target
        return EVENT_FLUSH_SECONDS if busy or spare else None

    def _read(self, source: Any) -> None:  # noqa: ANN401 - what was registered
        if source == "listener":
            self._accept()
        elif source == "life":
            self._running = False
        elif source is self._zygote:
            self._read_zygote()
        elif source is self._gcs:
            self._read_gcs()
        else:
            self._read_client(source.owner)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._listener.accept()
            channel = Channel(sock, None, self._pending)
            channel.owner = Client(channel)
            self._selector.register(sock, selectors.EVENT_READ, channel)

    def _read_client(self, client: Client) -> None:
        channel = client.channel
        if channel.closed:
            return
        handle = self._scheduler.handle
        for message in channel.receive():
            handle(client, message)
        if channel.closed:
            self._selector.unregister(channel.sock)
            channel.close()
            if client.kind == "DRIVER":
                self._running = False

    def _read_zygote(self) -> None:
        for message in self._zygote.receive():
            if isinstance(message, Forked):
                self._scheduler.on_forked(message)
            elif isinstance(message, Died):
                client = self._scheduler.clients.get(message.worker)
                while client is not None and not client.channel.closed and self._has_input(client):
                    self._read_client(client)  # what it said before it died
                self._scheduler.on_died(message)
        if self._zygote.closed:  # without a zygote there are no workers: the session is over
            self._running = False

    @staticmethod
    def _has_input(client: Client) -> bool:
        try:
            return bool(client.channel.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _read_gcs(self) -> None:
        for message in self._gcs.receive():
            if isinstance(message, Reply):
                client, request = self._waiting_for_gcs.pop(message.request)
                client.channel.send(Reply(request, None, ""))
            elif isinstance(message, Notice):
                self._scheduler.notify(message)
        if self._gcs.closed:
            self._running = False

    def _empty_outboxes(self, idle: bool) -> None:
        scheduler = self._scheduler
        # First of all: a signal that cancels a task must reach its worker before the worker's next task does.
        for pid, number in scheduler.signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        scheduler.signals.clear()
        scheduler.objects.flush_pushes()
        if scheduler.now - self._flushed >= EVENT_FLUSH_SECONDS or scheduler.flush_requests:
            scheduler.tick()
            self._flush_events()
        nothing_else = idle or not scheduler.tasks
        if nothing_else or scheduler.now - self._answered >= ANSWER_SECONDS:
            self._answered = scheduler.now
        pending = self._pending[:]
        self._pending.clear()
        for channel in pending:
            if self._answered != scheduler.now and getattr(channel.owner, "kind", "") == "DRIVER":
                self._pending.append(channel)
            else:
                self._flush(channel)
        self._answers_wait = bool(self._pending)
        for name in scheduler.objects.unlink:
            with contextlib.suppress(FileNotFoundError):
                (self._objects / name).unlink()
        scheduler.objects.unlink.clear()

    def _flush(self, channel: Channel) -> None:
        """Send what waits; if the socket is full, be woken when it is not."""
        done = channel.flush()
        if channel.closed or done == (not channel.blocked):
            return
        channel.blocked = not done
        events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
        self._selector.modify(channel.sock, events, channel)

    def _flush_events(self, last: bool = False) -> None:
        """Hand the gathered events to the GCS."""
        scheduler = self._scheduler
        self._flushed = scheduler.now
        request = 0
        if scheduler.flush_requests:
            self._gcs_requests += 1
            request = self._gcs_requests
            first, *others = scheduler.flush_requests
            self._waiting_for_gcs[request] = first
            scheduler.flush_requests = others
        if scheduler.log.rows or request:
            self._gcs.send(StoreRows(request, scheduler.log.take()))
        if last:
            self._gcs.sock.setblocking(True)
            self._gcs.flush()
            self._gcs.close()


def main(config: dict[str, Any], **sockets: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    SchedulerProcess(config, **sockets).run()
