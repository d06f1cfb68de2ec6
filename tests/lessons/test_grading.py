"""`minray check`: a class's notebooks are graded, and none of them can harm another, or the table."""

import ast
import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from minray.lessons.teachers.points import (
    Mark,
    Question,
    Sheet,
    as_csv,
    as_html,
    lesson_like,
    questions_of,
    to_run,
)

ROOT = Path(__file__).parents[2]
LESSON = "00_start_here"
RIGHT = {
    "exercise-0a-answer": "def greet(name):\n    return ray.get(greeting.remote(name))",
    "exercise-0b-answer": (
        "def sum_of_halves(numbers):\n    return sum(ray.get([half.remote(n) for n in numbers]))"
    ),
}


def handed_out(lesson: str = LESSON) -> Any:  # noqa: ANN401 - a notebook node
    return nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)


def short_of(notebook: Any) -> Any:  # noqa: ANN401
    """The lesson without its experiments, which would only take time here."""
    keep = ("imports", "exercise-0")
    notebook.cells = [cell for cell in notebook.cells if cell.id.startswith(keep)]
    return notebook


def write(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A learner's copy: all answers right, then changed."""
    notebook = short_of(handed_out())
    cells = {cell.id: cell for cell in notebook.cells}
    for name, source in RIGHT.items():
        cells[name].source = source
    change(cells)
    notebook.cells = [cell for cell in notebook.cells if cell.id in cells]
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def becomes(name: str, source: str) -> Callable[[dict[str, Any]], None]:
    def change(cells: dict[str, Any]) -> None:
        cells[name].source = source

    return change


LEARNERS = {
    "ada": lambda cells: None,
    "bob": becomes("exercise-0a-run", "exit()"),
    "cal": becomes("exercise-0b-answer", "def sum_of_halves(numbers):\n    while True:\n        pass"),
    "dan": becomes("exercise-0a-answer", "greet = bytearray(3_000_000_000)"),
    "eve": lambda cells: cells.pop("exercise-0a-check"),
    "fay": becomes(
        "exercise-0a-check", 'verdict = check("0a", greet)\nprint("passed")\nimport os; os._exit(1)'
    ),
    "gus": becomes("exercise-0b-answer", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The table of a class, by learner."""
    folder = tmp_path_factory.mktemp("class")
    for name, change in LEARNERS.items():
        write(folder / name / f"{LESSON}.ipynb", change)
    (folder / "hal.ipynb").write_text("{ no notebook")
    nbformat.write(nbformat.v4.new_notebook(), folder / "ivy.ipynb")
    before = {process.pid for process in psutil.process_iter()}
    argv = [
        "check",
        str(folder),
        "--output",
        str(folder / "out"),
        "--cell-seconds",
        "8",
        "--megabytes",
        "2000",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "minray", *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours = [p for p in psutil.process_iter(["cmdline"]) if p.pid not in before and "minray" in str(p.info)]
    assert ours == []
    assert "<h1>Points</h1>" in (folder / "out" / "grades.html").read_text()
    with open(folder / "out" / "grades.csv", newline="") as file:
        return {Path(row["notebook"]).parts[0]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("learner", "first", "second"),
    [
        ("ada", "1", "1"),
        ("bob", "1", "1"),
        ("cal", "1", "0"),
        ("dan", "0", "1"),
        ("eve", "1", "1"),
        ("fay", "1", "1"),
        ("gus", "1", "0"),
    ],
)
def test_everybody_gets_the_points_that_they_earned(
    table: dict[str, dict[str, str]], learner: str, first: str, second: str
) -> None:
    row = table[learner]
    assert (row["exercise 0a"], row["exercise 0b"]) == (first, second), row


def test_what_is_no_notebook_of_the_course_is_in_the_table_with_a_note(
    table: dict[str, dict[str, str]],
) -> None:
    assert "can be read" in table["hal.ipynb"]["note"]
    assert "no lesson" in table["ivy.ipynb"]["note"]
    assert "ended the kernel" in table["gus"]["note"]


def test_a_folder_without_notebooks_is_said_to_be_one(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "minray", "check", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no notebook" in done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_check_of_every_lesson_is_found(path: Path) -> None:
    questions = questions_of(handed_out(path.stem))
    assert len(questions) >= 2
    assert len({question.number for question in questions}) == len(questions)


def test_a_copy_is_recognized_by_its_cells_and_not_by_its_name() -> None:
    lessons = {stem: handed_out(stem) for stem in ("00_start_here", "01_tasks")}
    assert lesson_like(short_of(handed_out()), lessons) == LESSON
    assert lesson_like(nbformat.v4.new_notebook(), lessons) == ""


def test_a_check_that_a_learner_removed_comes_at_the_end() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = 1", id="a")])
    cells = to_run(notebook, [Question("1", "squares", "gone")], "token")
    assert [number for _, number in cells] == ["", "1"]
    assert "squares" in cells[1][0]


def test_text_of_learners_cannot_become_markup_or_columns() -> None:
    mark = Mark(0, "<script>", "<b>")
    sheet = Sheet("<i>,\n.ipynb", "00", {"0a": mark}, "a,b")
    assert "<script>" not in as_html([sheet])
    assert "<i>" not in as_html([sheet])
    assert next(csv.DictReader(as_csv([sheet]).splitlines(keepends=True)))["notebook"] == sheet.notebook


def test_the_graders_cells_leave_the_learners_names_alone() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("report = 1", id="a")])
    [(_, _), (cell, _)] = to_run(notebook, [Question("11", "serve", "gone")], "token")
    names = {name.id for name in ast.walk(ast.parse(cell)) if isinstance(name, ast.Name)}
    imports = [node for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Import)]
    bound = {alias.asname for node in imports for alias in node.names}
    assert bound == {"_minray_report"}
    assert names == {"_minray_report", "globals"}


def test_the_solutions_get_all_points(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    for lesson in ("04_under_the_hood", "06_parallelism"):
        shutil.copy(ROOT / "solutions" / f"{lesson}.ipynb", folder)
    argv = [sys.executable, "-m", "minray", "check", str(folder), "--output", str(tmp_path / "out")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 of 2 points") == 2, done.stdout
