"""What `minray lab` tells JupyterLab; the browser test shows that JupyterLab understands it."""

import json
import os
import sys
from pathlib import Path

import pytest

from minray.cli import course, lab

LESSON = Path("notebooks", "01_tasks.ipynb")


def test_the_workspace_has_the_lesson_at_the_left_and_the_dashboard_at_the_right() -> None:
    data = json.loads(json.dumps(lab.workspace(LESSON)))["data"]
    dock = data["layout-restorer:data"]["main"]["dock"]
    left, right = ([widget] for child in dock["children"] for widget in child["widgets"])
    assert dock["orientation"] == "horizontal"
    assert left == ["notebook:notebooks/01_tasks.ipynb"]
    assert data[left[0]]["data"]["path"] == "notebooks/01_tasks.ipynb"
    assert data[right[0]]["data"]["url"] == "/minray/"


def test_the_kernel_named_python3_is_this_python(tmp_path: Path) -> None:
    for _ in range(2):
        lab.prepare(tmp_path, LESSON)
    data = Path(lab.environment(tmp_path)["JUPYTER_PATH"].split(os.pathsep)[0])
    argv = json.loads((data / "kernels" / "python3" / "kernel.json").read_text())["argv"]
    assert argv[0] == sys.executable


def test_paths_that_the_user_set_still_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", "/their/own")
    assert lab.environment(tmp_path)["JUPYTER_PATH"].endswith(os.pathsep + "/their/own")


def test_the_server_listens_on_this_machine_only(tmp_path: Path) -> None:
    assert "--ServerApp.ip=127.0.0.1" in lab.command(tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac always has a desktop")
def test_no_browser_is_started_in_a_bare_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert "--no-browser" in lab.command(tmp_path)
    monkeypatch.setenv("DISPLAY", ":0")
    assert "--no-browser" not in lab.command(tmp_path)


def test_the_learner_is_told_where_the_lessons_are_and_what_was_kept(tmp_path: Path) -> None:
    assert lab.set_up(tmp_path) == [f"Your lessons are in {tmp_path}"]
    changed = tmp_path / "notebooks" / course.lesson(1)
    changed.write_text("mine")
    assert f"kept as you left them: notebooks/{changed.name}" in lab.set_up(tmp_path)[1]
    fresh = lab.set_up(tmp_path, fresh=True)
    assert fresh[1] == f"  new copy: notebooks/{changed.stem}-fresh.ipynb"


def test_a_fresh_copy_is_the_one_that_opens(tmp_path: Path) -> None:
    lab.set_up(tmp_path, 1)
    (tmp_path / "notebooks" / course.lesson(1)).write_text("mine")
    lab.set_up(tmp_path, 1, fresh=True)
    (workspace,) = (tmp_path / ".minray" / "workspaces").iterdir()
    assert "-fresh.ipynb" in workspace.read_text()


def test_a_folder_that_cannot_be_made_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert lab.main(["--folder", str(tmp_path / "file")]) == 1
    assert "minray lab cannot start" in capsys.readouterr().err


def test_a_lesson_that_does_not_exist_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab.main(["99", "--folder", str(tmp_path)]) == 1
    assert "There is no lesson 99" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "REQUIRED", ("json", "a_package_nobody_has"))
    assert lab.main([]) == 1
    said = capsys.readouterr().err
    assert "minray lab needs a_package_nobody_has" in said
    assert "pip install 'minray[lab]'" in said


def test_other_options_go_to_jupyterlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _program, argv, _environment: started.append(argv))
    lab.main(["--folder", str(tmp_path), "--port=9000"])
    assert started == [[*lab.command(tmp_path), "--port=9000"]]
