"""The local scheduler's process: sockets in, decisions by `LocalScheduler`, sockets out.

One turn of the loop::

    wait until something is readable -> take all messages in -> schedule -> empty the outboxes -> tidy up

So what arrives together is handled together and answered with one write per connection.  Drivers are answered
when nothing else is left to do, at the latest after `ANSWER_SECONDS`: while workers keep the scheduler busy,
waking the driver for every single result would cost more than the results.  Nothing here blocks: a driver or
GCS that reads slowly finds its messages later.
"""

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..object_store.files import StoreFiles, store_capacity
from ..object_store.transfers import Transfers
from ..session.descendants import send_signal
from ..session.folders import object_socket, store_folders
from ..wire.config import ANSWER_SECONDS, EVENT_FLUSH_SECONDS, HEARTBEAT_SECONDS, POOL_SECONDS, SPIN_SECONDS
from ..wire.messages import Died, Forked, Notice, Reply, StoreRows
from ..wire.rpc import Channel
from .local_scheduler import LocalScheduler
from .tables.event_log import EventLog, SilentLog
from .tables.records import Client


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
        folders = store_folders(config["session_name"])
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        self._folders, self._files = folders, StoreFiles(folders)
        capacity = store_capacity(folders.memory, config["object_store_memory"])
        resources = dict(config["resources"]) | {"object_store_memory": float(capacity)}
        node_info = dict(config["node_info"]) | {"Resources": resources}
        self._listener, self._life = listener, life
        self._pending: list[Channel] = []  # connections that have something to send
        self._zygote = Channel(zygote, "zygote", self._pending)
        self._gcs = Channel(gcs, "gcs", self._pending)
        node_id = bytes.fromhex(config["node_info"]["NodeID"])
        log = (
            SilentLog() if os.environ.get("MINRAY_EVENTS") == "off" else EventLog()
        )  # for the microbenchmark
        self._scheduler = LocalScheduler(node_id, resources, capacity, self._zygote, node_info, log)
        self._scheduler.objects.made.enabled = config.get("reconstruct", True)
        self._object_socket = object_socket(Path(config["session_dir"]))
        self._scheduler.objects.sockets[0] = str(self._object_socket)
        self._transfers: Transfers | None = None  # once there are other nodes
        self._selector = selectors.DefaultSelector()
        self._flushed = 0.0  # when events were last handed over
        self._answered = 0.0  # when drivers were last answered
        self._answers_wait = False
        self._came_soon = [False, False]  # the last time that there was no task, and that there was one
        self._owner = config["owner_pid"] if config["ends_with_driver"] else 0  # whose going ends the session
        self._waiting_for_gcs: dict[int, tuple[Client, int]] = {}
        self._gcs_requests = 0
        self._running = True

    def run(self) -> None:
        """Serve until the driver or the supervisor is gone."""
        self._listener.setblocking(False)
        self._on_input(self._listener, self._accept)
        self._on_input(self._life, self._stop)
        self._on_input(self._files.wake, self._take_removed)
        self._on_input(self._zygote.sock, self._read_zygote, self._zygote)
        self._on_input(self._gcs.sock, self._read_gcs, self._gcs)
        scheduler = self._scheduler
        scheduler.now = time.time()
        scheduler.processes.start_workers()
        self._empty_outboxes(idle=True)
        while self._running:
            ready = self._wait()
            scheduler.now = time.time()
            for key, events in ready:
                read, channel = key.data
                if events & selectors.EVENT_READ:
                    read()
                if events & selectors.EVENT_WRITE:
                    self._pending.append(channel)
            scheduler.schedule()
            self._empty_outboxes(idle=not ready)
        scheduler.processes.end_session()
        self._flush_events(last=True)

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What is readable, as soon as something is, or nothing when it is time to do something else.

        Who calls for one task after the other is not kept waiting until this process has been woken, neither
        for the call nor for the result.
        """
        if self._answers_wait:
            return self._selector.select(0)
        began, tasks = time.monotonic(), len(self._scheduler.tasks)
        spin_until = began + SPIN_SECONDS if tasks < 2 and self._came_soon[tasks] else 0.0
        ready: list[tuple[selectors.SelectorKey, int]] = []
        while not ready and time.monotonic() < spin_until:
            os.sched_yield()
            ready = self._selector.select(0)
        if not ready:
            ready = self._selector.select(self._patience())
        if tasks < 2:
            self._came_soon[tasks] = time.monotonic() - began < SPIN_SECONDS
        return ready

    def _on_input(
        self, sock: socket.socket, read: Callable[[], None], channel: Channel | None = None
    ) -> None:
        """Call `read` when there is something to read; `channel` is what may have to be sent later."""
        self._selector.register(sock, selectors.EVENT_READ, (read, channel))

    def _stop(self) -> None:
        self._running = False

    def _take_removed(self) -> None:
        self._scheduler.objects.room.done(self._files.take_results())

    def _patience(self) -> float | None:
        """How long to sleep if nothing happens: briefly while tasks run, else until something does."""
        references = self._scheduler.objects.table.references
        busy = bool(self._scheduler.tasks or self._scheduler.log or references.changed)
        spare = len(self._scheduler.pool.workers) > self._scheduler.pool.target
        if busy or spare:
            return EVENT_FLUSH_SECONDS
        if self._scheduler.members.watchful:
            return HEARTBEAT_SECONDS
        return POOL_SECONDS / 5 if self._scheduler.objects.room.restless else None

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._listener.accept()
            channel = Channel(sock, None, self._pending)
            client = channel.owner = Client(channel)
            self._on_input(sock, lambda: self._read_client(client), channel)

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
            if client.kind == "NODE":
                self._scheduler.members.on_lost(client)
            if client.kind == "DRIVER":
                self._scheduler.processes.on_driver_left(client)
                self._running = self._running and client.pid != self._owner

    def _read_zygote(self) -> None:
        for message in self._zygote.receive():
            if isinstance(message, Forked):
                self._scheduler.processes.on_forked(message)
            elif isinstance(message, Died):
                client = self._scheduler.clients.get(message.worker)
                while client is not None and not client.channel.closed and client.channel.has_input():
                    self._read_client(client)  # what it said before it died
                self._scheduler.processes.on_died(message)
        if self._zygote.closed:  # without a zygote there are no workers: the session is over
            self._running = False

    def _read_gcs(self) -> None:
        for message in self._gcs.receive():
            if isinstance(message, Reply):
                client, request = self._waiting_for_gcs.pop(message.request)
                client.channel.send(Reply(request, None, ""))
            elif isinstance(message, Notice):
                self._scheduler.announcements.notify(message)
        if self._gcs.closed:
            self._running = False

    def _empty_outboxes(self, idle: bool) -> None:
        """Say everything that there is to say; then do what nobody waits for."""
        scheduler = self._scheduler
        # First of all: a signal that cancels a task must reach its worker before the worker's next task does.
        for pid, number in scheduler.signals:
            send_signal(pid, number)
        scheduler.signals.clear()
        nothing_else = idle or not scheduler.tasks
        scheduler.objects.flush_pushes()
        self._answer(nothing_else)
        scheduler.tidy_up()
        scheduler.objects.room.settle(self._files.retire)
        if scheduler.now - self._flushed >= EVENT_FLUSH_SECONDS or scheduler.flush_requests:
            scheduler.tick()
            scheduler.objects.room.tick(self._files.retire)
            self._flush_events()
        if self._pending:
            self._answer(nothing_else)
        self._files.do(scheduler.objects.room.take_jobs())
        if scheduler.members.ever:
            self._deal_with_nodes()

    def _deal_with_nodes(self) -> None:
        """Do what only sessions of several nodes need: copy objects, clear up after nodes that died."""
        if self._transfers is None:
            self._transfers = Transfers(self._folders, self._object_socket, lambda name: name)
            self._on_input(self._transfers.wake, self._take_copied)
        self._transfers.do(self._scheduler.objects.pulls.take_jobs())
        folders = self._scheduler.members.folders
        while folders:
            threading.Thread(target=shutil.rmtree, args=(folders.pop(), True), daemon=True).start()

    def _take_copied(self) -> None:
        assert self._transfers is not None, "its socket has called"
        for job, outcome, started, ended in self._transfers.take_results():
            self._scheduler.objects.pulls.done(job, outcome, started, ended)

    def _answer(self, nothing_else: bool) -> None:
        """Send what waits; to drivers only if nothing else is left to do, or if they have waited for long."""
        now = self._scheduler.now
        if nothing_else or now - self._answered >= ANSWER_SECONDS:
            self._answered = now
        pending = self._pending[:]
        self._pending.clear()
        for channel in pending:
            if self._answered != now and getattr(channel.owner, "kind", "") == "DRIVER":
                self._pending.append(channel)
            else:
                self._flush(channel)
        self._answers_wait = bool(self._pending)

    def _flush(self, channel: Channel) -> None:
        """Send what waits; if the socket is full, be woken when it is not."""
        done = channel.flush()
        if channel.closed or done == (not channel.blocked):
            return
        channel.blocked = not done
        events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
        self._selector.modify(channel.sock, events, self._selector.get_key(channel.sock).data)

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
        if scheduler.log or request:
            self._gcs.send(StoreRows(request, scheduler.log.take()))
        if last:
            self._gcs.sock.setblocking(True)
            self._gcs.flush()
            self._gcs.close()


def main(config: dict[str, Any], **sockets: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Records of tasks come and go by the thousand and hardly ever form cycles: look for those seldom.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    SchedulerProcess(config, **sockets).run()
