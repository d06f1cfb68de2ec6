"""The loop of a process that serves many connections: it waits, reads what has come, sends what has gathered.

::

    listener --> Channel --each message--> take(sender, message)   --its end--> left(sender)
    any other socket, when it is readable --> read()
    channel.send(message) --> pending --flush--> the socket; if that is full, once it is not any more

Nothing here blocks or decides: how long to wait, and what to send first, the process says.
"""

import contextlib
import selectors
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from .rpc import Channel

SenderT = TypeVar("SenderT")
Ready = list[tuple[selectors.SelectorKey, int]]


class Loop:
    """The sockets of a process, and which of them have something to send.

    Example:
        >>> while loop.running:
        ...     loop.take_in(loop.wait(1.0))
        ...     loop.flush_all()
    """

    def __init__(self) -> None:
        self.running = True
        self.pending: list[Channel] = []  # connections that have something to send
        self._selector = selectors.DefaultSelector()
        self.wait: Callable[[float | None], Ready] = self._selector.select  # until something is ready

    def stop(self) -> None:
        """This turn is the last one."""
        self.running = False

    def on_input(self, sock: socket.socket, read: Callable[[], None], channel: Channel | None = None) -> None:
        """Call `read` when there is something to read; `channel` is what may have to be sent later."""
        self._selector.register(sock, selectors.EVENT_READ, (read, channel))

    def channel(self, sock: socket.socket) -> Channel:
        """A connection whose outbox this loop looks after."""
        return Channel(sock, self.pending)

    def serve(
        self,
        channel: Channel,
        sender: SenderT,
        take: Callable[[SenderT, Any], None],
        left: Callable[[SenderT], None],
    ) -> None:
        """Have all that a connection brings taken in.

        Args:
            channel: the connection.
            sender: who is at its other end, as this process knows them.
            take: called with the sender and each message.
            left: called with the sender when the other side has closed the connection.
        """
        channel.belongs_to(sender)
        self.on_input(channel.sock, partial(self._read, channel, take, left), channel)

    def listen(self, listener: socket.socket, connected: Callable[[Channel], None]) -> None:
        """Accept connections; `connected` gets each of them, to `serve` it."""
        listener.setblocking(False)
        self.on_input(listener, partial(self._accept, listener, connected))

    def _accept(self, listener: socket.socket, connected: Callable[[Channel], None]) -> None:
        with contextlib.suppress(BlockingIOError):
            sock, _ = listener.accept()
            connected(self.channel(sock))

    def _read(self, channel: Channel, take: Callable[[Any, Any], None], left: Callable[[Any], None]) -> None:
        if channel.closed:
            return
        sender = channel.owner
        for message in channel.receive():
            take(sender, message)
        if channel.closed:
            self._selector.unregister(channel.sock)
            channel.close()
            left(sender)

    def read_rest(self, channel: Channel) -> None:
        """Take in at once what a process has said before it died."""
        while not channel.closed and channel.has_input():
            self._selector.get_key(channel.sock).data[0]()

    def take_in(self, ready: Ready) -> None:
        """Read all that is readable; what is writable again has something to send."""
        for key, events in ready:
            read, channel = key.data
            if events & selectors.EVENT_READ:
                read()
            if events & selectors.EVENT_WRITE:
                self.pending.append(channel)

    def flush(self, channel: Channel) -> None:
        """Send what waits; if the socket is full, be woken when it is not."""
        was_blocked = channel.blocked
        channel.flush()
        if channel.blocked != was_blocked and not channel.closed:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.blocked else 0)
            self._selector.modify(channel.sock, events, self._selector.get_key(channel.sock).data)

    def flush_all(self) -> None:
        """Send all that waits."""
        pending = self.pending[:]
        self.pending.clear()
        for channel in pending:
            self.flush(channel)
