"""Frames on Unix sockets: messages as bytes, cut out of a stream again, and never a wait when told not to.

A frame is a length and a list of ``(tag, *fields)`` tuples in `marshal` form: marshal knows numbers, text,
bytes and tuples of them and nothing else, so unlike pickle it cannot be made to run code, and it is as quick.

Both ends use `FrameReader`.  The local scheduler and the GCS talk through `Channel`, which never
blocks: what the other side does not take yet waits in memory.  (A scheduler that blocks on a full
socket towards a driver that blocks on a full socket towards the scheduler is a deadlock; a prototype
reached it at 10,000 queued tasks.)
"""

import marshal
import socket
import struct

from .config import RECEIVE_BYTES
from .messages import CLASSES, TAGS, Message

_LENGTH = struct.Struct(">I")


def encode(messages: list[Message]) -> bytes:
    """The wire form of some messages."""
    return marshal.dumps([(TAGS[type(message)], *message) for message in messages])


def decode(payload: bytes | memoryview) -> list[Message]:
    """The messages that `encode` was given."""
    # As `_make` does, which also counts the fields: both ends have the same classes.
    make = tuple.__new__
    return [make(CLASSES[fields[0]], fields[1:]) for fields in marshal.loads(payload)]


def frame(messages: list[Message]) -> bytes:
    """Some messages as one frame: four bytes of length, then the payload."""
    payload = encode(messages)
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Collects bytes as they come and gives back whole messages."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._needed = 0  # bytes before the first message is complete

    def feed(self, data: bytes) -> list[Message]:
        """Add bytes; return the messages that are complete now, in order."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
        messages: list[Message] = []
        start, end = 0, len(data)
        view = memoryview(data)
        self._needed = _LENGTH.size
        while end - start >= _LENGTH.size:
            self._needed = _LENGTH.size + _LENGTH.unpack_from(data, start)[0]
            if end - start < self._needed:
                break
            messages += decode(view[start + _LENGTH.size : start + self._needed])
            start += self._needed
            self._needed = _LENGTH.size
        self._rest = bytearray(view[start:])
        return messages


class Channel:
    """One non-blocking connection of a process that serves many.

    Args:
        sock: a connected stream socket.
        pending: a list that the channel joins when it has something to send, so that nobody need look for it.
    """

    def __init__(self, sock: socket.socket, pending: list["Channel"] | None = None) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.owner: object = None
        self.pending = [] if pending is None else pending
        self.closed = False
        self.blocked = False  # the socket is full; `loop` waits until it is writable
        self._reader = FrameReader()
        self._outbox: list[Message] = []
        self._unsent = memoryview(b"")

    def belongs_to(self, owner: object) -> None:
        """Keep what the process that serves this connection wants to find here."""
        self.owner = owner

    def fileno(self) -> int:
        """For selectors."""
        return self.sock.fileno()

    def send(self, message: Message) -> None:
        """Put a message into the outbox; `flush` sends it."""
        if not self._outbox:
            self.pending.append(self)
        self._outbox.append(message)

    def receive(self) -> list[Message]:
        """The messages that have arrived; sets `closed` at the end of the stream."""
        try:
            data = self.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return []
        return self._reader.feed(data)

    def has_input(self) -> bool:
        """Whether something has arrived that was not received yet."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def flush(self) -> bool:
        """Send as much as the socket takes now; return whether everything is gone (else it is `blocked`)."""
        if self.closed:
            self._outbox.clear()
            return True
        while self._unsent or self._outbox:
            if not self._unsent:  # encode only what can go out: a backlog stays a list, not a growing copy
                self._unsent = memoryview(frame(self._outbox))
                self._outbox.clear()
            try:
                sent = self.sock.send(self._unsent)
            except BlockingIOError:
                self.blocked = True
                return False
            except OSError:  # the other side is gone; reading will notice
                self._unsent = memoryview(b"")
                break
            self._unsent = self._unsent[sent:]
        self.blocked = False
        return True

    def finish(self) -> None:
        """Send all that is left, however long it takes, and close the socket."""
        if not self.closed:
            self.sock.setblocking(True)
            self.flush()
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self.closed = True
        self.sock.close()
