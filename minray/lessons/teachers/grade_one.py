"""Runs one learner's notebook in a kernel of its own; `grading` starts it, a process for each notebook.

::

    grading (one process a notebook, with limits) --> grade_one --> kernel: the learner's cells
                                                          '--after each exercise--> marks as JSON

A cell that takes too long is interrupted; a kernel that dies (``exit()``, a crash) is started again and
comes back to where it was, without the cell that ended it. So nobody loses points that were earned elsewhere.
"""

import json
import resource
import secrets
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from .points import questions_of, to_run

LIVES = 4  # kernels that a notebook may use up
# `exit()` would end the kernel only after its cell, and the next cell would be blamed for it.
_NO_EXIT = "get_ipython().ask_exit = lambda: print('exit() has no effect here.')"


def main(argv: list[str]) -> int:
    """Grade a notebook.

    Args:
        argv: the notebook, its lesson as handed out, the file for the marks, seconds for a cell, and bytes of
            memory for each process.
    """
    notebook, lesson, marks, seconds, memory = argv
    _limit_memory(int(memory))
    token = f"verdict-{secrets.token_hex(16)}:"
    learners = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    questions = questions_of(nbformat.read(lesson, as_version=4))  # type: ignore[no-untyped-call]
    cells = to_run(learners, questions, token)
    Grader(cells, token, Path(marks), float(seconds)).run()
    return 0


def _limit_memory(most: int) -> None:
    """For this process and all that it starts; shared memory, as of an object store, does not count."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


class Grader:
    """Runs cells and keeps the marks.

    Args:
        cells: source and exercise number ("" for a cell that grades nothing).
        token: begins the lines with verdicts.
        marks: the file to keep up to date.
        seconds: the longest time for a cell.
    """

    def __init__(self, cells: list[tuple[str, str]], token: str, marks: Path, seconds: float) -> None:
        self._cells = cells
        self._token = token
        self._file = marks
        self._seconds = seconds
        self._deadly: set[int] = set()
        self._found: dict[str, dict[str, Any]] = {}
        self._notes: list[str] = []

    def run(self) -> None:
        """Go through the notebook, with a new kernel if one dies."""
        self._write()
        for _ in range(LIVES):
            if self._one_life():
                return
        self._note("Too many kernels died.")

    def _one_life(self) -> bool:
        """Run the cells from the beginning; whether the kernel lived to the end."""
        sources = [_NO_EXIT, *(source for source, _ in self._cells)]
        code = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
        client = NotebookClient(
            nbformat.v4.new_notebook(cells=code),  # type: ignore[no-untyped-call]
            timeout=self._seconds,
            interrupt_on_timeout=True,
            allow_errors=True,
            resources={"metadata": {"path": str(self._file.parent)}},
        )
        with client.setup_kernel():
            client.execute_cell(code[0], 0)
            for place, (_, number) in enumerate(self._cells, start=1):
                if place in self._deadly or number in self._found:
                    continue
                try:
                    client.execute_cell(code[place], place)
                except (DeadKernelError, CellTimeoutError) as error:
                    self._deadly.add(place)
                    self._note(f"Code cell {place} ended the kernel ({type(error).__name__}).")
                    return False
                if number:
                    self._keep(number, code[place])
        return True

    def _keep(self, number: str, cell: Any) -> None:  # noqa: ANN401 - a NotebookNode
        text = "".join(output.get("text", "") for output in cell.outputs)
        lines = [line for line in text.splitlines() if line.startswith(self._token)]
        if lines:
            self._found[number] = json.loads(lines[-1].removeprefix(self._token))
        else:
            self._found[number] = {
                "passed": False,
                "finding": "no-verdict",
                "words": "The check did not end: it was interrupted, or the notebook had changed it.",
            }
        self._write()

    def _note(self, words: str) -> None:
        self._notes.append(words)
        self._write()

    def _write(self) -> None:
        self._file.write_text(json.dumps({"marks": self._found, "notes": self._notes}), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
