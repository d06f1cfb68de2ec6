"""The rules of the house, on the sources as they are; test_house_planted.py shows that each of them bites.

Which room may import which is in test_layers.py, and which modules each process loads in
test_loaded_modules.py.
"""

import tomllib
from collections.abc import Callable

import pytest

import house
import house_state
from house import REPOSITORY, House, check

HOUSE = House.read()

# Users look for Ray's names at the top and in `util`; exercises are all alike.
FOLDERS_OF_LIKE_THINGS = ("minray", "minray/util", "minray/lessons/exercises")
# The protocol on one page, and Ray's errors with their docstrings.
LONG_FILES = ("minray/wire/messages.py", "minray/exceptions.py")
# What users import by the folder's name; the `__init__` of all other folders only says what is in them.
EXPORTING = (
    *("minray", "minray/util", "minray/util/joblib", "minray/util/multiprocessing", "minray/util/state"),
    *("minray/_private", "minray/experimental", "minray/experimental/state"),
    *("minray/lessons", "minray/lessons/photos", "minray/microbenchmark", "dashboard"),
)
# Names that users import from `util.state`, and the same things in the event store; the e-mails of lesson
# 06, and what the core worker is about to send.
NAMES_OF_TWO = ("TaskState", "ActorState", "Outbox")
# Files of others, which docstrings name.
FILES_OF_OTHERS = ("ipykernel_launcher.py", "lesson.py", "ray_perf.py")

# One writer a field, among all that may run in one process: by which names the instances of its classes go,
# and in which folders.
STATE: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "scheduler": (
        {"Actor": "actor", "Client": "client", "EventLog": "log", "Group": "group"}
        | {"Node": "node home nodes[]", "ObjectEntry": "entry", "Segment": "segment"}
        | {
            "_Pull": "pull",
            "_Stream": "stream",
            "Record": "known",
            "Task": "task call creation waiter",
            "Worker": "worker",
        },
        ("minray/scheduler", "minray/object_store", "minray/wire"),
    ),
    "far node": (
        {"_Pull": "pull", "Segment": "segment"},
        ("minray/far_node", "minray/object_store", "minray/wire"),
    ),
    "drivers and workers": (
        {"CoreWorker": "core", "Stream": "stream", "Waiting": "waiting", "here": "here"},
        (
            *("minray/driver", "minray/worker", "minray/frontend", "minray/core_worker", "minray/values"),
            *("minray/session", "minray/wire"),
            *("minray/object_store/client.py", "minray/object_store/segments.py"),
        ),
    ),
    "dashboard": (
        {"CrewMember": "worker member", "Function": "function", "Hand": "hand", "KnownActor": "actor"}
        | {"Box": "box boxes[]", "CrewNode": "node", "Run": "execution run", "Stage": "stage", "Use": "use"}
        | {"TaskDetails": "found details"},
        ("dashboard",),
    ),
}
# Attributes of Bokeh's models: each view has models of its own.
OF_OTHERS = ("data", "end", "height", "logo", "options", "start", "text", "value", "visible")
# Records with a field that has no shape of ours: what `nodes()` shows, as in Ray.
UNTYPED = ()
# Who makes the large objects, and so may name them; everybody else is given the small parts that it uses.
MAKERS = {
    "LocalScheduler": ("minray/scheduler/local_scheduler.py", "minray/scheduler/process.py"),
    "CoreWorker": (
        *("minray/core_worker/core_worker.py", "minray/core_worker/current.py"),
        *("minray/driver/connecting.py", "minray/worker/worker.py"),
    ),
}


def packages() -> list[str]:
    """What pyproject.toml would install."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[str] = project["tool"]["setuptools"]["packages"]
    return found


RULES: dict[str, Callable[[], list[str]]] = {
    "at most 12 files a folder": lambda: house.full_folders(HOUSE, 12, FOLDERS_OF_LIKE_THINGS),
    "at most 350 lines a file": lambda: house.long_files(HOUSE, 350, LONG_FILES),
    "at most 50 lines of code a function": lambda: house.long_functions(HOUSE, 50),
    "a folder's docstring lists its files": lambda: house.unlisted(HOUSE),
    "rooms define nothing": lambda: house.defining_rooms(HOUSE, EXPORTING),
    "packages are folders": lambda: house.wrong_packages(HOUSE, packages()),
    "no class name twice": lambda: house.double_classes(HOUSE, NAMES_OF_TWO),
    "files that are named exist": lambda: house.stale_names(HOUSE, FILES_OF_OTHERS),
    "records carry no Any": lambda: house_state.untyped_records(
        HOUSE, ["minray/scheduler", "minray/far_node", "minray/object_store"], UNTYPED
    ),
    "no part holds the whole": lambda: house_state.held_whole(HOUSE, MAKERS),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_its_rule(rule: str) -> None:
    check(RULES[rule]())


@pytest.mark.parametrize("process", STATE)
def test_each_field_has_one_writer(process: str) -> None:
    records, folders = STATE[process]
    unknown = house_state.unknown_records(HOUSE, folders, records)
    check(unknown + house_state.writers(HOUSE, folders, records, OF_OTHERS if process == "dashboard" else ()))
