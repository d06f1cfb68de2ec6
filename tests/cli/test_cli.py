"""The `minray` command; `minray lab` and `minray microbenchmark` have tests of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from minray.__main__ import SUBCOMMANDS, main


def test_help_names_every_subcommand_and_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    for name, run in SUBCOMMANDS.items():
        assert name in printed
        assert str(run.__doc__) in printed


def test_an_unknown_subcommand_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["labb"])
    assert stopped.value.code == 2
    assert "invalid choice: 'labb'" in capsys.readouterr().err


def test_sessions_says_which_one_runs(ray_session: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions"]) == 0
    assert capsys.readouterr().out.startswith("running   ")
    ray_session.shutdown()
    assert main(["sessions"]) == 0
    assert capsys.readouterr().out.startswith("finished  ")


def test_timeline_writes_the_newest_session(
    ray_session: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ray_session.get(ray_session.remote(abs).remote(-1))
    ray_session.shutdown()
    output = tmp_path / "trace.json"
    assert main(["timeline", "--output", str(output)]) == 0
    assert "abs" in {event["name"] for event in json.loads(output.read_text())}
    assert f"Wrote {output}" in capsys.readouterr().out


def test_timeline_explains_an_unknown_session(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", "session_of_yesteryear"]) == 1
    assert (
        "there is no recording of session_of_yesteryear. `minray sessions` lists" in capsys.readouterr().err
    )


def test_timeline_explains_a_folder_that_is_not_there(
    ray_session: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["timeline", "--output", str(tmp_path / "nowhere" / "trace.json")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_dashboard_prints_its_address_and_ends_with_control_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "minray", "dashboard"]
    environment = os.environ | {"MINRAY_HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as dashboard:
        assert dashboard.stdout
        assert "http://127.0.0.1:" in dashboard.stdout.readline()
        dashboard.send_signal(signal.SIGINT)
    assert dashboard.returncode == 0
    assert list(tmp_path.iterdir()) == []
