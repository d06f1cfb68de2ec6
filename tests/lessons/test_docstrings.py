"""`docs` shows docstrings, and links to Ray's pages; every lesson ends with it."""

import json
import re
from pathlib import Path

import pytest

from minray.lessons import docs

SOLUTIONS = Path(__file__).parents[2] / "solutions"
RAYS_PAGES = "https://docs.ray.io/en/latest"
LESSONS = sorted(path.name for path in SOLUTIONS.glob("*.ipynb"))


def test_a_name_is_shown_with_its_parameters_its_docstring_and_a_link() -> None:
    shown = docs("ray.get", "ray.util.state.list_workers")._repr_html_()
    assert "ray.get(object_refs, *, timeout=None)" in shown
    assert "Wait for values and return them." in shown
    assert f'href="{RAYS_PAGES}/ray-core/api/doc/ray.get.html"' in shown
    assert "ray-observability/reference/doc/ray.util.state.list_workers.html" in shown


def test_parameters_that_are_nobodys_business_are_left_out() -> None:
    assert "ray.put(value)" in docs("ray.put")._repr_html_()


def test_what_only_the_course_has_gets_no_link() -> None:
    assert "href" not in docs("lessons.check", "ray.get_dashboard_url")._repr_html_()


def test_without_a_front_end_there_is_a_line_for_each() -> None:
    first, second, last = repr(docs("ray.get", "ray.put")).splitlines()
    assert first == "ray.get: Wait for values and return them."
    assert second.startswith("ray.put: ")
    assert "help" in last


def test_what_a_docstring_says_cannot_become_markup() -> None:
    shown = docs("ray.init", "ray.remote", "ray.wait")._repr_html_()
    assert "<" not in re.sub(r"</?(details|summary|code|pre|p|a)\b[^>]*>", "", shown)


@pytest.mark.parametrize("name", ["ray.gett", "numpy.array", "ray", ""])
def test_a_name_that_does_not_exist_is_said(name: str) -> None:
    with pytest.raises(ValueError, match="There is no"):
        docs(name)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_ends_with_what_it_met(lesson: str) -> None:
    cells = json.loads((SOLUTIONS / lesson).read_text())["cells"]
    call = "".join(cells[-1]["source"])
    assert "docs(" in call
    names = re.findall(r'"([\w.]+)"', call)
    assert len(names) >= 3
    assert all(entry.text for entry in docs(*names).entries)
