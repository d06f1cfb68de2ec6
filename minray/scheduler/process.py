"""The local scheduler's process: sockets in, decisions by `LocalScheduler`, sockets out.

One turn of the loop::

    wait until something is readable -> take all messages in -> schedule -> empty the outboxes -> tidy up

So what arrives together is handled together and answered with one write per connection.  Drivers are answered
when nothing else is left to do, at the latest after `ANSWER_SECONDS`: while workers keep the scheduler busy,
waking the driver for every single result would cost more than the results.  Nothing here blocks: a driver or
GCS that reads slowly finds its messages later.
"""

import gc
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

from ..object_store.files import StoreFiles, store_capacity
from ..object_store.segments import StoreFolders
from ..object_store.transfers import Transfers
from ..session.descendants import send_signal
from ..session.folders import object_socket, store_folders
from ..wire.config import ANSWER_SECONDS, EVENT_FLUSH_SECONDS, HEARTBEAT_SECONDS, POOL_SECONDS, SPIN_SECONDS
from ..wire.loop import Loop, Ready
from ..wire.messages import Died, Forked, Message, Notice, Reply, StoreRows
from ..wire.rpc import Channel
from .local_scheduler import LocalScheduler
from .tables.event_log import EventLog, SilentLog
from .tables.records import Client


class SchedulerProcess:
    """Runs a `LocalScheduler` on real sockets.

    Args:
        config: what `init` decided (see `driver.started_node`).
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
        folders = StoreFolders(*store_folders(config["session_name"]))
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        self._folders, self._files = folders, StoreFiles(folders)
        capacity = store_capacity(folders.memory, config["object_store_memory"])
        resources = dict(config["resources"]) | {"object_store_memory": float(capacity)}
        node_info = dict(config["node_info"]) | {"Resources": resources}
        self._loop = Loop()
        self._zygote, self._gcs = self._loop.channel(zygote), self._loop.channel(gcs)
        silent = os.environ.get("MINRAY_EVENTS") == "off"  # for the microbenchmark
        log = SilentLog() if silent else EventLog()
        self._scheduler = LocalScheduler(resources, capacity, self._zygote, node_info, log)
        self._scheduler.objects.made.enabled = config.get("reconstruct", True)
        self._object_socket = object_socket(Path(config["session_dir"]))
        self._scheduler.whereabouts.sockets[0] = str(self._object_socket)
        self._transfers: Transfers | None = None  # once there are other nodes
        self._flushed = 0.0  # when events were last handed over
        self._answered = 0.0  # when drivers were last answered
        self._answers_wait = False
        self._came_soon = [False, False]  # the last time that there was no task, and that there was one
        self._owner = config["owner_pid"] if config["ends_with_driver"] else 0  # whose going ends the session
        self._waiting_for_gcs: dict[int, tuple[Client, int]] = {}
        self._gcs_requests = 0
        self._loop.listen(listener, self._on_connected)
        self._loop.on_input(life, self._loop.stop)
        self._loop.on_input(self._files.wake, self._take_removed)
        self._loop.serve(self._zygote, None, self._on_zygote, self._on_part_left)
        self._loop.serve(self._gcs, None, self._on_gcs, self._on_part_left)

    def run(self) -> None:
        """Serve until the driver or the supervisor is gone."""
        loop, scheduler = self._loop, self._scheduler
        scheduler.begin_turn(time.time())
        scheduler.processes.start_workers()
        self._empty_outboxes(idle=True)
        while loop.running:
            ready = self._wait()
            scheduler.begin_turn(time.time())
            loop.take_in(ready)
            scheduler.schedule()
            self._empty_outboxes(idle=not ready)
        scheduler.deaths.end_session()
        self._flush_events()
        self._gcs.finish()

    def _wait(self) -> Ready:
        """What is readable, as soon as something is, or nothing when it is time to do something else.

        Who calls for one task after the other is not kept waiting until this process has been woken, neither
        for the call nor for the result.
        """
        wait = self._loop.wait
        if self._answers_wait:
            return wait(0)
        began, tasks = time.monotonic(), len(self._scheduler.tasks.alive)
        spin_until = began + SPIN_SECONDS if tasks < 2 and self._came_soon[tasks] else 0.0
        ready: Ready = []
        while not ready and time.monotonic() < spin_until:
            os.sched_yield()
            ready = wait(0)
        if not ready:
            ready = wait(self._patience())
        if tasks < 2:
            self._came_soon[tasks] = time.monotonic() - began < SPIN_SECONDS
        return ready

    def _patience(self) -> float | None:
        """How long to sleep if nothing happens: briefly while tasks run, else until something does."""
        references = self._scheduler.objects.table.references
        busy = bool(self._scheduler.tasks.alive or self._scheduler.log.rows or references.changed)
        spare = len(self._scheduler.nodes.home.pool.workers) > self._scheduler.nodes.home.pool.target
        if busy or spare:
            return EVENT_FLUSH_SECONDS
        if self._scheduler.far_nodes.watchful:
            return HEARTBEAT_SECONDS
        return POOL_SECONDS / 5 if self._scheduler.objects.room.restless else None

    # --- what comes in ------------------------------------------------------------------------------

    def _on_connected(self, channel: Channel) -> None:
        self._loop.serve(channel, Client(channel), self._scheduler.handle, self._on_left)

    def _on_left(self, client: Client) -> None:
        self._scheduler.far_nodes.on_lost(client)  # if it is one
        if client.kind == "DRIVER":
            self._scheduler.deaths.on_driver_left(client)
            if client.pid == self._owner:
                self._loop.stop()

    def _on_part_left(self, _part: None) -> None:
        """Without a zygote there are no workers, and without a GCS no memory: the session is over."""
        self._loop.stop()

    def _on_zygote(self, _sender: None, message: Message) -> None:
        if isinstance(message, Forked):
            self._scheduler.processes.on_forked(message)
        elif isinstance(message, Died):
            client = self._scheduler.clients.get(message.worker)
            if client is not None and isinstance(client.channel, Channel):
                self._loop.read_rest(client.channel)
            self._scheduler.deaths.on_died(message)

    def _on_gcs(self, _sender: None, message: Message) -> None:
        if isinstance(message, Reply):
            client, request = self._waiting_for_gcs.pop(message.request)
            client.channel.send(Reply(request, None, ""))
        elif isinstance(message, Notice):
            self._scheduler.announcements.notify(message)

    def _take_removed(self) -> None:
        self._scheduler.objects.room.done(self._files.take_results())

    def _take_copied(self) -> None:
        assert self._transfers is not None, "its socket has called"
        for job, outcome, started, ended in self._transfers.take_results():
            self._scheduler.whereabouts.pulls.done(job, outcome, started, ended)

    # --- what goes out ------------------------------------------------------------------------------

    def _empty_outboxes(self, idle: bool) -> None:
        """Say everything that there is to say; then do what nobody waits for."""
        scheduler = self._scheduler
        # First of all: a signal that cancels a task must reach its worker before the worker's next task does.
        for pid, number in scheduler.processes.signals:
            send_signal(pid, number)
        scheduler.processes.signals.clear()
        nothing_else = idle or not scheduler.tasks.alive
        scheduler.objects.flush_pushes()
        self._answer(nothing_else)
        scheduler.tidy_up()
        room = scheduler.objects.room
        if room.creates or room.book.retired:
            room.settle(self._files.retire)
        if scheduler.log.now - self._flushed >= EVENT_FLUSH_SECONDS or scheduler.flush_requests:
            scheduler.tick()
            room.tick(self._files.retire)
            self._flush_events()
        if self._loop.pending:
            self._answer(nothing_else)
        if room.jobs:
            self._files.do(room.take_jobs())
        if scheduler.nodes.several:
            self._deal_with_nodes()

    def _answer(self, nothing_else: bool) -> None:
        """Send what waits; to drivers only if nothing else is left to do, or if they have waited for long."""
        now, loop = self._scheduler.log.now, self._loop
        if nothing_else or now - self._answered >= ANSWER_SECONDS:
            self._answered = now
        pending = loop.pending[:]
        loop.pending.clear()
        for channel in pending:
            if self._answered != now and getattr(channel.owner, "kind", "") == "DRIVER":
                loop.pending.append(channel)
            else:
                loop.flush(channel)
        self._answers_wait = bool(loop.pending)

    def _flush_events(self) -> None:
        """Hand the gathered events to the GCS."""
        scheduler = self._scheduler
        self._flushed = scheduler.log.now
        request = 0
        if scheduler.flush_requests:
            self._gcs_requests += 1
            request = self._gcs_requests
            self._waiting_for_gcs[request] = scheduler.flush_requests.pop(0)
        if scheduler.log.rows or request:
            self._gcs.send(StoreRows(request, scheduler.log.take()))

    def _deal_with_nodes(self) -> None:
        """Do what only sessions of several nodes need: copy objects, clear up after nodes that died."""
        if self._transfers is None:
            self._transfers = Transfers(self._folders, self._object_socket, lambda name: name)
            self._loop.on_input(self._transfers.wake, self._take_copied)
        self._transfers.do(self._scheduler.whereabouts.pulls.take_jobs())
        folders = self._scheduler.far_nodes.folders
        while folders:
            threading.Thread(target=shutil.rmtree, args=(folders.pop(), True), daemon=True).start()


def main(config: dict[str, Any], **sockets: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Records of tasks come and go by the thousand and hardly ever form cycles: look for those seldom.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    SchedulerProcess(config, **sockets).run()
