"""Pictures of schedules: sound XML, readable without seeing them, and safe whatever a task is called."""

from xml.etree import ElementTree

import pytest

from minray.lessons import simulate
from minray.lessons.figures.colours import PALETTE, FunctionColours
from minray.lessons.watching.picture import as_html, ink_on
from minray.lessons.watching.schedule import Schedule, Slot

SVG = "{http://www.w3.org/2000/svg}"


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<html>{html}</html>")


def test_a_picture_is_sound_xml_with_a_bar_for_every_task() -> None:
    root = parsed(as_html([simulate(range(1, 6), workers=2)]))
    assert len(root.findall(f".//{SVG}rect")) == 5


def test_a_screen_reader_is_told_all_that_the_picture_shows() -> None:
    plan = simulate([2, 1], workers=2)
    svg = parsed(as_html([plan])).find(f".//{SVG}svg")
    assert svg is not None
    assert svg.get("role") == "img"
    ids = {element.get("id") for element in svg.iter() if element.get("id")}
    assert set((svg.get("aria-labelledby") or "").split()) == ids
    assert svg.findtext(f"{SVG}desc") == repr(plan)


def test_the_numbers_can_be_read_in_a_table() -> None:
    root = parsed(as_html([simulate([2, 1], workers=1)]))
    rows = [[cell.text for cell in row.findall("td")] for row in root.findall(".//tbody/tr")]
    assert rows == [["worker 1", "task", "2", "0.00", "2.00"], ["worker 1", "task", "1", "2.00", "3.00"]]


def test_text_takes_the_colour_of_the_page() -> None:
    svg = parsed(as_html([simulate([1], workers=1)])).find(f".//{SVG}svg")
    assert svg is not None
    assert svg.get("fill") == "currentColor"


def test_a_name_cannot_become_markup() -> None:
    evil = '<script>alert("x")</script>&'
    slot = Slot(evil, evil, evil, 0, 5)
    html = as_html([Schedule(evil, (slot,))])
    assert "<script" not in html
    parsed(html)


def test_a_task_that_took_no_time_still_shows() -> None:
    root = parsed(as_html([simulate([0, 9], workers=1)]))
    assert [float(bar.get("width", "0")) >= 2 for bar in root.findall(f".//{SVG}rect")] == [True, True]


def test_an_empty_schedule_can_be_drawn() -> None:
    parsed(as_html([Schedule("Nothing", ())]))
    assert repr(Schedule("Nothing", ())) == "Nothing: 0.0 units in all"


def test_functions_keep_their_colours_across_the_pictures() -> None:
    one = simulate([1, 1], workers=1, names=["make", "add"])
    two = simulate([1, 1], workers=1, names=["add", "make"])
    bars = parsed(as_html([one, two])).findall(f".//{SVG}rect")
    assert [bar.get("fill") for bar in bars] == [
        FunctionColours()[name] for name in ("make", "add", "add", "make")
    ]


@pytest.mark.parametrize("colour", PALETTE)
def test_labels_can_be_read_on_every_colour(colour: str) -> None:
    def luminance(colour: str) -> float:
        shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted([luminance(colour), luminance(ink_on(colour))])
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # what WCAG asks of text


def test_a_function_has_the_same_colour_in_the_dashboard() -> None:
    from minray.dashboard.view import sight

    names = ["double_task", "make_array", "add_arrays", "square_task", "slow_value", "<lambda>"]
    for name in names:
        assert FunctionColours()[name] == sight.FunctionColours()[name]


@pytest.mark.parametrize("longest", [0.003, 0.5, 1, 7, 22, 190, 5000])
def test_the_axis_has_a_handful_of_round_numbers(longest: float) -> None:
    root = parsed(as_html([simulate([longest], workers=1)]))
    labels = [text.text for text in root.findall(f".//{SVG}svg/{SVG}text")]
    ticks = [float(label) for label in labels if label and label[0].isdigit()]
    assert ticks[0] == 0
    assert 3 <= len(ticks) <= 12
    assert max(ticks) <= longest * 1.001
