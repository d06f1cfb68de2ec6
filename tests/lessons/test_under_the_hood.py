"""The scenario of the pictures happens the same way every time, and the events tell it."""

import dataclasses

import numpy as np
import pytest

from minray.lessons.hood import under_the_hood
from minray.lessons.hood.under_the_hood import FORWARD, PULL_BEGINS, SEAL, Story
from runtime_tools import session


@pytest.fixture(scope="module")
def story() -> Story:
    with session(num_nodes=3, num_cpus=2):
        return under_the_hood.run(200_000)


def test_it_happens_as_in_the_pictures_three_times_in_a_row() -> None:
    with session(num_nodes=3, num_cpus=2):
        for _ in range(3):
            story = under_the_hood.run(200_000)
            assert story.gaps() == [], [step.describe() for step in story.steps]
            assert np.array_equal(story.value, np.full(200_000, 3.0))


def test_exactly_the_second_array_is_copied(story: Story) -> None:
    copied = [(step.name, step.node) for step in story.steps if step.what == PULL_BEGINS]
    assert copied == [("second", 0)]
    assert all(step.size > 1_600_000 for step in story.steps if step.what == PULL_BEGINS)


@pytest.mark.parametrize(
    ("places", "copies"),
    [
        ((1, 2, 1), [("second", 1), ("total", 0)]),
        ((0, 0, 0), []),
        ((0, 0, 2), [("first", 2), ("second", 2), ("total", 0)]),
    ],
)
def test_on_other_nodes_other_objects_are_copied(
    places: tuple[int, int, int], copies: list[tuple[str, int]]
) -> None:
    with session(num_nodes=3, num_cpus=2):
        story = under_the_hood.run(200_000, places)
        assert story.gaps() == [], [step.describe() for step in story.steps]
        assert sorted((s.name, s.node) for s in story.steps if s.what == PULL_BEGINS) == sorted(copies)


def test_a_node_that_does_not_exist_is_refused() -> None:
    with session(num_nodes=3, num_cpus=2), pytest.raises(ValueError, match="0 to 2"):
        under_the_hood.run(200_000, (0, 1, 3))


def test_each_step_says_what_it_is(story: Story) -> None:
    said = [step.describe() for step in story.steps]
    assert said[0] == "submit first on node 1"
    assert "forward second on node 2" in said
    assert said[-1] == "get total on node 1"


def test_a_story_in_which_something_is_missing_says_what(story: Story) -> None:
    without = dataclasses.replace(story, steps=tuple(step for step in story.steps if step.what != FORWARD))
    assert "forward first on node 1 is missing" in without.gaps()


def test_a_story_in_the_wrong_order_says_so(story: Story) -> None:
    late = [
        dataclasses.replace(step, ts=step.ts + 1000) if (step.what, step.name) == (SEAL, "first") else step
        for step in story.steps
    ]
    assert "forward total came before seal first" in dataclasses.replace(story, steps=tuple(late)).gaps()


def test_it_needs_three_nodes() -> None:
    with session(num_cpus=1), pytest.raises(ValueError, match="three nodes"):
        under_the_hood.run()
