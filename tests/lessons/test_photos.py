"""Lesson 06's photo service: the classifier knows pictures that it has not seen, and e-mail stays here."""

from pathlib import Path

import pytest

from minray.lessons.photos import KINDS, Outbox, draw_photo, look_at, some_requests


def test_nearly_all_unseen_pictures_are_recognized() -> None:
    right = [look_at(draw_photo(kind, seed)) == kind for kind in KINDS for seed in range(20_000, 20_100)]
    assert sum(right) >= 0.98 * len(right)


def test_pictures_are_the_same_for_the_same_seed_and_of_all_kinds() -> None:
    requests = some_requests(6)
    assert [look_at(request.photo) for request in requests] == [*KINDS, *KINDS]
    assert (requests[1].photo == some_requests(2)[1].photo).all()


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="disc, frame, stripes"):
        draw_photo("cat", seed=1)


def test_letters_come_back_in_the_order_in_which_they_were_sent(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    for number in range(5):
        outbox.send("somebody@example.org", f"letter {number}")
    assert [letter[-1] for letter in outbox.letters()] == list("01234")
