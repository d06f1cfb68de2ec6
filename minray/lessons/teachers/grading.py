"""``minray check FOLDER``: runs and grades the notebooks of a class, and writes a table.

::

    FOLDER/ada/01_tasks.ipynb  --copy--> temporary folder --grade_one (a process of its own)--> marks
    FOLDER/max/01_tasks.ipynb  --copy-->       ...                                                |
                                                             grades.csv, grades.html <------------'

Each notebook is a copy in a folder of its own and runs in processes and a session of its own; when its time
is over all of them are killed. That protects the others from endless loops and hunger for memory.
It is no prison: the code runs with your rights, so grade strangers' notebooks in a container.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...cli import course
from .points import NOT_REACHED, Mark, Sheet, as_csv, as_html, lesson_like, questions_of

CELL_SECONDS, NOTEBOOK_SECONDS, MEGABYTES = 60.0, 600.0, 4_000
TIME_SCALE = "0.1"  # checks do not look at the clock, so units may be short


def main(argv: list[str]) -> int:
    """Run ``minray check`` with the arguments that follow these two words."""
    parser = argparse.ArgumentParser(
        prog="minray check",
        description="Run and grade a folder of learners' notebooks; write grades.csv and grades.html.",
    )
    parser.add_argument("folder", type=Path, help="where the notebooks are, in subfolders or not")
    parser.add_argument("--output", type=Path, default=Path("."), help="where the tables go (default: here)")
    parser.add_argument(
        "--cell-seconds", type=float, default=CELL_SECONDS, help="the longest time for a cell"
    )
    parser.add_argument(
        "--notebook-seconds", type=float, default=NOTEBOOK_SECONDS, help="the longest time for a notebook"
    )
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, help="the most memory for a process")
    options = parser.parse_args(argv)
    notebooks = notebooks_in(options.folder)
    if not notebooks:
        print(f"minray check: there is no notebook in {options.folder}.", file=sys.stderr)
        return 1
    sheets = []
    for path in notebooks:
        sheet = grade(path, options.folder, options)
        sheets.append(sheet)
        print(f"{sheet.notebook}: {sheet.points} of {len(sheet.marks)} points. {sheet.note}", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "grades.csv").write_text(as_csv(sheets), "utf-8")
    (options.output / "grades.html").write_text(as_html(sheets), "utf-8")
    print(f"Wrote {options.output / 'grades.csv'} and {options.output / 'grades.html'}")
    return 0


def notebooks_in(folder: Path) -> list[Path]:
    """All notebooks below a folder but those that JupyterLab keeps for itself."""
    return sorted(
        path
        for path in folder.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def grade(path: Path, folder: Path, options: argparse.Namespace) -> Sheet:
    """Run one notebook and collect its marks; whatever is wrong with it becomes a note.

    Args:
        path: the notebook.
        folder: what its name in the table is relative to.
        options: the limits.
    """
    import nbformat

    name = path.relative_to(folder).as_posix()
    try:
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:
        return Sheet(name, "", {}, f"This is no notebook that can be read ({type(error).__name__}).")
    handed_out = {file.stem: file for file in course.source("notebooks").glob("*.ipynb")}
    lessons = {
        stem: nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
        for stem, file in handed_out.items()
    }
    lesson = lesson_like(notebook, lessons)
    if not lesson:
        return Sheet(name, "", {}, "This is a copy of no lesson that I know.")
    with _room() as room:
        own = room / path.name
        shutil.copy(path, own)
        marks = room / "marks.json"
        argv = [str(own), str(handed_out[lesson]), str(marks)]
        argv += [str(options.cell_seconds), str(options.megabytes * 1_000_000)]
        note = _run(argv, room, options.notebook_seconds)
        told = json.loads(marks.read_text("utf-8")) if marks.exists() else {"marks": {}, "notes": []}
    found = {
        question.number: _mark(told["marks"].get(question.number))
        for question in questions_of(lessons[lesson])
    }
    return Sheet(name, lesson, found, " ".join([*told["notes"], *([note] if note else [])]))


def _mark(found: dict[str, object] | None) -> Mark:
    if found is None:
        return NOT_REACHED
    return Mark(int(bool(found["passed"])), str(found["finding"]), str(found["words"]))


@contextmanager
def _room() -> Iterator[Path]:
    """A folder for one notebook and its session; afterwards neither folder nor processes are left."""
    room = Path(tempfile.mkdtemp(prefix="minray-check-"))
    try:
        yield room
    finally:
        _end_all_in(room)
        shutil.rmtree(room, ignore_errors=True)


def _run(argv: list[str], room: Path, seconds: float) -> str:
    """Run `grade_one` in this room; returns a note if it did not come to its end."""
    environment = {
        **os.environ,
        "MINRAY_HOME": str(room / "sessions"),
        "MINRAY_TIME_SCALE": os.environ.get("MINRAY_TIME_SCALE", TIME_SCALE),
        "JUPYTER_RUNTIME_DIR": str(room / "jupyter"),
        "IPYTHONDIR": str(room / "ipython"),
    }
    command = [sys.executable, "-m", "minray.lessons.teachers.grade_one", *argv]
    with open(room / "log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=room, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"It took longer than {seconds:g} s and was ended."
        finally:
            process.kill()
            process.wait()
    return "" if process.returncode == 0 else f"It could not be run (status {process.returncode})."


def _end_all_in(room: Path) -> None:
    """Kill whatever still has this room as its own: kernels, workers, the dashboard."""
    import psutil

    for process in psutil.process_iter():
        try:
            mine = process.environ().get("MINRAY_HOME", "").startswith(str(room))
            if mine and process.pid != os.getpid():
                process.kill()
                process.wait(5)
        except (psutil.Error, OSError):  # gone, or somebody else's
            continue
