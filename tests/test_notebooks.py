"""The lessons themselves: no drift, nothing stored that does not belong, everything taught that has to be.

That they run from top to bottom is shown by nbval (``pytest --nbval-lax notebooks solutions``).
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import minray
from minray.lessons import build, check

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb")) + sorted((ROOT / "solutions").glob("*.ipynb"))
FITS_BESIDE_THE_DASHBOARD = 84  # characters of code that show without scrolling in half a window

# What each lesson has to teach, and the tag of the cells that do.
COVERAGE = {
    "00_start_here": {
        "a first task in three cells": "first-task",
        "how to read the dashboard": "dashboard",
        "how checks and hints work": "check",
        "how to reset": "reset",
        "exercise 0a": "exercise-0a",
        "exercise 0b": "exercise-0b",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "01_tasks": {
        "a slow function; five calls in series": "serial",
        "the same five calls as tasks, get inside the loop": "get-in-loop",
        "fire first, collect later": "fire-first",
        "the list-comprehension idiom": "list-comprehension",
        "init with ignore_reinit_error, and what it returns": "init",
        "the dashboard link": "dashboard-link",
        "the id that comes back at once": "future",
        "exercise 1": "exercise-1",
        "exercise 1b": "exercise-1b",
        "nodes": "nodes",
        "resources and the CPU count": "resources",
        "twice as many tasks as CPUs, and the reader's own table": "two-per-cpu",
        "16 tasks on 8 workers take 22": "table-16-on-8",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "02_futures": {
        "tasks that depend on tasks, futures as arguments": "dependent-tasks",
        "do not ask for results you do not need": "eager-get",
        "do not ask before you need them": "late-get",
        "get: all or nothing": "get-all",
        "wait against get": "wait",
        "num_returns=1 and the working list": "num-returns-1",
        "num_returns=2": "num-returns-2",
        "the endless-loop trap": "endless-loop",
        "asking for more than there are": "too-many",
        "a timeout shorter than the tasks": "timeout",
        "exercise 2": "exercise-2",
        "exercise 3": "exercise-3",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "03_granularity": {
        "the baseline of a no-op": "noop-baseline",
        "the baseline of an array made locally": "local-baseline",
        "local against remote, with trials and spread": "local-against-remote",
        "sizes around the crossing on this machine": "sizes",
        "the log-log plot": "log-log-plot",
        "the crossing point": "crossing-point",
        "trials, workers and function to choose": "widgets",
        "batching as the remedy": "batching",
        "exercise 4": "exercise-4",
        "exercise 5": "exercise-5",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "04_under_the_hood": {
        "three nodes with two workers each": "three-nodes",
        "two make_array on two nodes, add_arrays where one input already is": "the-run",
        "the thirteen steps, from the driver's submission to its get": "thirteen-steps",
        "the event rows behind each step": "event-rows",
        "other placement": "other-placement",
        "larger arrays": "larger-arrays",
        "a killed node": "killed-node",
        "exercise 6": "exercise-6",
        "exercise 7": "exercise-7",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "05_objects": {
        "the five parts of the system": "five-parts",
        "put and get": "put-get",
        "lists of ids": "list-of-ids",
        "immutable objects": "immutable",
        "arguments by value or by id": "by-value-or-id",
        "several return values": "several-returns",
        "a chain of dependent tasks: no parallelism": "chain",
        "a tree reduce of 100 tasks": "tree-reduce",
        "tasks that start tasks": "nested-tasks",
        "10, 48 and 49 one-second tasks: whole rounds": "rounds",
        "exercise 8": "exercise-8",
        "exercise 9": "exercise-9",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "06_parallelism": {
        "data parallelism": "data-parallel",
        "the sum of an array in chunks": "exercise-10",
        "task parallelism: the image request": "image-request",
        "as a task graph": "task-graph",
        "e-mail": "email",
        "a real classifier": "classifier",
        "a task that waits on another task inside": "wait-inside",
        "local work meanwhile": "local-work",
        "a plain script with shutdown": "script",
        "exercise 11": "exercise-11",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "07_actors": {
        "a counter: state that stays": "counter",
        "tasks forget": "tasks-forget",
        "one call at a time, in order": "in-order",
        "the game of life, with a live picture": "life",
        "an async actor": "async-actor",
        "a named actor, found from elsewhere": "named-actor",
        "exercise 12": "exercise-12",
        "exercise 13": "exercise-13",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
    "08_failures": {
        "an exception that crosses processes": "remote-traceback",
        "a failure spreads to those who need the result": "failure-spreads",
        "retries": "retries",
        "a worker killed by a button": "worker-killed",
        "a crash without retries": "worker-crashed",
        "time-outs": "timeout",
        "cancelling": "cancel",
        "a dead actor restarts": "actor-restart",
        "an actor that stays dead": "actor-dead",
        "memory full and spilling": "spilling",
        "exercise 14": "exercise-14",
        "exercise 15": "exercise-15",
        "prediction before an experiment": "predict",
        "comparison after it": "compare",
    },
}
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
    assert build.drifted(ROOT) == [], "run python -m minray.lessons.build"


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
    assert cells[-1].source.startswith("## Summary")


@pytest.mark.parametrize(
    ("lesson", "topic", "tag"), [(name, *row) for name, rows in COVERAGE.items() for row in rows.items()]
)
def test_everything_that_has_to_be_taught_is(lesson: str, topic: str, tag: str) -> None:
    cells = cells_of(ROOT / "notebooks" / f"{lesson}.ipynb")
    assert any(tag in tags_of(cell) and cell.cell_type == "code" for cell in cells), topic


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
