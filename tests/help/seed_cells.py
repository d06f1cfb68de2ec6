"""Reads the code cells out of a seed document (a notebook printed as text, or a note in Markdown).

A cell begins after a line ``In [7]:`` and nobody says where it ends: output, or the next paragraph of
prose, simply follows after an empty line.  So a cell is as many paragraphs as still are Python and do
something; a paragraph that only shows a value (``[1, 2]``, ``ObjectID(ff..)``) is output.
"""

import ast
import builtins
import re
from dataclasses import dataclass
from pathlib import Path

_CELL = re.compile(r"^In \[[\d ]*(?:None)?\]:\n", re.MULTILINE)
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_GAP = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Args:
        code: exactly as it stands in the document.
        shown: the paragraph after it: the output that its author got, or prose.
    """

    code: str
    shown: str


def cells_of(document: Path) -> list[Cell]:
    """The code cells in order; of a note, its block of code."""
    text = document.read_text(encoding="utf-8")
    _, *pieces = _CELL.split(text)
    if pieces:
        return [_cell_at_the_start_of(piece) for piece in pieces]
    return [Cell(block, "") for block in _FENCE.findall(text) if "import ray" in block]


def _cell_at_the_start_of(piece: str) -> Cell:
    starts = [0, *(gap.end() for gap in _GAP.finditer(piece))]
    ends = [*(gap.start() for gap in _GAP.finditer(piece)), len(piece)]
    code = piece[: ends[0]]
    for start, end in zip(starts[1:], ends[1:], strict=True):
        if _tree(piece[:end]) is None or not _does_something(piece[start:end]):
            return Cell(code, piece[start:end].strip())
        code = piece[:end]
    return Cell(code.rstrip("\n"), "")


def _tree(code: str) -> ast.Module | None:
    """The syntax tree of code without its magics, if it is Python."""
    lines = [line for line in code.splitlines() if not line.startswith(("%", "!"))]
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return None


def _does_something(paragraph: str) -> bool:
    """Whether a paragraph is code rather than a heading, the text of a value, or a word of prose."""
    if paragraph.startswith("##"):
        return False
    tree = _tree(paragraph)
    if tree is None:  # the continuation of a block
        return True
    return all(not isinstance(step, ast.Expr) or _is_a_call(step.value) for step in tree.body)


def _is_a_call(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and not (
        isinstance(value.func, ast.Name) and value.func.id in ("ObjectID", "ObjectRef", "array")
    )


def names_from_elsewhere(cells: list[Cell]) -> dict[int, set[str]]:
    """For each cell that needs some: the names that neither it nor a cell before it defines."""
    known = set(dir(builtins))
    needed = {}
    for number, cell in enumerate(cells):
        tree = _tree(cell.code) or ast.Module([], [])
        known |= _defined_in(tree)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if used - known:
            needed[number] = used - known
    return needed


def _defined_in(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names
