"""The thirteen steps of a real run, as scenes, pictures and a player.

With MINRAY_UPDATE_IMAGES=1 (``make images``) the pictures are written to images/, as SVG and as PNG.
"""

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from minray.lessons.hood import cluster_picture, under_the_hood
from minray.lessons.hood.player import Player, play
from minray.lessons.hood.scenes import scenes, store
from minray.lessons.hood.under_the_hood import GET, PULL_ENDS, SEAL, Places, Step, Story
from runtime_tools import session

IMAGES = Path(__file__).parents[2] / "images"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def stories() -> dict[tuple[int, int, int], Story]:
    """Runs with the tasks on several nodes."""
    with session(num_nodes=3, num_cpus=2):
        places = [(0, 1, 0), (1, 2, 1), (0, 0, 0)]
        return {place: under_the_hood.run(200_000, place) for place in places}


def test_each_of_the_thirteen_steps_has_the_events_that_it_tells(
    stories: dict[tuple[int, int, int], Story],
) -> None:
    told = scenes(stories[0, 1, 0])
    assert [scene.number for scene in told] == list(range(1, 14))
    assert all(scene.rows for scene in told[2:])
    assert {(step.what, step.name) for step in told[6].rows} == {(SEAL, "first"), (SEAL, "second")}
    assert told[12].rows[-1].what == GET


def test_what_is_copied_is_told_where_it_happens(stories: dict[tuple[int, int, int], Story]) -> None:
    told = scenes(stories[0, 1, 0])
    copied = [step for step in told[9].rows if step.what == PULL_ENDS]
    assert [step.name for step in copied] == ["second"]
    assert f"{copied[0].size:,} bytes" in told[9].caption
    assert told[9].arrows == ((store(1), store(0), "second"),)
    assert dict(told[9].stored)[0] == ("first", "second (copy)")


def test_without_copies_the_steps_say_so(stories: dict[tuple[int, int, int], Story]) -> None:
    told = scenes(stories[0, 0, 0])
    assert "nothing has to be copied" in told[9].caption
    assert told[9].arrows == ()


def test_a_result_on_another_node_comes_to_the_driver_by_way_of_its_own_store(
    stories: dict[tuple[int, int, int], Story],
) -> None:
    last = scenes(stories[1, 2, 1])[-1]
    assert [arrow[:2] for arrow in last.arrows] == [(store(1), store(0)), (store(0), "driver")]


def test_a_story_without_events_is_told_without_them() -> None:
    bare = scenes(Story((), None, Places()))  # type: ignore[arg-type]
    assert len(bare) == 13
    assert [cluster_picture.svg(scene) for scene in bare]


@pytest.mark.parametrize("place", [(0, 1, 0), (1, 2, 1), (0, 0, 0)])
def test_each_picture_is_sound_and_says_in_words_what_it_shows(
    stories: dict[tuple[int, int, int], Story], place: tuple[int, int, int]
) -> None:
    for scene in scenes(stories[place]):
        picture = ET.fromstring(cluster_picture.svg(scene))
        assert picture.findtext(f"{SVG}desc") == scene.text
        assert picture.get("role") == "img"
        ids = [element.get("id") for element in picture.iter() if element.get("id")]
        assert len(ids) == len(set(ids))


def test_names_cannot_become_markup() -> None:
    row = Step(0.0, "<b>submit</b>", "first", 0)
    scene = scenes(Story((row,), None, Places()))[2]  # type: ignore[arg-type]
    assert "<b>" not in cluster_picture.html(scene)


def test_the_player_goes_where_it_is_told_and_not_beyond(stories: dict[tuple[int, int, int], Story]) -> None:
    player = Player(scenes(stories[0, 1, 0]))
    widget = player.widget()
    picture = widget.children[1]
    slider = widget.children[0].children[1]
    slider.value = 10
    assert player.step == 10
    assert "copied between nodes" in picture.value
    player.step = 99
    assert player.step == 13
    assert "13. get" in picture.value
    assert slider.value == 13


def test_without_widgets_the_story_is_told_in_words(
    stories: dict[tuple[int, int, int], Story], capsys: pytest.CaptureFixture[str]
) -> None:
    play(stories[0, 1, 0])
    assert capsys.readouterr().out.count("Step ") == 13


def test_all_pictures_can_be_drawn_by_a_browser(
    browser: Browser, stories: dict[tuple[int, int, int], Story]
) -> None:
    page = browser.new_page(viewport={"width": 900, "height": 470}, device_scale_factor=2)
    for scene in scenes(stories[0, 1, 0]):
        svg = cluster_picture.svg(scene)
        page.set_content(f'<body style="margin:0;background:white">{svg}</body>')
        drawn = page.locator("svg").screenshot()
        assert drawn.startswith(b"\x89PNG")
        if os.environ.get("MINRAY_UPDATE_IMAGES"):
            name = f"under-the-hood-{scene.number:02d}"
            (IMAGES / f"{name}.png").write_bytes(drawn)
            (IMAGES / f"{name}.svg").write_text(svg + "\n", "utf-8")
    page.context.close()


def test_the_pictures_in_the_folder_are_those_of_the_thirteen_steps() -> None:
    for number in range(1, 14):
        for suffix in ("svg", "png"):
            assert (IMAGES / f"under-the-hood-{number:02d}.{suffix}").is_file()
