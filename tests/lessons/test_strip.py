"""The git hook that keeps outputs out of commits."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

HOOK = Path(__file__).parents[2] / ".ci" / "hooks" / "pre-commit"


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", f"core.hooksPath={folder / 'hooks'}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *who, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, text=True, capture_output=True, env=environment
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the hook, and a notebook with an output, not committed yet."""
    git(tmp_path, "init", "-q")
    (tmp_path / "hooks").mkdir()
    hook = tmp_path / "hooks" / "pre-commit"
    text = HOOK.read_text("utf-8")
    assert "|| python=python3" in text
    hook.write_text(text.replace("|| python=python3", f"|| python={sys.executable}"), "utf-8")
    hook.chmod(0o755)
    cell = nbformat.v4.new_code_cell("1 + 1", id="sum", execution_count=3)
    cell.outputs = [nbformat.v4.new_output("stream", text="secret")]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a lesson.ipynb")
    return tmp_path


def test_outputs_are_not_committed_and_the_file_keeps_them(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "Add a lesson")
    committed = nbformat.reads(git(repository, "show", "HEAD:a lesson.ipynb"), as_version=4)
    assert [(cell.source, cell.outputs, cell.execution_count) for cell in committed.cells] == [
        ("1 + 1", [], None)
    ]
    assert "secret" in (repository / "a lesson.ipynb").read_text("utf-8")


def test_a_commit_without_notebooks_goes_through(repository: Path) -> None:
    (repository / "note.txt").write_text("x")
    git(repository, "add", "note.txt")
    git(repository, "commit", "-qm", "Add a note")
    assert git(repository, "show", "HEAD:note.txt") == "x"
