"""The process of a further node: sockets in, decisions by `Member`, sockets out; see `members`.

One turn of the loop::

    wait until something is readable -> take all messages in -> empty the outboxes -> send

It joins the session by connecting to the head's local scheduler, and ends when that connection does.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..object_store.files import StoreFiles, store_capacity
from ..object_store.transfers import Transfers
from ..session.descendants import send_signal
from ..session.folders import object_socket, store_folders
from ..wire.config import EVENT_FLUSH_SECONDS, HEARTBEAT_SECONDS
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
        self._listener, self._life = listener, life
        self._pending: list[Channel] = []  # connections that have something to send
        self._zygote = Channel(zygote, "zygote", self._pending)
        capacity = store_capacity(folders.memory, config["object_store_memory"])
        path = object_socket(Path(config["session_dir"]), config["node"])
        self._transfers = Transfers(folders, path, lambda name: self._member.resolve(name))
        self._early: list[Message] = []  # what the head said along with its acceptance
        self._head, number = self._join(config, capacity, folders.memory)
        self._member = Member(number, capacity, self._zygote, self._head)
        self._ready = Path(config["ready"])
        self._selector = selectors.DefaultSelector()
        self._flushed = 0.0
        self._beat = 0.0
        self._running = True

    def _join(self, config: dict[str, Any], capacity: int, folder: Path) -> tuple[Channel, int]:
        """Become one of the session's nodes; return the connection to the head, and this node's number."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(config["head_socket"])
        info = dict(config["node_info"])
        info["Resources"] = dict(config["resources"]) | {"object_store_memory": float(capacity)}
        head = Channel(sock, "head", self._pending)
        pids = os.getpid(), os.getppid()
        head.send(JoinNode(json.dumps(info), pids, str(folder), str(self._transfers.path)))
        head.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            while selector.select():
                self._early += head.receive()
                if self._early:
                    accepted = self._early.pop(0)
                    assert isinstance(accepted, NodeAccepted), "that is the answer to JoinNode"
                    return head, accepted.node
                if head.closed:
                    break
        raise ConnectionError("the head of the session is gone")

    def run(self) -> None:
        """Serve until the head or the supervisor is gone."""
        self._listener.setblocking(False)
        self._on_input(self._listener, self._accept)
        self._on_input(self._life, self._stop)
        self._on_input(self._files.wake, self._take_removed)
        self._on_input(self._transfers.wake, self._take_copied)
        self._on_input(self._zygote.sock, self._read_zygote, self._zygote)
        self._on_input(self._head.sock, self._read_head, self._head)
        for message in self._early:
            self._member.on_head(message)
        self._ready.write_text(str(os.getpid()))
        while self._running:
            restless = self._member.log or self._member.room.restless
            ready = self._selector.select(EVENT_FLUSH_SECONDS if restless else HEARTBEAT_SECONDS)
            self._member.log.now = time.time()
            for key, events in ready:
                read, channel = key.data
                if events & selectors.EVENT_READ:
                    read()
                if events & selectors.EVENT_WRITE:
                    self._pending.append(channel)
            self._empty_outboxes(time.time())

    def _on_input(
        self, sock: socket.socket, read: Callable[[], None], channel: Channel | None = None
    ) -> None:
        self._selector.register(sock, selectors.EVENT_READ, (read, channel))

    def _stop(self) -> None:
        self._running = False

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._listener.accept()
            channel = Channel(sock, None, self._pending)
            client = MemberClient(channel)
            self._on_input(sock, lambda: self._read_client(client), channel)

    def _read_client(self, client: MemberClient) -> None:
        channel = client.channel
        if channel.closed:
            return
        for message in channel.receive():
            self._member.on_message(client, message)
        if channel.closed:
            self._selector.unregister(channel.sock)
            channel.close()

    def _read_zygote(self) -> None:
        for message in self._zygote.receive():
            if isinstance(message, Forked):
                self._member.on_forked(message)
            elif isinstance(message, Died):
                client = self._member.clients.get(message.worker)
                while client is not None and not client.channel.closed and client.channel.has_input():
                    self._read_client(client)  # what it said before it died
                self._member.on_died(message)
        if self._zygote.closed:
            self._running = False

    def _read_head(self) -> None:
        for message in self._head.receive():
            self._member.on_head(message)
        if self._head.closed:
            self._running = False

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
        pending = self._pending[:]
        self._pending.clear()
        for channel in pending:
            self._flush(channel)
        self._files.do(member.room.take_jobs())
        self._transfers.do(member.pulls.take_jobs())

    def _flush(self, channel: Channel) -> None:
        """Send what waits; if the socket is full, be woken when it is not."""
        done = channel.flush()
        if channel.closed or done == (not channel.blocked):
            return
        channel.blocked = not done
        events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
        self._selector.modify(channel.sock, events, self._selector.get_key(channel.sock).data)


def main(config: dict[str, Any], **sockets: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    MemberProcess(config, **sockets).run()
