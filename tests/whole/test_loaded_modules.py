"""Each process loads the modules of ours that loaded_modules.txt says, and no others.

What a process loads is what it costs to start, and what a reader has to know of it.  After a change that is
meant, ``PYTHONPATH=tests/help .venv/bin/python tests/whole/test_loaded_modules.py`` writes the list anew.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from house import House, check

LIST = Path(__file__).with_name("loaded_modules.txt")
SAY = """
import json, sys
def loaded():
    ours = [module for name, module in sys.modules.items() if name.startswith("minray.") or name == "minray"]
    return [module.__name__ + ".__init__" * hasattr(module, "__path__") for module in ours]
"""
# As the supervisor runs its parts: the package is only a name, see `start_supervisor`.
PART = """
from pathlib import Path
package = sys.modules["minray"] = type(sys)("minray")
package.__path__ = [{folder!r}]
import importlib
from minray.session.supervisor import PARTS
importlib.import_module(PARTS[{part!r}], "minray")
print(json.dumps(loaded()))
"""
SESSION = """
import minray
minray.init(num_cpus=1, include_dashboard=False)
in_a_worker = minray.get(minray.remote(loaded).remote())
"""
PACKAGE = str(Path(__file__).parents[2] / "minray")
PROGRAMS = {
    "import minray": "import minray; print(json.dumps(loaded()))",
    "a driver with a task": SESSION + "print(json.dumps(loaded()))",
    "a worker with a task": SESSION + "print(json.dumps(in_a_worker))",
    "the zygote": PART.format(folder=PACKAGE, part="zygote"),
    "the local scheduler": PART.format(folder=PACKAGE, part="scheduler"),
    "a further node": PART.format(folder=PACKAGE, part="far_node"),
    "the GCS": PART.format(folder=PACKAGE, part="gcs"),
    "the dashboard, asleep": "import minray.dashboard.__main__; print(json.dumps(loaded()))",
    "the dashboard": "import minray.dashboard.__main__, minray.dashboard.server.server; "
    "print(json.dumps(loaded()))",
}


def modules_of(process: str) -> set[str]:
    """What the process has loaded, as it says itself."""
    run = [sys.executable, "-c", SAY + PROGRAMS[process]]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def by_room(modules: set[str]) -> str:
    """A line a room, with the modules that are loaded of it."""
    rooms = defaultdict(list)
    for name in sorted(modules):
        room, _, last = name.rpartition(".")
        rooms[room].append(last)
    return "".join(f"{room}: {' '.join(names)}\n" for room, names in rooms.items())


def listed() -> dict[str, set[str]]:
    """The modules by process, as the list says."""
    found: dict[str, set[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = modules = set()
        elif line:
            room, names = line.split(": ")
            modules |= {f"{room}.{name}" for name in names.split()}
    return found


def differences(loaded: set[str], wanted: set[str]) -> list[str]:
    """What is loaded and not listed, and the other way round."""
    too_much = [f"{name} is loaded and not listed" for name in sorted(loaded - wanted)]
    return too_much + [f"{name} is listed and not loaded" for name in sorted(wanted - loaded)]


@pytest.mark.parametrize("process", PROGRAMS)
def test_a_process_loads_the_modules_that_are_listed(process: str) -> None:
    check(differences(modules_of(process), listed()[process]))


def test_a_module_too_much_is_found() -> None:
    loaded = {"minray.api", "minray.wire.rpc"}
    assert differences(loaded, {"minray.wire.rpc"}) == ["minray.api is loaded and not listed"]
    assert differences(set(), {"minray.api"}) == ["minray.api is listed and not loaded"]


def test_the_list_is_one_of_processes() -> None:
    assert [*listed()] == [*PROGRAMS]


# Imports each module that it is given in a process that has imported nothing of the package before; of others
# what takes long is there already.
ONE_BY_ONE = """
import importlib, os, sys
import bokeh.plotting, bokeh.server.server, IPython.display, numpy
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(name)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name)
"""


def test_every_module_can_be_the_first_to_be_imported() -> None:
    names = [name for name in House.read().modules if not name.endswith("__main__")]
    done = subprocess.run([sys.executable, "-c", ONE_BY_ONE, *names], capture_output=True, text=True)
    assert done.stdout == "", done.stderr


def test_what_a_driver_needs_only_later_is_loaded_later() -> None:
    code = """
import sys
import minray
assert "cloudpickle" not in sys.modules and "minray.core_worker.submission" not in sys.modules
minray.get
assert "cloudpickle" in sys.modules and "minray.core_worker.submission" in sys.modules
assert {"get", "init", "util"} <= set(dir(minray))
from minray import *
remote, exceptions, dashboard
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    LIST.write_text("\n".join(f"[{process}]\n{by_room(modules_of(process))}" for process in PROGRAMS))
