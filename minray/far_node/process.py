"""The process of a further node: sockets in, decisions by `Member`, sockets out; see `members`.

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
from ..object_store.transfers import Transfers
from ..session.descendants import send_signal
from ..session.folders import object_socket, store_folders
from ..wire.config import EVENT_FLUSH_SECONDS, HEARTBEAT_SECONDS
from ..wire.loop import Loop
from ..wire.messages import AddRows, Died, Forked, Heartbeat, JoinNode, Message, NodeAccepted, Notice
from ..wire.rpc import Channel
from .far_node import Member, MemberClient


class MemberProcess:
    """Runs a `Member` on real sockets.

    Args:
        config: what the starter of the node decided (see `member_node`).
        listener: the socket that the node's workers connect to.
        zygote: socket to the process that forks them.
        life: ends (is closed) when the node's supervisor wants this process to stop.
    """

    def __init__(
        self, config: dict[str, Any], listener: socket.socket, zygote: socket.socket, life: socket.socket
    ) -> None:
        folders = store_folders(config["session_name"], config["node"])
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        self._files = StoreFiles(folders)
        self._loop = Loop()
        capacity = store_capacity(folders.memory, config["object_store_memory"])
        path = object_socket(Path(config["session_dir"]), config["node"])
        self._transfers = Transfers(folders, path, lambda name: self._member.resolve(name))
        self._early: list[Message] = []  # what the head said along with its acceptance
        self._head, number = self._join(config, capacity, folders.memory)
        zygote_channel = self._loop.channel(zygote)
        self._member = Member(number, capacity, zygote_channel, self._head)
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
        loop, member = self._loop, self._member
        for message in self._early:
            member.on_head(message)
        self._ready.write_text(str(os.getpid()))
        while loop.running:
            restless = member.log or member.room.restless
            ready = loop.wait(EVENT_FLUSH_SECONDS if restless else HEARTBEAT_SECONDS)
            member.log.now = time.time()
            loop.take_in(ready)
            self._empty_outboxes(time.time())

    def _on_connected(self, channel: Channel) -> None:
        self._loop.serve(channel, MemberClient(channel), self._member.on_message, lambda client: None)

    def _on_zygote(self, _sender: None, message: Message) -> None:
        if isinstance(message, Forked):
            self._member.on_forked(message)
        elif isinstance(message, Died):
            client = self._member.clients.get(message.worker)
            if client is not None and isinstance(client.channel, Channel):
                self._loop.read_rest(client.channel)
            self._member.on_died(message)

    def _on_head(self, _sender: None, message: Message) -> None:
        self._member.on_head(message)

    def _on_other_left(self, _other: None) -> None:
        """Without a zygote, or a head, this node is none any more."""
        self._loop.stop()

    def _take_removed(self) -> None:
        self._member.room.done(self._files.take_results())

    def _take_copied(self) -> None:
        for job, outcome, started, ended in self._transfers.take_results():
            self._member.pulls.done(job, outcome, started, ended)

    def _empty_outboxes(self, now: float) -> None:
        member = self._member
        member.log.now = now
        for pid, number in member.signals:
            send_signal(pid, number)
        member.signals.clear()
        member.room.settle(self._files.retire)
        if now - self._flushed >= EVENT_FLUSH_SECONDS:
            self._flushed = now
            member.room.tick(self._files.retire)
            for table, rows in member.log.take().items():
                self._head.send(AddRows(table, tuple(rows)))
        if now - self._beat >= HEARTBEAT_SECONDS:
            self._beat = now
            self._head.send(Heartbeat(member.room.share_used))
            if text := member.room.notice.take():
                self._head.send(Notice(text))
        self._loop.flush_all()
        self._files.do(member.room.take_jobs())
        self._transfers.do(member.pulls.take_jobs())


def main(config: dict[str, Any], **sockets: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    MemberProcess(config, **sockets).run()
