"""Where the course is, and how a learner gets copies of their own.

::

    in a checkout     notebooks/  solutions/  images/        beside the package
    once installed    minray/_course/{notebooks,solutions,images}
         |
         |  copy_to(folder): whatever the learner has not touched
         v
    working folder    notebooks/  solutions/  images/        the learner's own
                      .minray/copied.json                    what was handed out, by SHA-256

A file is the learner's from the moment it differs from what was handed out; after that it is never
overwritten, not by a newer release either.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from ..wire.config import PACKAGE

KINDS = ("notebooks", "solutions", "images")
PRIVATE_FOLDER = ".minray"  # inside a working folder; JupyterLab does not show names with a dot


def source(kind: str) -> Path:
    """The folder of one part of the course as it was shipped; read it, do not write to it.

    Args:
        kind: ``"notebooks"``, ``"solutions"`` or ``"images"``.

    Raises:
        FileNotFoundError: this installation came without the course.

    Example:
        >>> sorted(path.name for path in source("notebooks").glob("01_*"))
        ['01_tasks.ipynb']
    """
    inside, beside = PACKAGE / "_course" / kind, PACKAGE.parent / kind
    if inside.is_dir():
        return inside
    # Beside the package only in a checkout: in site-packages a folder of that name is somebody else's.
    if beside.is_dir() and (PACKAGE.parent / "pyproject.toml").is_file():
        return beside
    raise FileNotFoundError(
        f"The course's {kind} are neither in {inside} nor in a checkout beside the package. "
        "Install minray again, from its repository or its wheel."
    )


def lesson(number: int) -> str:
    """The file name of a lesson's notebook.

    Raises:
        LookupError: there is no such lesson; the message lists those there are.
    """
    names = sorted(path.name for path in source("notebooks").glob("*.ipynb"))
    for name in names:
        if name.startswith(f"{number:02d}_"):
            return name
    raise LookupError(f"There is no lesson {number:02d}. There are: {', '.join(names) or 'none at all'}.")


class Action(Enum):
    """What to do about one file of the course in a working folder."""

    COPY = "copy"
    LEAVE = "leave"
    KEEP_THE_LEARNERS = "keep"


def decide(shipped: str, present: str | None, handed_out: str | None) -> Action:
    """Choose for one file, by the digests of the three versions that there may be.

    Args:
        shipped: the course's own file.
        present: what lies in the working folder, None if nothing does.
        handed_out: what was put there last time, None if nothing was.
    """
    if present is None:
        return Action.COPY
    if present == shipped:
        return Action.LEAVE
    return Action.COPY if present == handed_out else Action.KEEP_THE_LEARNERS


@dataclass
class CopyReport:
    """What `copy_to` did, as paths relative to the working folder.

    Attributes:
        kept: files that the learner changed and that were left as they are.
        fresh: new copies made beside those, by the path of the file they lie beside.
    """

    kept: list[Path] = field(default_factory=list)
    fresh: dict[Path, Path] = field(default_factory=dict)


def copy_to(folder: Path, *, fresh: bool = False) -> CopyReport:
    """Bring a working folder up to date with the course, never touching what the learner changed.

    Args:
        folder: the working folder; made if need be.
        fresh: also put a new copy beside each file that the learner changed.

    Raises:
        FileNotFoundError: this installation came without the course.
        OSError: the folder cannot be written to.
    """
    record = folder / PRIVATE_FOLDER / "copied.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    handed_out: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    done = CopyReport()
    for path, shipped in _shipped_files().items():
        target = folder / path
        present = digest(target.read_bytes()) if target.exists() else None
        action = decide(digest(shipped), present, handed_out.get(str(path)))
        if action is Action.COPY:
            _write(target, shipped)
        elif action is Action.KEEP_THE_LEARNERS:
            done.kept.append(path)
            if fresh:
                done.fresh[path] = _write_beside(folder, path, shipped)
            continue
        handed_out[str(path)] = digest(shipped)
    record.write_text(json.dumps(handed_out, indent=1))
    return done


def _shipped_files() -> dict[Path, bytes]:
    """All files of the course by their path in a working folder."""
    return {
        Path(kind, path.name): path.read_bytes()
        for kind in KINDS
        for path in sorted(source(kind).iterdir())
        if path.suffix in (".ipynb", ".png", ".svg")
    }


def digest(content: bytes) -> str:
    """What tells two versions of a file apart.

    For a notebook only its cells and their outputs count: JupyterLab rewrites the rest of the file when it
    is merely opened, and that must not pass for a change by the learner.
    """
    try:
        cells = json.loads(content)["cells"]
        what_counts = [(cell["cell_type"], "".join(cell["source"]), cell.get("outputs")) for cell in cells]
    except (ValueError, TypeError, KeyError):
        return hashlib.sha256(content).hexdigest()  # a picture, or no sound notebook any more
    return hashlib.sha256(json.dumps(what_counts).encode()).hexdigest()


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _write_beside(folder: Path, path: Path, content: bytes) -> Path:
    """Write ``01_x-fresh.ipynb`` beside ``01_x.ipynb``, or ``-fresh-2`` and so on if that was used too."""
    number = 1
    while True:
        suffix = "-fresh" if number == 1 else f"-fresh-{number}"
        beside = path.with_stem(path.stem + suffix)
        target = folder / beside
        if not target.exists() or target.read_bytes() == content:
            _write(target, content)
            return beside
        number += 1
