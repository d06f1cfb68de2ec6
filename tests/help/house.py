"""The rules of the house: how the sources lie in folders, and who may import, write and hold what.

A rule is a function of the sources (a `House`) and of a table of what is allowed.  It answers with
violations, one sentence each; none is good news.  The tables stand in the tests of tests/whole, with reasons.
Nothing is executed: imports are read from the sources, also those in functions and those for types only.
"""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FACE = "face"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class House:
    """Sources by their paths, such as ``minray/wire/rpc.py``; folders are those with an ``__init__``."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)
        self.trees = {path: ast.parse(text) for path, text in self.sources.items()}

    @classmethod
    def read(cls, root: Path = REPOSITORY) -> "House":
        """The house as it lies on disk."""
        paths = sorted(path for name in ("minray", "dashboard") for path in (root / name).rglob("*.py"))
        return cls({path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths})

    @cached_property
    def tokens(self) -> dict[str, list[tokenize.TokenInfo]]:
        """The sources as tokens, comments among them."""
        lines = {path: io.StringIO(text).readline for path, text in self.sources.items()}
        return {path: [*tokenize.generate_tokens(line)] for path, line in lines.items()}

    @cached_property
    def modules(self) -> dict[str, str]:
        """Paths by the names under which modules are imported; the dashboard travels inside of minray."""
        return {_module_name(path): path for path in self.sources}

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """The modules of each folder, without `__init__`."""
        found: dict[str, list[str]] = {folder_of(path): [] for path in self.sources}
        for path in self.sources:
            if not path.endswith("/__init__.py"):
                found[folder_of(path)].append(path)
        return found

    @cached_property
    def imports(self) -> dict[str, dict[str, int]]:
        """For each path the paths that it imports, with the line."""
        return {path: self._imports_of(path) for path in self.sources}

    def _imports_of(self, path: str) -> dict[str, int]:
        name = _module_name(path)
        package = (name if path.endswith("/__init__.py") else name.rpartition(".")[0]).split(".")
        found: dict[str, int] = {}
        for node in ast.walk(self.trees[path]):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                # `from package import thing`: the thing may be a module, or a name that the package defines.
                things = [f"{base}.{alias.name}" for alias in node.names]
                names = [thing if thing in self.modules else base for thing in things]
            for each in names:
                if each in self.modules and each != name:
                    found.setdefault(self.modules[each], getattr(node, "lineno", 0))
        return found

    def reachable(self, start: str) -> set[str]:
        """All that a module brings with it, directly or not; itself only if an import leads back to it."""
        seen: set[str] = set()
        waiting = [*self.imports[start]]
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen.add(path)
                waiting += self.imports[path]
        return seen


def folder_of(path: str) -> str:
    """``minray/wire`` for ``minray/wire/rpc.py``."""
    return path.rpartition("/")[0]


def room_of(path: str) -> str:
    """The room as the tables call it: ``wire``, ``scheduler/tables``, ``dashboard/data``; top: ``face``."""
    return folder_of(path).removeprefix("minray").removeprefix("/") or FACE


def _module_name(path: str) -> str:
    inside = path if path.startswith("minray/") else f"minray/{path}"
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _named(path: str) -> str:
    """A module as the tables call it: ``gcs/store``, ``exceptions``."""
    return path.removeprefix("minray/").removesuffix(".py")


def is_in(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") or path == folder for folder in folders)


def check(violations: list[str]) -> None:
    """Fail, and say why, if there are any."""
    if violations:
        pytest.fail("\n  ".join([f"{len(violations)} violations:", *violations]), pytrace=False)


# --- imports ------------------------------------------------------------------------------------------


def circles(house: House) -> list[str]:
    """Imports that go round, each ring once, with the imports that make it."""
    reach = {path: house.reachable(path) for path in house.sources}
    rings = {frozenset(other for other in reach[path] if path in reach[other]) for path in house.sources}
    return [
        f"{len(ring)} modules import each other in a circle: "
        + "; ".join(
            f"{path} -> {', '.join(sorted(ring & set(house.imports[path])))}" for path in sorted(ring)
        )
        for ring in sorted(rings - {frozenset()}, key=sorted)
    ]


def wrong_arrows(house: House, room: str, row: str, everybody: Collection[str] = ()) -> list[str]:
    """What a room imports and neither its row nor everybody may: rooms, or single modules of rooms."""
    allowed = {room, *row.split(), *everybody}
    return [
        f"{path}:{line} imports {other}"
        for path in house.sources
        if room_of(path) == room
        for other, line in house.imports[path].items()
        if room_of(other) not in allowed and _named(other) not in allowed
    ]


def rows_upside_down(table: Mapping[str, str], but: Collection[str] = ()) -> list[str]:
    """Rows that name a room which is not below them: so the arrows between folders have no circle."""
    order = [*table]
    return [
        f"{room} may import {other}, which is not below it"
        for room, row in table.items()
        for other in row.split()
        if other in table and room not in but and other not in but and order.index(other) <= order.index(room)
    ]


def crossed_boundaries(house: House, process: str, never: str) -> list[str]:
    """Imports that would bring into a process, directly or not, what has no business there.

    Args:
        house: the sources.
        process: a room or a module: what the process starts with.
        never: rooms and modules.
    """
    waiting = [path for path in house.sources if _belongs(path, [process])]
    seen, wrong = set(waiting), []
    while waiting:
        path = waiting.pop()
        for other, line in house.imports[path].items():
            if _belongs(other, never.split()):
                wrong.append(f"{path}:{line} brings {other} into {process}")
            elif other not in seen:
                seen.add(other)
                waiting.append(other)
    return sorted(wrong)


def _belongs(path: str, rooms: Iterable[str]) -> bool:
    """Whether a module is one of these, or lies in one of these rooms or below it."""
    return is_in(room_of(path), rooms) or _named(path) in rooms


# --- sizes --------------------------------------------------------------------------------------------


def full_folders(house: House, most: int, but: Collection[str] = ()) -> list[str]:
    """Folders with too many files."""
    return [
        f"{folder} has {len(files)} files, more than {most}"
        for folder, files in house.folders.items()
        if len(files) > most and folder not in but
    ]


def long_files(house: House, most: int, but: Collection[str] = ()) -> list[str]:
    """Files with too many lines."""
    lines = {path: len(text.splitlines()) for path, text in house.sources.items() if path not in but}
    return [f"{path} has {count} lines, more than {most}" for path, count in lines.items() if count > most]


def long_functions(house: House, most: int) -> list[str]:
    """Functions with too many lines of code; docstrings, comments and blank lines do not count."""
    wrong = []
    for path, tree in house.trees.items():
        code = _code_lines(house.tokens[path], tree)
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                count = len(code & set(range(node.lineno, (node.end_lineno or 0) + 1)))
                if count > most:
                    wrong.append(
                        f"{path}:{node.lineno} {node.name} has {count} lines of code, more than {most}"
                    )
    return wrong


def _code_lines(tokens: Iterable[tokenize.TokenInfo], tree: ast.Module) -> set[int]:
    """The lines with code on them."""
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines: set[int] = set()
    for token in tokens:
        if token.type not in nothing:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node, _ in docstrings(tree):
        lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return lines


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """All docstrings of a module, as statements and as texts."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0], text


# --- folders ------------------------------------------------------------------------------------------


def unlisted(house: House) -> list[str]:
    """What a folder has and its docstring does not list, or lists twice; and what it lists in vain."""
    wrong = []
    for folder, files in house.folders.items():
        path = f"{folder}/__init__.py"
        if path not in house.sources:
            wrong.append(f"{folder} has no __init__.py")
            continue
        text = ast.get_docstring(house.trees[path]) or ""
        listed = re.findall(r"^ *- (\w+)/?: ", text, re.MULTILINE)
        below = {other[len(folder) + 1 :] for other in house.folders if folder_of(other) == folder}
        there = {Path(file).stem for file in files} | below
        for found, what in (
            (there - set(listed), "does not list"),
            ({name for name in listed if listed.count(name) > 1}, "lists twice"),
            (set(listed) - there, "lists in vain"),
        ):
            wrong += [f"{path} {what}: {', '.join(sorted(found))}"] if found else []
    return wrong


def defining_rooms(house: House, exporting: Collection[str]) -> list[str]:
    """`__init__` files that hold more than a docstring, in folders that users do not import."""
    return [
        f"{path}:{node.lineno} holds more than a docstring"
        for path, tree in house.trees.items()
        if path.endswith("/__init__.py") and folder_of(path) not in exporting
        for node in tree.body[:2]  # one of them is enough
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def wrong_packages(house: House, packages: Iterable[str]) -> list[str]:
    """Folders that an installation would leave out, and packages without a folder."""
    folders = {_module_name(f"{folder}/__init__.py") for folder in house.folders}
    ours = {name for name in packages if not name.startswith("minray._course")}
    return [f"pyproject.toml leaves out {name}" for name in sorted(folders - ours)] + [
        f"pyproject.toml has {name}, which is no folder" for name in sorted(ours - folders)
    ]


# --- names --------------------------------------------------------------------------------------------


def double_classes(house: House, but: Collection[str] = ()) -> list[str]:
    """Names that two classes bear."""
    homes = defaultdict(list)
    for path, tree in house.trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(f"{path}:{node.lineno}")
    return [
        f"two classes are named {name}: {', '.join(places)}"
        for name, places in sorted(homes.items())
        if len(places) > 1 and name not in but
    ]


def stale_names(house: House, there: Collection[str] = ()) -> list[str]:
    """Files that a docstring or a comment names, and that are not there."""
    known = {Path(path).name for path in [*house.sources, *there]}
    wrong = []
    for path, tokens in house.tokens.items():
        for token in tokens:
            is_prose = token.type == tokenize.COMMENT or token.string.startswith(('"""', 'r"""'))
            for name in re.findall(r"\b\w+\.py\b", token.string) if is_prose else ():
                if name not in known:
                    wrong.append(f"{path}:{token.start[0]} names {name}, which is not there")
    return wrong
