"""The lessons themselves: no drift, nothing stored that does not belong, everything taught that has to be.

That they run from top to bottom is shown by nbval (``pytest --nbval-lax notebooks solutions``).
"""

import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import minray
from minray.lessons import check
from minray.lessons.teachers import build

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb")) + sorted((ROOT / "solutions").glob("*.ipynb"))
FITS_BESIDE_THE_DASHBOARD = 84  # characters of code that show without scrolling in half a window

COVERAGE = tomllib.loads((Path(__file__).parents[1] / "course_coverage.toml").read_text("utf-8"))
EXERCISES: list[tuple[str, int | str, str]] = [
    ("00_start_here", "0a", "greet"),
    ("00_start_here", "0b", "sum_of_halves"),
    ("01_tasks", 1, "squares"),
    ("01_tasks", "1b", "total_time"),
    ("02_futures", 2, "gather"),
    ("02_futures", 3, "squares_as_they_come"),
    ("03_granularity", 4, "remainders"),
    ("03_granularity", 5, "work_through"),
    ("04_under_the_hood", 6, "copied_bytes"),
    ("05_objects", 8, "sample_all"),
    ("05_objects", 9, "total"),
    ("06_parallelism", 10, "parallel_sum"),
    ("06_parallelism", 11, "serve"),
    ("07_actors", 12, "count_words"),
    ("07_actors", 13, "sum_of_squares"),
    ("08_failures", 14, "collect"),
    ("08_failures", 15, "fastest"),
]
# What checks say of the starters.
STARTERS_FINDINGS = {
    *("no-tasks", "no-actor", "without-the-timeout", "one-takes-all", "waited-for-all", "too-many-tasks"),
    *(
        "too-coarse",
        "stored-again-and-again",
        "a-chain",
        "get-in-the-loop",
        "other-events",
        "one-after-the-other",
    ),
}


def cells_of(path: Path) -> list[Any]:
    return list(nbformat.read(path, as_version=4).cells)


def tags_of(cell: Any) -> list[str]:  # noqa: ANN401 - a notebook node
    return list(cell.metadata.get("tags", []))


def short(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_the_exercise_notebooks_are_what_the_solutions_make_of_them() -> None:
    assert build.drifted(ROOT) == [], "run python -m minray.lessons.teachers.build"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_cells_have_names_for_ids(path: Path) -> None:
    ids = [cell.id for cell in cells_of(path)]
    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_code_fits_beside_the_dashboard(path: Path) -> None:
    lines = [
        line for cell in cells_of(path) if cell.cell_type != "markdown" for line in cell.source.splitlines()
    ]
    assert [line for line in lines if len(line) > FITS_BESIDE_THE_DASHBOARD] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_cells_are_short(path: Path) -> None:
    long = [
        cell.id for cell in cells_of(path) if cell.cell_type == "code" and len(cell.source.splitlines()) > 14
    ]
    assert long == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_links_lead_somewhere_and_nothing_is_taken_from_the_network(path: Path) -> None:
    text = "\n".join(cell.source for cell in cells_of(path))
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert [target for target in targets if not (path.parent / target).exists()] == []
    assert "://" not in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_a_lesson_says_its_goal_at_the_top_and_sums_up_at_the_end(path: Path) -> None:
    cells = [cell for cell in cells_of(path) if "solution" not in tags_of(cell)]
    assert "**Goal.**" in cells[0].source
    assert "minutes" in cells[0].source
    assert cells[-2].source.startswith("## Summary")
    assert "docs(" in cells[-1].source


@pytest.mark.parametrize(
    ("lesson", "topic", "tag"),
    [(name, *row) for name, rows in COVERAGE["topics"].items() for row in rows.items()],
)
def test_everything_that_has_to_be_taught_is(lesson: str, topic: str, tag: str) -> None:
    cells = cells_of(ROOT / "notebooks" / f"{lesson}.ipynb")
    assert any(tag in tags_of(cell) and cell.cell_type == "code" for cell in cells), topic


@pytest.mark.parametrize("row", COVERAGE["rows"], ids=lambda row: f"{row['lesson']}-{row['tags'][0]}")
def test_each_idea_of_the_seeds_is_taught_by_cells_that_run(row: dict[str, Any]) -> None:
    cells = cells_of(ROOT / "notebooks" / f"{row['lesson']}.ipynb")
    taught = {tag for cell in cells if cell.cell_type == "code" for tag in tags_of(cell)}
    assert set(row["tags"]) <= taught, row["teaches"]


def test_no_lesson_is_without_a_list_of_what_it_teaches() -> None:
    lessons = {path.stem for path in NOTEBOOKS}
    assert set(COVERAGE["topics"]) == lessons
    assert {row["lesson"] for row in COVERAGE["rows"]} | {"00_start_here"} == lessons


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_each_lesson_has_at_least_two_exercises_with_a_check(path: Path) -> None:
    checks = [cell for cell in cells_of(path) if "check" in tags_of(cell) and cell.cell_type == "code"]
    assert len(checks) >= 2


def test_every_experiment_with_a_prediction_is_compared_afterwards() -> None:
    for path in NOTEBOOKS:
        source = "\n".join(cell.source for cell in cells_of(path) if cell.cell_type == "code")
        guesses = re.findall(r"^(\w+) = predict\(", source, re.MULTILINE)
        assert guesses
        assert [guess for guess in guesses if source.count(guess) < 2] == []


@pytest.fixture(scope="module")
def lesson_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINRAY_TIME_SCALE", "0.03")
        minray.init(num_cpus=2, include_dashboard=False)
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("folders")))
        yield
        minray.shutdown()


def answer_of(lesson: str, number: int | str, name: str, *, solved: bool) -> Any:  # noqa: ANN401 - a learner's function
    """The function that an exercise's cells define, with the starter or with the solution."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells_of(ROOT / "solutions" / f"{lesson}.ipynb"):
        tags = tags_of(cell)
        is_answer = f"exercise-{number}" in tags and re.search("^(def|class) ", cell.source, re.MULTILINE)
        left_out = "solution" in tags if not solved else cell.cell_type == "raw"
        if (
            cell.id.startswith("imports") or f"for-exercise-{number}" in tags or (is_answer and not left_out)
        ) and cell.cell_type != "markdown":
            exec(compile(cell.source, f"{lesson} {cell.id}", "exec"), names)
    return names[name]


@pytest.mark.usefixtures("lesson_session")
@pytest.mark.parametrize(("lesson", "number", "name"), EXERCISES)
def test_an_unsolved_exercise_fails_kindly(lesson: str, number: int | str, name: str) -> None:
    verdict = check(number, answer_of(lesson, number, name, solved=False))
    assert not verdict.passed
    assert verdict.finding.name in STARTERS_FINDINGS
    assert repr(verdict).startswith("Not yet")


@pytest.mark.usefixtures("lesson_session")
@pytest.mark.parametrize(("lesson", "number", "name"), EXERCISES)
def test_a_solved_exercise_passes(lesson: str, number: int | str, name: str) -> None:
    verdict = check(number, answer_of(lesson, number, name, solved=True))
    assert verdict.passed, verdict
