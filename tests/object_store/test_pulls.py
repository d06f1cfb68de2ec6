"""Pulls: one copy a node, however many wait; another holder if one fails; an end if the object is lost."""

from collections import defaultdict
from typing import Any

from fake_node import FakeChannel
from minray.object_store.pulls import Pulls
from minray.object_store.room import Place, StoreLog, StoreRoom
from minray.wire.messages import Holders, Reply

NAME = b"x" * 28


class Waiting:
    """A process that needs an object."""

    task_number = None

    def __init__(self) -> None:
        self.channel = FakeChannel()
        self.creating: dict[bytes, str] = {}


class Puller:
    """A node that needs objects, and says which it has been asked to look up."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        log = StoreLog(self.rows, self, 1)
        self.room = StoreRoom(1000, log, lambda old, new: False)
        self.looked_up: list[tuple[bytes, tuple[str, ...]]] = []
        self.copied: list[Place] = []
        self.wanted = True
        self.pulls = Pulls(self.room, log, lambda *what: self.looked_up.append(what), self.on_copied)

    def on_copied(self, place: Place) -> bool:
        self.copied.append(place)
        return self.wanted

    def want(self, request: int) -> Waiting:
        client = Waiting()
        self.pulls.want(client, request, NAME)
        return client

    def found(self, *holders: tuple[int, str, str]) -> None:
        self.pulls.found(Holders(NAME, 100, holders))
        self.room.settle(lambda segment: True)

    def end(self, outcome: str = "") -> None:
        (job,) = self.pulls.take_jobs()
        self.pulls.done(job, outcome, 1.0, 2.0)


def answers(client: Waiting) -> list[Any]:
    return [reply.value for reply in client.channel.all(Reply)]


def test_an_object_is_copied_once_for_all_who_want_it() -> None:
    node = Puller()
    clients = [node.want(request) for request in (1, 2, 3)]
    assert node.looked_up == [(NAME, ())]
    node.found((2, "socket", "2.1"))
    node.end()
    (place,) = node.copied
    assert [answers(client) for client in clients] == [[place]] * 3
    assert node.room.book.used == 100


def test_when_a_holder_fails_the_next_is_tried_in_the_same_room() -> None:
    node = Puller()
    client = node.want(1)
    node.found((2, "socket 2", "2.1"), (3, "socket 3", "3.1"))
    node.end("it broke off")
    node.end()
    assert answers(client) == [node.copied[0]]
    outcomes = [(row[1], row[-1]) for row in node.rows["transfers"]]
    assert outcomes == [(2, "it broke off"), (3, "")]


def test_when_all_holders_have_failed_the_object_is_looked_up_again_without_them() -> None:
    node = Puller()
    client = node.want(1)
    node.found((2, "socket 2", "2.1"))
    node.end("gone")
    assert node.looked_up[-1] == (NAME, ("2.1",))
    node.found((3, "socket 3", "3.1"))
    node.end()
    assert answers(client) == [node.copied[0]]


def test_those_who_wait_for_a_lost_object_are_told_and_its_room_is_free_again() -> None:
    node = Puller()
    client = node.want(1)
    node.found((2, "socket 2", "2.1"))
    node.end("gone")
    node.found()
    assert answers(client) == [None]
    assert node.room.book.used == 0
    assert not len(node.pulls)


def test_a_copy_that_nobody_needs_any_more_is_dropped() -> None:
    node = Puller()
    node.wanted = False
    client = node.want(1)
    node.found((2, "socket", "2.1"))
    node.end()
    assert answers(client) == [None]
    assert node.room.book.used == 0


def test_an_object_that_will_be_needed_is_copied_before_somebody_waits_for_it() -> None:
    node = Puller()
    node.pulls.fetch(NAME)
    node.pulls.fetch(NAME)
    assert node.looked_up == [(NAME, ())]
    node.found((2, "socket", "2.1"))
    late = node.want(1)
    node.end()
    assert [answers(late), len(node.pulls)] == [[node.copied[0]], 0]
