"""Frames and channels: bytes in any pieces become the same messages, and nobody is ever blocked."""

import socket
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.wire.messages import Notice, PutObject, Unblocked
from minray.wire.rpc import Channel, FrameReader, encode, frame

batches = st.lists(
    st.lists(
        st.builds(Notice, st.text(max_size=300))
        | st.builds(PutObject, st.binary(), st.binary(max_size=3000), st.just(()))
        | st.just(Unblocked()),
        max_size=4,
    ),
    max_size=5,
)


def fed(pieces: list[bytes]) -> list[Any]:
    """What a reader makes of these pieces."""
    reader = FrameReader()
    return [message for piece in pieces for message in reader.feed(piece)]


# --- frames ------------------------------------------------------------------------------------------


def test_a_frame_is_its_length_and_its_payload() -> None:
    message = Notice("hello")
    assert frame([message]) == len(encode([message])).to_bytes(4, "big") + encode([message])


@given(batches, st.data())
def test_a_stream_cut_anywhere_gives_each_message_as_soon_as_its_last_byte_is_there(
    sent: list[list[Any]], data: st.DataObject
) -> None:
    """None may be held back until bytes of the next one come, which may never be sent."""
    frames = [frame(batch) for batch in sent]
    stream = b"".join(frames)
    reader = FrameReader()
    received: list[Any] = []
    start = 0
    while start < len(stream):
        end = start + data.draw(st.integers(1, len(stream) - start))
        received += reader.feed(stream[start:end])
        start = end
        ends = list(accumulate(map(len, frames)))
        assert received == [
            message for batch, at in zip(sent, ends, strict=True) if at <= end for message in batch
        ]


def test_a_stream_of_single_bytes_gives_the_same_messages() -> None:
    sent: list[Any] = [Notice("a" * 500), Unblocked(), Notice("b")]
    stream = b"".join(frame([message]) for message in sent)
    assert fed([stream[place : place + 1] for place in range(len(stream))]) == sent


@pytest.mark.parametrize("head", [1, 2, 3])
def test_a_short_message_after_a_long_one_is_not_held_back(head: int) -> None:
    long, short = Notice("long " * 100), Notice("short")
    reader = FrameReader()
    following = frame([short])
    assert reader.feed(frame([long]) + following[:head]) == [long]
    assert reader.feed(following[head:]) == [short]


# --- channels ----------------------------------------------------------------------------------------


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Two channels that are connected."""
    here, there = map(Channel, socket.socketpair())
    yield here, there
    here.close()
    there.close()


def test_what_is_sent_is_received_after_a_flush(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    here.send(Notice("one"))
    here.send(Notice("two"))
    assert here.pending == [here], "it has joined the list of those with something to send, once"
    assert there.receive() == []
    assert here.flush()
    assert there.receive() == [Notice("one"), Notice("two")]


def test_receiving_when_there_is_nothing_does_not_wait(ends: tuple[Channel, Channel]) -> None:
    assert ends[0].receive() == []
    assert not ends[0].closed


def test_flushing_nothing_is_done_at_once(ends: tuple[Channel, Channel]) -> None:
    assert ends[0].flush()
    assert ends[1].receive() == []


def test_two_sides_that_both_send_more_than_fits_do_not_block_each_other(
    ends: tuple[Channel, Channel],
) -> None:
    """The deadlock of blocking writes: both sides are full, and neither reads before it has written."""
    sent = [Notice(str(number) * 1000) for number in range(3000)]
    for end in ends:
        for message in sent:
            end.send(message)
        assert not end.flush(), "several megabytes do not fit into a socket"
    received: tuple[list[Any], list[Any]] = ([], [])
    all_sent = [False, False]
    while not all(all_sent) or min(map(len, received)) < len(sent):
        for place, (end, messages) in enumerate(zip(ends, received, strict=True)):
            messages += end.receive()
            all_sent[place] = end.flush()
    assert received == (sent, sent)


def test_messages_sent_while_the_socket_is_full_come_later_and_in_order(
    ends: tuple[Channel, Channel],
) -> None:
    here, there = ends
    first = [Notice(f"{number} " * 500) for number in range(1000)]
    for message in first:
        here.send(message)
    assert not here.flush()
    here.send(Notice("last"))
    received: list[Any] = []
    while not received or received[-1] != Notice("last"):
        received += there.receive()
        here.flush()
    assert received == [*first, Notice("last")]


def test_the_end_of_the_other_side_is_noticed_when_reading(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    there.send(Notice("last words"))
    there.flush()
    there.close()
    assert here.receive() == [Notice("last words")]
    assert not here.closed
    assert here.receive() == []
    assert here.closed


def test_sending_to_somebody_who_is_gone_is_harmless(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    there.close()
    for _ in range(2):
        here.send(Notice("hello?"))
        assert here.flush(), "nothing is kept for it"


def test_a_closed_channel_sends_nothing_and_keeps_nothing(ends: tuple[Channel, Channel]) -> None:
    here, _ = ends
    here.close()
    here.send(Notice("too late"))
    assert here.flush()
