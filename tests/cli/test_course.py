"""Handing out lessons: what the learner changed is never touched, all else is kept up to date."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_page import notebook
from minray.cli import course
from minray.cli.course import Action, copy_to, decide

VERSIONS = st.sampled_from(["first", "second", "the learner's"])


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course of the test's own."""
    folder = tmp_path / "shipped"
    for kind in course.KINDS:
        (folder / kind).mkdir(parents=True)
    (folder / "notebooks" / "01_tasks.ipynb").write_text("first")
    (folder / "solutions" / "01_tasks.ipynb").write_text("solved")
    (folder / "images" / "tasks.png").write_bytes(b"\x89PNG")
    (folder / "notebooks" / "__pycache__").mkdir()
    monkeypatch.setattr(course, "source", lambda kind: folder / kind)
    return folder


@given(shipped=VERSIONS, present=st.none() | VERSIONS, handed_out=st.none() | VERSIONS)
def test_only_what_was_handed_out_unchanged_is_ever_replaced(
    shipped: str, present: str | None, handed_out: str | None
) -> None:
    action = decide(shipped, present, handed_out)
    if action is Action.COPY:
        assert present is None or present == handed_out
    if action is Action.LEAVE:
        assert present == shipped


def test_all_parts_of_the_course_arrive_and_nothing_else(shipped: Path, tmp_path: Path) -> None:
    copied = copy_to(tmp_path / "mine")
    assert copied.kept == []
    arrived = {path.relative_to(tmp_path / "mine").as_posix() for path in (tmp_path / "mine").rglob("*.*")}
    assert arrived - {".minray", ".minray/copied.json"} == {
        *("notebooks/01_tasks.ipynb", "solutions/01_tasks.ipynb", "images/tasks.png"),
    }


def test_a_changed_notebook_is_kept_and_named(shipped: Path, tmp_path: Path) -> None:
    copy_to(tmp_path)
    mine = tmp_path / "notebooks" / "01_tasks.ipynb"
    mine.write_text("my own answer")
    assert copy_to(tmp_path).kept == [Path("notebooks/01_tasks.ipynb")]
    assert mine.read_text() == "my own answer"


def test_a_changed_notebook_is_kept_when_a_newer_one_is_shipped(shipped: Path, tmp_path: Path) -> None:
    copy_to(tmp_path)
    mine = tmp_path / "notebooks" / "01_tasks.ipynb"
    mine.write_text("my own answer")
    (shipped / "notebooks" / "01_tasks.ipynb").write_text("second")
    for _ in range(2):
        assert copy_to(tmp_path).kept == [Path("notebooks/01_tasks.ipynb")]
    assert mine.read_text() == "my own answer"


def test_an_untouched_notebook_is_replaced_by_a_newer_one(shipped: Path, tmp_path: Path) -> None:
    copy_to(tmp_path)
    (shipped / "notebooks" / "01_tasks.ipynb").write_text("second")
    assert copy_to(tmp_path).kept == []
    assert (tmp_path / "notebooks" / "01_tasks.ipynb").read_text() == "second"


def test_opening_a_notebook_is_no_change_but_running_or_editing_it_is() -> None:
    shipped = json.loads(notebook("1 + 1"))
    opened = shipped | {"metadata": {"language_info": {"version": "3.11"}}}
    (cell,) = shipped["cells"]
    ran = shipped | {
        "cells": [cell | {"outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}]}]
    }
    edited = shipped | {"cells": [cell | {"source": "1 + 2"}]}
    same, *others = (course.digest(json.dumps(version).encode()) for version in (opened, ran, edited))
    assert same == course.digest(json.dumps(shipped, indent=1).encode())
    assert same not in others


def test_fresh_puts_a_new_copy_beside_each_changed_one(shipped: Path, tmp_path: Path) -> None:
    copy_to(tmp_path)
    mine = tmp_path / "notebooks" / "01_tasks.ipynb"
    mine.write_text("my own answer")
    first = copy_to(tmp_path, fresh=True).fresh
    assert first == {Path("notebooks/01_tasks.ipynb"): Path("notebooks/01_tasks-fresh.ipynb")}
    (tmp_path / "notebooks" / "01_tasks-fresh.ipynb").write_text("my second answer")
    second = copy_to(tmp_path, fresh=True).fresh
    assert second == {Path("notebooks/01_tasks.ipynb"): Path("notebooks/01_tasks-fresh-2.ipynb")}
    texts = [path.read_text() for path in sorted((tmp_path / "notebooks").iterdir())]
    assert texts == ["first", "my second answer", "my own answer"]


def test_a_folder_of_the_same_name_in_site_packages_is_not_taken_for_the_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "minray").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(course, "PACKAGE", tmp_path / "minray")
    with pytest.raises(FileNotFoundError, match="Install minray again"):
        course.source("notebooks")


def test_a_lesson_is_found_by_its_number() -> None:
    assert course.lesson(1).startswith("01_")
    with pytest.raises(LookupError, match=r"no lesson 99. There are: 00_"):
        course.lesson(99)
