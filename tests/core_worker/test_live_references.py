"""What the scheduler is told about references, and in which order."""

import gc

from minray.core_worker.outbox import LiveReferences, ids_of
from minray.wire.messages import DropReferences, HoldReferences, Message


def test_the_first_reference_from_elsewhere_is_held_and_the_last_one_dropped() -> None:
    forgotten: list[bytes] = []
    live = LiveReferences(forgotten.append, lambda: None)
    news: list[Message] = []
    first, second = live.load(b"a", news), live.load(b"a", news)
    live.take_news(news)
    assert news == [HoldReferences((b"a",))]
    del first
    live.take_news(news)
    assert len(news) == 1, "there is another one"
    del second
    gc.collect()
    live.take_news(news)
    assert news[1:] == [DropReferences((b"a",))]
    assert forgotten == [b"a"]


def test_many_references_that_come_together_are_one_message() -> None:
    live = LiveReferences(lambda key: None, lambda: None)
    news: list[Message] = []
    refs = [live.load(str(number).encode(), news) for number in range(1000)]
    live.take_news(news)
    assert news == [HoldReferences(tuple(ids_of(refs)))]


def test_news_of_one_object_keep_their_order() -> None:
    live = LiveReferences(lambda key: None, lambda: None)
    news: list[Message] = []
    for _ in range(2):
        ref = live.load(b"a", news)
        del ref
    live.take_news(news)
    assert news == [HoldReferences((b"a",)), DropReferences((b"a",))] * 2


def test_references_made_here_need_no_message_until_they_are_gone() -> None:
    live = LiveReferences(lambda key: None, lambda: None)
    ref = live.new(b"a")
    assert not live.has_news
    assert live.are_of_this_session(ids_of([ref]))
    assert not live.are_of_this_session([b"of a session before"])
    del ref
    assert live.has_news
