"""Each rule of the house, seen to find what breaks it in a small tree that was made for it."""

from collections.abc import Callable

import pytest

import house
import house_state
from house import House, check

Rule = Callable[[House], list[str]]

RECORDS = {"Task": "task call", "Worker": "worker", "here": "here"}
FUNCTION = 'def f():\n    """Words.\n\n    And more.\n    """\n    # a comment\n\n' + "    pass\n"
LISTING = '"""A room.\n\n- {}: what it holds\n- wire: a room below\n"""\n'
OPEN = "minray/a.py"  # where a module of a case stands if only its text matters


def room(text: str) -> dict[str, str]:
    """A package with a module and a folder, and this `__init__`."""
    return {"minray/__init__.py": text, "minray/a.py": "", "minray/wire/__init__.py": ""}


def two(first: str, second: str = "") -> dict[str, str]:
    """Two modules, in two rooms."""
    return {"minray/roof/a.py": first, "minray/ground/b.py": second}


def circles(tree: House) -> list[str]:
    return house.circles(tree)


def arrows(tree: House) -> list[str]:
    return house.wrong_arrows(tree, "ground", "", ["exceptions"])


def only_stairs(tree: House) -> list[str]:
    return house.wrong_arrows(tree, "roof", "ground/stairs")


def boundaries(tree: House) -> list[str]:
    return house.crossed_boundaries(tree, "roof", "cellar")


def functions(tree: House) -> list[str]:
    return house.long_functions(tree, 2)


def exporting(tree: House) -> list[str]:
    return house.defining_rooms(tree, ["minray"])


def packages(tree: House) -> list[str]:
    return house.wrong_packages(tree, ["minray", "minray.wire", "minray._course.images"])


def writers(tree: House) -> list[str]:
    return house_state.writers(tree, ["minray"], RECORDS, ["text"])


def records(tree: House) -> list[str]:
    return house_state.untyped_records(tree, ["minray"], ["Node.info"])


def wholes(tree: House) -> list[str]:
    return house_state.held_whole(tree, {"Whole": ["minray/whole.py"]})


# A rule, sources that break it, words in which it says so, and sources that keep it.
CASES: list[tuple[Rule, dict[str, str], str, dict[str, str]]] = [
    # imports
    (circles, two("from ..ground import b", "from ..roof.a import A"), "a.py -> minray/ground/b.py", two("")),
    (
        circles,
        two("if TYPE_CHECKING:\n    from ..ground.b import B", "import minray.roof.a"),
        "2 modules",
        two(""),
    ),
    (circles, two("def f():\n    from ..ground import b", "from ..roof import a"), "2 modules", two("")),
    (arrows, two("", "from ..roof import a"), "imports minray/roof/a.py", two("from ..ground import b")),
    (arrows, {"minray/ground/b.py": "from .. import api", "minray/api.py": ""}, "api", {OPEN: ""}),
    (
        only_stairs,
        two("from ..ground import b"),
        "b.py",
        {"minray/roof/a.py": "", "minray/ground/stairs.py": ""},
    ),
    (
        boundaries,
        two("from ..ground import b", "from ..cellar import c") | {"minray/cellar/c.py": ""},
        "minray/ground/b.py:1 brings minray/cellar/c.py into roof",
        two("from ..ground import b") | {"minray/cellar/c.py": "from ..roof import a"},
    ),
    # sizes
    (lambda tree: house.full_folders(tree, 1), two("") | {"minray/roof/c.py": ""}, "2 files", two("")),
    (
        lambda tree: house.long_files(tree, 2, ["minray/b.py"]),
        {OPEN: "1\n2\n3\n"},
        "3 lines",
        {"minray/b.py": "1\n2\n3\n"},
    ),
    (functions, {OPEN: FUNCTION + "    pass\n"}, "f has 3 lines", {OPEN: FUNCTION}),
    (
        functions,
        {OPEN: "class C:\n    def f(self):\n        return (\n            1\n        )\n"},
        "f has 4",
        {OPEN: ""},
    ),
    # folders
    (house.unlisted, room(LISTING.format("b")), "does not list: a", room(LISTING.format("a"))),
    (house.unlisted, room(LISTING.format("b")), "lists in vain: b", room(LISTING.format("a"))),
    (house.unlisted, room(LISTING.format("a: once\n- a")), "lists twice: a", room(LISTING.format("a"))),
    (house.unlisted, {"minray/wire/a.py": ""}, "has no __init__", room(LISTING.format("a"))),
    (exporting, {"minray/wire/__init__.py": '"""A room."""\nx = 1'}, "more than", room("x = 1")),
    (packages, room("") | {"minray/gcs/__init__.py": ""}, "leaves out minray.gcs", room("")),
    (packages, {"minray/__init__.py": ""}, "minray.wire, which is no folder", room("")),
    # names
    (house.double_classes, two("class A: ...", "def f():\n    class A: ..."), "named A", two("class A: ...")),
    (house.stale_names, {OPEN: '"""See b.py."""'}, "names b.py", {OPEN: '"""See a.py."""\nname = "b.py"'}),
    (house.stale_names, {OPEN: "x = 1  # as in b.py"}, "names b.py", {OPEN: ""}),
    # state
    (
        writers,
        two("task.worker = 1", "call.worker = 2"),
        "2 modules write",
        two("task.worker = 1\ncall.worker = 2"),
    ),
    (writers, two("task.pid = 1", "it.pid += 2"), "it.pid", two("task.pid = 1", "worker.pid = 2")),
    (
        writers,
        two("self.task.x, y = 1, 2", "del tasks[0].x"),
        "2 modules",
        two("task.x = 1", "class A:\n    def f(self):\n        self.x = 2"),
    ),
    (writers, two("a.b.task.x = 1", "setattr(task, 'x', 2)"), "setattr", two("setattr(task, 'x', 2)")),
    (
        writers,
        two("class Task:\n    def end(self):\n        self.done = 1", "task.done = 1"),
        "self.done",
        two("class Task:\n    def __init__(self):\n        self.done = 1", "task.done = 1"),
    ),
    (
        writers,
        {"minray/here.py": "def f():\n    global core", OPEN: "here.core = 1"},
        "here.core",
        {"minray/here.py": "def f():\n    global core", OPEN: "here.core"},
    ),
    (writers, two("a.mark = 1", "b.mark = 1"), "2 modules", two("a.text = 1", "b.text = 1")),
    (
        lambda tree: house_state.unknown_records(tree, ["minray"], RECORDS),
        {"minray/here.py": "class Task: ..."},
        "Worker is not in minray",
        {"minray/here.py": "class Task: ...\nclass Worker: ..."},
    ),
    (
        records,
        {OPEN: "@dataclass(slots=True)\nclass Node:\n    link: dict[str, Any] = 1"},
        "Node.link",
        {OPEN: "@dataclass\nclass Node:\n    info: Any\n    anything: Anything"},
    ),
    (records, {OPEN: "class Row(NamedTuple):\n    x: 'Any'"}, "Row.x", {OPEN: "class Row:\n    x: Any"}),
    (
        wholes,
        {OPEN: "def f(whole: Whole): ..."},
        "a.py:1 holds Whole",
        {"minray/whole.py": "def f(w: Whole): ..."},
    ),
    (wholes, {OPEN: "x: 'list[Whole]' = []"}, "holds Whole", {OPEN: '"""Not Whole."""\nx = WholeNumber'}),
    (
        wholes,
        {"minray/whole.py": "class Whole:\n    def f(self):\n        Part(self)"},
        "hands itself over: Part(self)",
        {"minray/whole.py": "class Whole:\n    def f(self):\n        Part(self.log)"},
    ),
]


@pytest.mark.parametrize(("rule", "broken", "words", "kept"), CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(
    rule: Rule, broken: dict[str, str], words: str, kept: dict[str, str]
) -> None:
    assert words in "\n".join(rule(House(broken)))
    assert rule(House(kept)) == []


def test_a_table_upside_down_is_found() -> None:
    table = {"roof": "ground", "ground": "roof", "face": "roof"}
    assert house.rows_upside_down(table, ["face"]) == ["ground may import roof, which is not below it"]
    assert house.rows_upside_down({"roof": "ground gcs/store", "ground": ""}) == []


def test_a_test_fails_of_what_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match="1 violations:\n  this"):
        check(["this"])
    check([])
