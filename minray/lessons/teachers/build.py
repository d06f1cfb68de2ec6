"""Makes the exercise notebooks from the solutions.

::

    solutions/NN_topic.ipynb                 notebooks/NN_topic.ipynb
        a cell tagged "solution"        ->       left out
        a raw cell tagged "starter"     ->       a code cell, for the learner to work on
        any other cell                  ->       the same cell

``make lessons`` runs it: ``python -m minray.lessons.teachers.build``. So there is one source for both,
and a starter stands right above its solution. Both kinds of notebook are stored without outputs, execution
counts and the traces that editors leave.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

SOLUTION, STARTER = "solution", "starter"
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def clean(notebook: Any) -> Any:  # noqa: ANN401 - a NotebookNode, which has no types
    """A copy as it is stored: sources, ids and tags, and nothing that depends on who ran it when.

    Args:
        notebook: a notebook as `nbformat.read` returns it.
    """
    return _notebook([_cell(cell.cell_type, cell) for cell in notebook.cells])


def exercise_of(solutions: Any) -> Any:  # noqa: ANN401
    """The exercise notebook that belongs to a notebook of solutions.

    Raises:
        ValueError: a starter is not a raw cell, so it would run in the solutions as well.
    """
    cells = []
    for cell in solutions.cells:
        tags = cell.metadata.get("tags", [])
        if STARTER in tags and cell.cell_type != "raw":
            raise ValueError(
                f"The starter {cell.id!r} is a {cell.cell_type} cell; make it a raw cell, so that it "
                "does not run in the solutions."
            )
        if SOLUTION not in tags:
            cells.append(_cell("code" if STARTER in tags else cell.cell_type, cell))
    return _notebook(cells)


def _cell(kind: str, cell: Any) -> Any:  # noqa: ANN401
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    tags = cell.metadata.get("tags")
    metadata = {"tags": list(tags)} if tags else {}
    cell_of_kind: Callable[..., Any] = make.get(kind, nbformat.v4.new_raw_cell)
    return cell_of_kind(cell.source.rstrip(), id=cell.id, metadata=metadata)


def _notebook(cells: list[Any]) -> Any:  # noqa: ANN401
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


def text_of(notebook: Any) -> str:  # noqa: ANN401
    """A notebook as the text of its file."""
    return str(nbformat.writes(notebook, version=4)) + "\n"  # type: ignore[no-untyped-call]


def expected_files(root: Path) -> dict[Path, str]:
    """What the files of all lessons should hold, by path.

    Args:
        root: the folder with ``solutions/`` and ``notebooks/``.
    """
    files = {}
    for path in sorted((root / "solutions").glob("*.ipynb")):
        solutions = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        files[path] = text_of(clean(solutions))
        files[root / "notebooks" / path.name] = text_of(exercise_of(solutions))
    return files


def drifted(root: Path) -> list[Path]:
    """The files that are not what they should be, and exercise notebooks without a source."""
    files = expected_files(root)
    found = [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    return found + [path for path in sorted((root / "notebooks").glob("*.ipynb")) if path not in files]


def main(arguments: list[str] | None = None) -> int:
    """Write what has changed; with ``--check`` only say what would change, and fail if anything would."""
    parser = argparse.ArgumentParser(
        prog="python -m minray.lessons.teachers.build", description=__doc__.splitlines()[0]
    )
    parser.add_argument("root", nargs="?", type=Path, default=Path("."), help="folder with solutions/")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 if something is out of date"
    )
    options = parser.parse_args(arguments)
    if not list((options.root / "solutions").glob("*.ipynb")):
        print(f"There is no notebook in {options.root / 'solutions'}: run this in the project's folder.")
        return 2
    changed, files = drifted(options.root), expected_files(options.root)
    for path in changed:
        if options.check:
            print(f"{path} is out of date; run python -m minray.lessons.teachers.build")
        elif path in files:
            path.write_text(files[path], "utf-8")
            print(f"{path} written")
        else:
            print(f"{path} has no source in solutions/: remove it, or add its source")
    orphans = [path for path in changed if path not in files]
    return 1 if (changed if options.check else orphans) else 0


if __name__ == "__main__":
    sys.exit(main())
