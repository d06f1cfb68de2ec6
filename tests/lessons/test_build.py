"""Exercise notebooks are made from the solutions, and both are stored clean."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

from minray.lessons.teachers import build


def cell(kind: str, source: str, *tags: str, **more: Any) -> Any:  # noqa: ANN401 - a notebook node
    make = getattr(nbformat.v4, f"new_{kind}_cell")
    return make(source, id="".join(filter(str.isalnum, source)), metadata={"tags": list(tags), **more})


def solutions() -> Any:  # noqa: ANN401
    cells = [
        cell("markdown", "# Lesson", collapsed=True),
        cell("raw", "start = 1", "starter", "exercise-1"),
        cell("code", "done = 2", "solution"),
        cell("markdown", "why", "solution"),
        cell("code", "check", "exercise-1"),
    ]
    cells[-1].execution_count = 7
    cells[-1].outputs = [nbformat.v4.new_output("stream", text="secret")]
    return nbformat.v4.new_notebook(
        cells=cells,
        metadata={"widgets": {"state": 1}, "kernelspec": {"name": "mine", "display_name": "Mine"}},
    )


def write(root: Path) -> None:
    (root / "solutions").mkdir()
    (root / "notebooks").mkdir()
    nbformat.write(solutions(), root / "solutions" / "01_x.ipynb")


def test_solutions_are_left_out_and_starters_become_code() -> None:
    made = build.exercise_of(solutions())
    assert [(c.cell_type, c.source) for c in made.cells] == [
        ("markdown", "# Lesson"),
        ("code", "start = 1"),
        ("code", "check"),
    ]


def test_outputs_counts_and_traces_of_editors_are_dropped_and_ids_and_tags_kept() -> None:
    made = build.clean(solutions())
    assert "secret" not in build.text_of(made)
    assert made.cells[-1].execution_count is None
    assert made.metadata == build.KERNEL
    assert made.cells[0].metadata == {"tags": []} or made.cells[0].metadata == {}
    assert [c.id for c in made.cells] == [c.id for c in solutions().cells]
    assert made.cells[-1].metadata.tags == ["exercise-1"]


def test_a_starter_that_would_run_in_the_solutions_is_refused() -> None:
    notebook = solutions()
    notebook.cells[1] = cell("code", "start = 1", "starter")
    with pytest.raises(ValueError, match="make it a raw cell"):
        build.exercise_of(notebook)


def test_building_twice_changes_nothing_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    assert build.main([str(tmp_path), "--check"]) == 1
    assert build.main([str(tmp_path)]) == 0
    capsys.readouterr()
    assert build.main([str(tmp_path)]) == 0
    assert build.main([str(tmp_path), "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_an_edited_exercise_notebook_is_noticed(tmp_path: Path) -> None:
    write(tmp_path)
    build.main([str(tmp_path)])
    path = tmp_path / "notebooks" / "01_x.ipynb"
    path.write_text(path.read_text().replace("start = 1", "start = 3"))
    assert build.drifted(tmp_path) == [path]


def test_an_exercise_notebook_without_a_source_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    (tmp_path / "notebooks" / "99_orphan.ipynb").write_text("{}")
    assert build.main([str(tmp_path)]) == 1
    assert "no source in solutions/" in capsys.readouterr().out


def test_a_folder_without_lessons_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([str(tmp_path)]) == 2
    assert "no notebook" in capsys.readouterr().out
