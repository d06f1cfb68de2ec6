"""When the user is told of spilling: decided purely."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minray.object_store import spill_notice
from minray.object_store.spill_notice import SpillNotice, first_notice


@given(sizes=st.lists(st.integers(0, 10_000), max_size=50), first=st.integers(1, 5_000))
def test_lines_come_when_the_amount_has_doubled_and_not_more_often(sizes: list[int], first: int) -> None:
    notice, told, total = SpillNotice(first), [], 0
    for size in sizes:
        notice.spilled(size)
        total += size
        if notice.take():
            told.append(total)
    assert len(told) <= max(total // first, 1).bit_length()
    assert bool(told) == (total >= first)


def test_zero_is_silence() -> None:
    notice = SpillNotice(0)
    notice.spilled(2**50)
    assert notice.take() == ""


@pytest.mark.parametrize(("wanted", "size"), [("17", 17), ("0", 0), ("", 2 * 1024**3), ("x", 2 * 1024**3)])
def test_the_first_line_comes_when_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, wanted: str, size: int
) -> None:
    monkeypatch.setenv("RAY_verbose_spill_logs", wanted)
    assert first_notice() == size


def test_the_example_in_its_documentation_is_true() -> None:
    assert doctest.testmod(spill_notice).failed == 0
