"""The rules of the house about state: who writes a field, what a record says of itself, and who holds what.

Types are not known here, names are: see `writers`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from house import FUNCTIONS, House, docstrings, is_in

_MAKING = ("__init__", "__post_init__", "__new__")


class Store(NamedTuple):
    """A place where an attribute of something is written or deleted."""

    path: str
    line: int
    record: str  # the class of what is written to; "" if its name does not say
    attribute: str
    text: str


def writers(
    house: House, folders: Collection[str], records: Mapping[str, str], but: Collection[str] = ()
) -> list[str]:
    """Fields that more than one module of these folders writes.

    `records` says by which names the instances of a class go, such as ``{"Task": "task call"}``; in lower
    case, by which name a module goes.  Two stores of attributes of one name are taken for stores to one
    field, unless they are to instances of different classes by this table.  A class that writes its own
    attribute, other than at first in `__init__`, is one of the writers.  What is changed in place, such as a
    list, is not seen.  Attributes in `but` count only if the table knows whose they are.
    """
    names = {name: record for record, them in records.items() for name in them.split()}
    fields: defaultdict[str, list[Store]] = defaultdict(list)
    for path, tree in house.trees.items():
        if is_in(path, folders):
            for store in _stores(path, tree, names):
                if store.record or store.attribute not in but:
                    fields[store.attribute].append(store)
    wrong = []
    for _, stores in sorted(fields.items()):
        clash = [one for one in stores if any(_may_be_one_field(one, other) for other in stores)]
        if clash:
            modules = {store.path for store in clash}
            places = ", ".join(f"{store.path}:{store.line} {store.text}" for store in clash)
            wrong.append(f"{len(modules)} modules write one field: {places}")
    return wrong


def unknown_records(house: House, folders: Collection[str], records: Mapping[str, str]) -> list[str]:
    """Classes and modules of the table for `writers` that are not in these folders any more."""
    there = {path.rpartition("/")[2].removesuffix(".py") for path in house.trees if is_in(path, folders)}
    there |= {
        node.name
        for path, tree in house.trees.items()
        if is_in(path, folders)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    return [f"{record} is not in {', '.join(folders)}" for record in records if record not in there]


def _may_be_one_field(one: Store, other: Store) -> bool:
    return one.path != other.path and (not one.record or not other.record or one.record == other.record)


def _stores(path: str, tree: ast.AST, names: Mapping[str, str], within: str = "") -> Iterator[Store]:
    """All stores to attributes; `within` is the class around, "" in a module, "self" where one is made."""
    for node in ast.iter_child_nodes(tree):
        inside = within
        if isinstance(node, ast.ClassDef):
            inside = node.name
        elif isinstance(node, FUNCTIONS) and node.name in _MAKING:
            inside = "self"
        elif isinstance(node, ast.Global):  # a module writes its own names so
            module = names.get(path.rpartition("/")[2].removesuffix(".py"), "")
            yield from (Store(path, node.lineno, module, name, name) for name in node.names if module)
        elif found := _stored(node):
            of, attribute = found
            name = _last_name(of).strip("_")
            record = within if name in ("self", "cls") else names.get(name, "")
            if record != "self":
                yield Store(path, of.lineno, record, attribute, ast.unparse(node))
        yield from _stores(path, node, names, inside)


def _stored(node: ast.AST) -> tuple[ast.expr, str] | None:
    """What is written to, and which of its attributes."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        return node.value, node.attr
    if isinstance(node, ast.Call) and _last_name(node.func) in ("setattr", "__setattr__") and node.args[1:]:
        of, attribute = node.args[:2]
        return of, str(attribute.value) if isinstance(attribute, ast.Constant) else "any attribute"
    return None


def _last_name(node: ast.expr) -> str:
    """By which name something goes: ``task`` in ``self.worker.task``, ``nodes[]`` in ``self.nodes[0]``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return f"{_last_name(node.value)}[]"
    return f"{_last_name(node.func)}()" if isinstance(node, ast.Call) else ""


def untyped_records(house: House, folders: Collection[str], but: Collection[str] = ()) -> list[str]:
    """Fields of records that are typed with `Any`."""
    return [
        f"{path}:{field.lineno} {node.name}.{ast.unparse(field.target)}: {ast.unparse(field.annotation)}"
        for path, tree in house.trees.items()
        if is_in(path, folders)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and _is_record(node)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and "Any" in re.findall(r"\w+", ast.unparse(field.annotation))
        and f"{node.name}.{ast.unparse(field.target)}" not in but
    ]


def _is_record(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(each) for each in node.decorator_list) or any(
        ast.unparse(base) == "NamedTuple" for base in node.bases
    )


def held_whole(house: House, makers: Mapping[str, Collection[str]]) -> list[str]:
    """Modules beside its makers that name a class, for whatever end; places where it hands itself over."""
    wrong = []
    for path, tree in house.trees.items():
        for whole, allowed in makers.items():
            if path not in allowed:
                wrong += [f"{path}:{line} holds {whole} whole" for line in sorted(_mentions(tree, whole))]
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name in makers:
                wrong += [
                    f"{path}:{call.lineno} {node.name} hands itself over: {ast.unparse(call)}"
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call)
                    for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
                    if isinstance(argument, ast.Name) and argument.id == "self"
                ]
    return wrong


def _mentions(tree: ast.Module, name: str) -> set[int]:
    """Lines that name it in code or in an annotation in quotes; docstrings may."""
    prose = {id(node.value) for node, _ in docstrings(tree) if isinstance(node, ast.Expr)}
    found = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        if (
            (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
            or (is_text and re.fullmatch(rf"(?:.*\W)?{name}(?:\W.*)?", node.value))  # type: ignore[attr-defined]
        ):
            found.add(node.lineno)
    return found
