"""The process of a further node: sockets in, decisions by `FarNode`, sockets out.

One turn of the loop::

    wait until something is readable -> take all messages in -> empty the outboxes -> send

It joins the session by connecting to the head's local scheduler, and ends when that connection does.
"""

import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any

from ..object_store.files import StoreFiles, store_capacity
from ..object_store.segments import StoreFolders
from ..object_store.transfers import Transfers
from ..session.descendants import send_signal
from ..session.folders import object_socket, store_folders
from ..wire.config import EVENT_FLUSH_SECONDS, HEARTBEAT_SECONDS
from ..wire.loop import Loop
from ..wire.messages import AddRows, Died, Forked, Heartbeat, JoinNode, Message, NodeAccepted, Notice
from ..wire.rpc import Channel
from .far_node import FarNode, HostedWorker


class FarNodeProcess:
    """Runs a `FarNode` on real sockets.

    Args:
        config: what the starter of the node decided (see `driver.started_node`).
        listener: the socket that the node's workers connect to.
        zygote: socket to the process that forks them.
        life: ends (is closed) when the node's supervisor wants this process to stop.
    """

    def __init__(
        self, config: dict[str, Any], listener: socket.socket, zygote: socket.socket, life: socket.socket
    ) -> None:
        folders = StoreFolders(*store_folders(config["session_name"], config["node_name"]))
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        self._files = StoreFiles(folders)
        self._loop = Loop()
        capacity = store_capacity(folders.memory, config["object_store_memory"])
        path = object_socket(Path(config["session_dir"]), config["node_name"])
        self._transfers = Transfers(folders, path, lambda name: self._far_node.resolve(name))
        self._early: list[Message] = []  # what the head said along with its acceptance
        self._head, number = self._join(config, capacity, folders.memory)
        zygote_channel = self._loop.channel(zygote)
        self._far_node = FarNode(number, capacity, zygote_channel, self._head)
        self._ready = Path(config["ready"])
        self._flushed = 0.0
        self._beat = 0.0
        self._loop.listen(listener, self._on_connected)
        self._loop.on_input(life, self._loop.stop)
        self._loop.on_input(self._files.wake, self._take_removed)
        self._loop.on_input(self._transfers.wake, self._take_copied)
        self._loop.serve(zygote_channel, None, self._on_zygote, self._on_other_left)
        self._loop.serve(self._head, None, self._on_head, self._on_other_left)

    def _join(self, config: dict[str, Any], capacity: int, folder: Path) -> tuple[Channel, int]:
        """Become one of the session's nodes; return the connection to the head, and this node's number."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(config["head_socket"])
        info = dict(config["node_info"])
        info["Resources"] = dict(config["resources"]) | {"object_store_memory": float(capacity)}
        head = self._loop.channel(sock)
        pids = os.getpid(), os.getppid()
        head.send(JoinNode(json.dumps(info), pids, str(folder), str(self._transfers.path)))
        self._loop.flush_all()
        while not self._early and not head.closed:
            select.select([sock], [], [])
            self._early += head.receive()
        if not self._early:
            raise ConnectionError("the head of the session is gone")
        accepted = self._early.pop(0)
        assert isinstance(accepted, NodeAccepted), "that is the answer to JoinNode"
        return head, accepted.node

    def run(self) -> None:
        """Serve until the head or the supervisor is gone."""
        loop, far_node = self._loop, self._far_node
        for message in self._early:
            far_node.on_head(message)
        self._ready.write_text(str(os.getpid()))
        while loop.running:
            ready = loop.wait(EVENT_FLUSH_SECONDS if far_node.restless else HEARTBEAT_SECONDS)
            far_node.begin_turn(time.time())
            loop.take_in(ready)
            self._empty_outboxes()

    def _on_connected(self, channel: Channel) -> None:
        self._loop.serve(channel, HostedWorker(channel), self._far_node.on_message, lambda worker: None)

    def _on_zygote(self, _sender: None, message: Message) -> None:
        if isinstance(message, Forked):
            self._far_node.on_forked(message)
        elif isinstance(message, Died):
            worker = self._far_node.workers.get(message.worker)
            if worker is not None:
                self._loop.read_rest(worker.channel)
            self._far_node.on_died(message)

    def _on_head(self, _sender: None, message: Message) -> None:
        self._far_node.on_head(message)

    def _on_other_left(self, _other: None) -> None:
        """Without a zygote, or a head, this node is none any more."""
        self._loop.stop()

    def _take_removed(self) -> None:
        self._far_node.room.done(self._files.take_results())

    def _take_copied(self) -> None:
        for job, outcome, started, ended in self._transfers.take_results():
            self._far_node.pulls.done(job, outcome, started, ended)

    def _empty_outboxes(self) -> None:
        far_node, now = self._far_node, self._far_node.now
        for pid, number in far_node.signals:
            send_signal(pid, number)
        far_node.signals.clear()
        far_node.room.settle(self._files.retire)
        if now - self._flushed >= EVENT_FLUSH_SECONDS:
            self._flushed = now
            far_node.room.tick(self._files.retire)
            for table, rows in far_node.take_rows().items():
                self._head.send(AddRows(table, tuple(rows)))
        if now - self._beat >= HEARTBEAT_SECONDS:
            self._beat = now
            self._head.send(Heartbeat(far_node.room.share_used))
            if text := far_node.room.take_notice():
                self._head.send(Notice(text))
        self._loop.flush_all()
        self._files.do(far_node.room.take_jobs())
        self._transfers.do(far_node.pulls.take_jobs())


def main(config: dict[str, Any], **sockets: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    FarNodeProcess(config, **sockets).run()
