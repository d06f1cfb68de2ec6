"""What leaves a process: news before the message after them, bursts together, answers to their askers."""

import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from minray.core_worker.connection import Connection
from minray.core_worker.outbox import LiveReferences, Outbox
from minray.wire.config import BURST_MESSAGES
from minray.wire.messages import AddRows, DropReferences, HoldReferences, Message, Notice, Query, Reply
from minray.wire.rpc import Channel, frame


class Sender:
    """An outbox and the scheduler's end of its connection."""

    def __init__(self) -> None:
        own, there = socket.socketpair()
        self.channel = Channel(there)
        self.connection = Connection(own, {}, deque[Any]().append, str)
        self.outbox = Outbox(self.connection, LiveReferences(lambda key: None, self.connection.nudge))
        self.connection.handle(Reply, self.outbox.on_reply)

    def sent(self) -> list[Message]:
        """What has come out since the last time, with calls of `get` and `wait` left out."""
        return [message for message in self.channel.receive() if not isinstance(message, AddRows)]


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.connection.close()
    sender.channel.close()


def test_news_go_before_the_message_that_follows_them(sender: Sender) -> None:
    ref = sender.outbox.load_ref(b"a")
    sender.outbox.send(Notice("first"))
    del ref
    sender.outbox.send(Notice("second"))
    assert sender.sent() == [
        HoldReferences((b"a",)),
        Notice("first"),
        DropReferences((b"a",)),
        Notice("second"),
    ]


def test_what_is_postponed_goes_with_the_next_message_in_the_order_of_events(sender: Sender) -> None:
    sender.outbox.postpone(Notice("first"))
    ref = sender.outbox.load_ref(b"a")
    assert sender.sent() == []
    sender.outbox.send(Notice("second"))
    assert sender.sent() == [Notice("first"), HoldReferences((b"a",)), Notice("second")]
    del ref


def test_flushing_sends_what_there_is_and_nothing_twice(sender: Sender) -> None:
    sender.outbox.postpone(Notice("once"))
    sender.outbox.flush()
    sender.outbox.flush()
    assert sender.sent() == [Notice("once")]


def test_flushing_messages_leaves_mere_news_for_later(sender: Sender) -> None:
    ref = sender.outbox.load_ref(b"a")
    sender.outbox.flush_messages()
    assert sender.sent() == []
    sender.outbox.flush()
    assert sender.sent() == [HoldReferences((b"a",))]
    del ref


def test_messages_that_follow_each_other_closely_go_together(sender: Sender) -> None:
    texts = [str(number) for number in range(BURST_MESSAGES + 2)]
    for text in texts:
        sender.outbox.post(Notice(text), 5.0)
    sender.outbox.flush()
    assert sender.sent() == [Notice(text) for text in texts]


class Notes:
    """Somewhere else where finalizers leave notes."""

    has_news = True

    def take_news(self, news: list[Message]) -> None:
        news.append(Notice("note"))


def test_another_source_of_news_is_listened_to_once(sender: Sender) -> None:
    notes = Notes()
    sender.outbox.listen_to(notes)
    sender.outbox.listen_to(notes)
    sender.outbox.send(Notice("message"))
    assert sender.sent() == [Notice("note"), Notice("message")]


def test_an_answer_goes_to_its_question(sender: Sender) -> None:
    sender.channel.sock.sendall(frame([Reply(2, "second", ""), Reply(1, "first", "")]))
    assert sender.outbox.request(lambda number: Query(number, "a")) == "first"
    assert sender.outbox.request(lambda number: Query(number, "b")) == "second"
    assert sender.sent() == [Query(1, "a"), Query(2, "b")]
