"""How many files somebody opens who follows one call: see `walks`, which measures it on real processes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("walks.py")
PROMISED = SCRIPT.parents[2] / ".github" / "CONTRIBUTING.md"
ROW = re.compile(r"^\| (.+) \| (\d+) files \| about ([\d,]+) lines \|", re.MULTILINE)


@pytest.fixture(scope="module")
def taken() -> dict[str, Any]:
    """What the script says of all walks."""
    done = subprocess.run([sys.executable, SCRIPT, "--json"], capture_output=True, text=True)
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == bool(said["wrong"])
    return said


def test_no_walk_is_longer_than_allowed_and_a_plain_task_enters_no_extension(taken: dict[str, Any]) -> None:
    assert taken["wrong"] == []


def test_who_reads_the_spine_in_minrays_docstring_misses_no_file(taken: dict[str, Any]) -> None:
    docstring = (SCRIPT.parents[2] / "minray" / "__init__.py").read_text(encoding="utf-8")
    spine = docstring.partition("(the spine)")[2].partition("What users import")[0]
    walk = taken["walks"]["a no-op task"]
    entered = {stop["file"].removeprefix("minray/").removesuffix(".py") for stop in walk}
    named = set(re.findall(r"\b[a-z_]+(?:/[a-z_]+)+\b|\bremote_function\b|\bapi\b", spine))
    assert entered <= named
    assert all((SCRIPT.parents[2] / "minray" / f"{name}.py").is_file() for name in named)


def test_the_walks_are_as_long_as_those_who_contribute_are_told(taken: dict[str, Any]) -> None:
    told = ROW.findall(PROMISED.read_text(encoding="utf-8"))
    measured = [
        (name, str(len(stops)), f"{round(sum(stop['lines'] for stop in stops), -2):,}")
        for name, stops in taken["walks"].items()
    ]
    assert told == measured
