"""The process boundaries are import boundaries, and no import goes round in a circle.

The imports are read from the source, those inside functions too: an import that is postponed still ties
two modules together.  Not those for type checkers only, which no process ever executes.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOTS = {"minray": REPOSITORY / "minray", "minray.dashboard": REPOSITORY / "dashboard"}


def modules() -> dict[str, Path]:
    """All modules of the package by their import names."""
    found = {}
    for root, folder in ROOTS.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([root, *parts])
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def executed_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes below this one but those under ``if TYPE_CHECKING:``."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from executed_nodes(node)


def imports_of(name: str) -> set[str]:
    """The modules of ours that a module names in its import statements."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in executed_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import thing`: the thing may be a module, or a name that the package defines.
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
    return found & set(MODULES) - {name}


GRAPH = {name: imports_of(name) for name in MODULES}


def reachable(start: str) -> set[str]:
    """All modules that a module brings with it, directly or not."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += GRAPH[name]
    return seen - {start}


def test_the_reader_of_imports_sees_what_is_there() -> None:
    assert "minray.gcs.store" in GRAPH["minray.gcs.chrome_trace"]
    assert "minray.api" in GRAPH["minray.public"]
    assert "minray.gcs.schema" in reachable("minray.dashboard.server.server")


def test_no_import_goes_round_in_a_circle() -> None:
    assert len(list(TopologicalSorter(GRAPH).static_order())) == len(MODULES)


# What runs in each kind of process, and what may not be in it.
PROCESSES = {
    "minray.core_worker.core_worker": {
        "minray.scheduler.process",
        "minray.scheduler.local_scheduler",
        "minray.gcs.process",
        "minray.session.supervisor",
    },
    "minray.worker.worker": {
        "minray.scheduler.process",
        "minray.scheduler.local_scheduler",
        "minray.gcs.process",
        "minray.session.supervisor",
    },
    "minray.scheduler.process": {
        "minray.core_worker.core_worker",
        "minray.worker.worker",
        "minray.gcs.process",
        "minray.session.supervisor",
        "minray.api",
    },
    "minray.scheduler.local_scheduler": {
        "minray.core_worker.core_worker",
        "minray.worker.worker",
        "minray.gcs.process",
        "minray.values.serialization",
    },
    "minray.gcs.process": {
        "minray.core_worker.core_worker",
        "minray.scheduler.process",
        "minray.scheduler.local_scheduler",
        "minray.values.serialization",
    },
}


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_boundary_is_an_import_boundary(module: str) -> None:
    assert not reachable(module) & PROCESSES[module]


def test_the_dashboard_knows_nothing_of_the_runtime_but_what_it_wrote() -> None:
    allowed = {
        "minray.gcs.chrome_trace",
        "minray.figures.colours",
        "minray.gcs.schema",
        "minray.gcs.store",
        "minray.session.folders",
        "minray.session.dashboard_link",
        "minray.figures.cost_model",  # pure; shared with the lessons, so that both draw the same lines
    }
    for name in MODULES:
        if name.startswith("minray.dashboard."):
            ours = {other for other in GRAPH[name] if not other.startswith("minray.dashboard.")}
            assert ours - {"minray.dashboard"} <= allowed, name


def test_the_runtime_does_not_need_the_dashboard() -> None:
    ours = {name for name in MODULES if f"{name}.".startswith("minray.dashboard.")}
    for name in MODULES.keys() - ours:
        assert not GRAPH[name] & ours, name


# Imports each module that it is given in a process that has imported nothing of the package before.
ONE_BY_ONE = """
import importlib, os, sys
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(name)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name)
"""


def test_every_module_can_be_the_first_to_be_imported() -> None:
    names = [name for name in MODULES if not name.endswith("__main__")]
    done = subprocess.run([sys.executable, "-c", ONE_BY_ONE, *names], capture_output=True, text=True)
    assert done.stdout == "", done.stderr


def test_what_a_driver_needs_only_later_is_loaded_later() -> None:
    code = """
import sys
import minray
assert "cloudpickle" not in sys.modules and "minray.core_worker.core_worker" not in sys.modules
minray.get
assert "cloudpickle" in sys.modules and "minray.core_worker.core_worker" in sys.modules
assert {"get", "init", "util"} <= set(dir(minray))
from minray import *
remote, exceptions, dashboard
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
