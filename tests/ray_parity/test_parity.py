"""The same bodies on minray and on real Ray must return the same.

Ray is large and no dependency of ours, so what it returned is kept in ``ray_found*.json``, one file for each
file of behaviours.  Where an interpreter with Ray can be had (this one, or the one that
``MINRAY_RAY_PYTHON`` names), Ray is asked again.  To record anew: ``$MINRAY_RAY_PYTHON
tests/ray_parity/run_on.py ray SUBJECT``, and keep what follows FOUND.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
RECORDINGS = {
    path.stem.removeprefix("ray_found").removeprefix("_"): json.loads(path.read_text())
    for path in sorted(HERE.glob("ray_found*.json"))
}
RECORDED = {name: answer for recording in RECORDINGS.values() for name, answer in recording["found"].items()}


def run_on(engine: str, *subjects: str, python: str = sys.executable) -> dict[str, Any]:
    """What all behaviours of some subjects, or of all, return on an engine, and its version."""
    command = [python, str(HERE / "run_on.py"), engine, *subjects]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    answer: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
    return answer


@pytest.fixture(scope="module")
def on_minray() -> dict[str, Any]:
    """What minray returns for each behaviour."""
    found: dict[str, Any] = run_on("minray")["found"]
    return found


@pytest.mark.parametrize("behaviour", RECORDED)
def test_minray_behaves_as_ray_did(on_minray: dict[str, Any], behaviour: str) -> None:
    assert on_minray[behaviour] == RECORDED[behaviour]


def test_no_behaviour_is_without_a_recording(on_minray: dict[str, Any]) -> None:
    assert on_minray.keys() == RECORDED.keys()


@pytest.mark.parametrize("subject", RECORDINGS)
def test_ray_still_behaves_as_it_did(subject: str) -> None:
    """Each subject in a session of its own: with all in one, Ray 2.60 crashes at times."""
    python = os.environ.get("MINRAY_RAY_PYTHON")
    if python is None and importlib.util.find_spec("ray") is None:
        pytest.skip("no Ray here: install it, or let MINRAY_RAY_PYTHON name an interpreter that has it")
    answer, recording = run_on("ray", subject, python=python or sys.executable), RECORDINGS[subject]
    assert answer["found"] == recording["found"], f"Ray {answer['version']} against {recording['version']}"
