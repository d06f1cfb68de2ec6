"""The documents that the course grew out of run on minray: every code cell, unmodified.

They are other people's and not part of the repository, so these tests are skipped where the folder with
them does not stand beside it.  Time in them passes at a twentieth of its length: a ``sitecustomize`` that
driver and workers inherit shortens ``time.sleep``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seed_cells import Cell, cells_of, names_from_elsewhere
from seed_runner import adapt_to_bokeh, difference

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
DOCUMENTS = sorted(SEEDS.glob("*.txt"))

SHORTER_SLEEP = """
import time

def sleep(seconds, really_sleep=time.sleep):
    really_sleep(seconds / 20)

time.sleep = sleep
"""


def run(document: Path, folder: Path) -> list[dict[str, Any]]:
    """Run a document in a process of its own; return what became of each cell."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SHORTER_SLEEP)
    (folder / "work").mkdir()
    runner = Path(__file__).parents[1] / "help" / "seed_runner.py"
    path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(runner), str(document), str(folder / "work")],
        env={**os.environ, "PYTHONPATH": path, "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    marked = [line.removeprefix("CELL ") for line in done.stdout.splitlines() if line.startswith("CELL ")]
    return [json.loads(line) for line in marked]


def crossing_is_missing(error: str | None, cell: Cell) -> bool:
    """The one cell that fails by itself: it looks up where tasks become faster, even if they never do."""
    return error == "IndexError: list index out of range" and "while i < len(ns)" in cell.code


@pytest.mark.skipif(not DOCUMENTS, reason="the documents are not here: ../shared/seeds beside the repository")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name[:3])
def test_every_cell_of_a_seed_document_runs_unmodified_on_minray(document: Path, tmp_path: Path) -> None:
    cells = cells_of(document)
    outcomes = run(document, tmp_path)
    assert len(outcomes) == len(cells) > 0
    for cell, outcome in zip(cells, outcomes, strict=True):
        if not crossing_is_missing(outcome["error"], cell):
            assert outcome["error"] is None, f"{outcome['error']} in\n{cell.code}"
        assert not outcome["differs"], f"{outcome['differs']} in\n{cell.code}"
    assert (tmp_path / "work" / "plot.html").exists() == any("show(" in cell.code for cell in cells)


@pytest.mark.skipif(not DOCUMENTS, reason="the documents are not here: ../shared/seeds beside the repository")
def test_what_the_documents_take_from_elsewhere_is_what_the_runner_supplies(
    record_property: Any,  # noqa: ANN401 - pytest's fixture has no public type
) -> None:
    for document in DOCUMENTS:
        needed = names_from_elsewhere(cells_of(document))
        record_property(document.name, str(needed))
        assert set().union(*needed.values()) <= {"expensive_task"}, f"{document.name}: {needed}"


def test_a_cell_ends_where_its_output_or_the_prose_begins(tmp_path: Path) -> None:
    document = tmp_path / "notes.txt"
    document.write_text(
        "# Title\n\nIn [None]:\na = 1\n\nb = 2\n\n3\n\nprose here\n\n"
        "In [2]:\n%%time\nfor n in range(2):\n    a += n\n\n    b += n\nb\n\nObjectID(00ff)\n\n"
        "In [3]:\nprint(later)\n\n## Heading\n\nmagic\n"
    )
    assert cells_of(document) == [
        Cell("a = 1\n\nb = 2", "3"),
        Cell("%%time\nfor n in range(2):\n    a += n\n\n    b += n\nb", "ObjectID(00ff)"),
        Cell("print(later)", "## Heading"),
    ]
    assert names_from_elsewhere(cells_of(document)) == {2: {"later"}}


def test_only_what_bokeh_has_dropped_is_adapted() -> None:
    code = "import bokeh\np.circle(x, y, size=4)\np.square(x, y)\nshow(grid(plot_width=8, plot_height=4))"
    assert adapt_to_bokeh(code) == (
        "import bokeh\np.scatter(x, y, size=4)\np.scatter(x, y, marker='square')\n"
        "show(grid(width=8, height=4))"
    )
    assert adapt_to_bokeh("p.circle(1)") == "p.circle(1)"


def test_values_are_compared_by_what_cannot_differ_between_machines() -> None:
    assert not difference("[0, 1.5, 'a']", [0, 99.25, "a"])
    assert difference("[0, 1.5, 'a']", [1, 99.25, "a"]) == "the value[0] is 1 instead of 0"
    assert not difference("{'node:1.2.3.4': 1.0, 'CPU': 12.0}", {"node:127.0.0.1": 1.0, "CPU": 2.0, "x": 0})
    assert difference("{'CPU': 12.0}", {}) == "the value lacks ['CPU']"
    assert not difference("some prose", 3)
