"""The loop: what comes is read, what waits is sent, and who leaves is told of once."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from minray.wire.loop import Loop
from minray.wire.messages import Message, Notice
from minray.wire.rpc import Channel


class Server:
    """A process that keeps what it is told, by connection, and who has left."""

    def __init__(self, path: Path) -> None:
        self.loop = Loop()
        self.channels: list[Channel] = []
        self.said: list[tuple[int, Message]] = []
        self.left: list[int] = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.loop.listen(self.listener, self.on_connected)

    def on_connected(self, channel: Channel) -> None:
        number = len(self.channels)
        self.channels.append(channel)
        self.loop.serve(channel, number, lambda *said: self.said.append(said), self.left.append)

    def connect(self, path: Path) -> Channel:
        """Somebody connects; return the other side's end."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(path))
        self.loop.take_in(self.loop.wait(0))
        return Channel(sock)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "s")
    yield made
    made.listener.close()
    for channel in made.channels:
        channel.close()


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[Channel]:
    """A process that is connected to the server."""
    channel = server.connect(tmp_path / "s")
    yield channel
    channel.close()


def say(client: Channel, *texts: str) -> None:
    for text in texts:
        client.send(Notice(text))
    client.flush()


def test_each_message_is_taken_in_with_whom_it_is_from(
    server: Server, client: Channel, tmp_path: Path
) -> None:
    other = server.connect(tmp_path / "s")
    say(other, "two")
    say(client, "one", "more")
    server.loop.take_in(server.loop.wait(0))
    other.close()
    assert sorted(server.said) == [(0, Notice("more")), (0, Notice("one")), (1, Notice("two"))]


def test_who_leaves_is_told_of_once_after_what_it_said(server: Server, client: Channel) -> None:
    say(client, "last words")
    client.close()
    server.loop.take_in(server.loop.wait(0))
    assert (server.said, server.left) == ([(0, Notice("last words"))], [])
    server.loop.take_in(server.loop.wait(0))
    assert server.left == [0]
    assert server.loop.wait(0) == []
    server.loop.read_rest(server.channels[0])
    assert server.left == [0]


def test_what_a_process_said_before_it_died_can_be_read_at_once(server: Server, client: Channel) -> None:
    say(client, "last words")
    client.close()
    ready = server.loop.wait(0)
    server.loop.read_rest(server.channels[0])
    assert server.said == [(0, Notice("last words"))]
    server.loop.take_in(ready)  # its turn comes all the same
    server.loop.take_in(server.loop.wait(0))
    assert server.left == [0]


def test_what_does_not_fit_is_sent_when_the_other_side_has_read(server: Server, client: Channel) -> None:
    (channel,) = server.channels
    sent = [Notice(str(number) * 1000) for number in range(3000)]
    for message in sent:
        channel.send(message)
    server.loop.flush_all()
    assert channel.blocked
    assert server.loop.pending == []
    received: list[Message] = []
    while len(received) < len(sent):
        received += client.receive()
        server.loop.take_in(server.loop.wait(0))
        server.loop.flush_all()
    assert received == sent
    assert not channel.blocked
    assert server.loop.wait(0) == [], "it is not woken by a socket that is writable any more"


def test_any_other_socket_is_read_by_whoever_knows_it(server: Server) -> None:
    here, there = socket.socketpair()
    with here, there:
        server.loop.on_input(here, server.loop.stop)
        server.loop.take_in(server.loop.wait(0))
        assert server.loop.running
        there.close()
        server.loop.take_in(server.loop.wait(0))
        assert not server.loop.running


def test_the_last_words_of_a_channel_are_sent_before_it_closes() -> None:
    here, there = map(Channel, socket.socketpair())
    here.send(Notice("good-bye"))
    here.finish()
    here.finish()
    assert there.receive() == [Notice("good-bye")]
    there.close()
