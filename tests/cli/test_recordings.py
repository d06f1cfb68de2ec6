"""`minray record` and `minray replay`: a session handed out as a file, and looked at elsewhere."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import minray
from minray.__main__ import main
from minray.cli.recordings import take_in
from minray.lessons.basics.session import event_store


@minray.remote
def spoken_of(n: int) -> int:
    """A task whose name can be looked for."""
    return n


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file with a session of three tasks, written while it ran."""
    minray.init(num_cpus=1, include_dashboard=False)
    minray.get([spoken_of.remote(n) for n in range(3)])
    event_store()  # flushes what has happened
    file = tmp_path / "lesson.db"
    assert main(["record", "--output", str(file)]) == 0
    minray.shutdown()
    return file


def test_a_recording_is_one_file_and_does_not_overwrite_another(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [path.name for path in recording.parent.iterdir()] == ["lesson.db"]
    assert main(["record", "--output", str(recording)]) == 1
    assert "already" in capsys.readouterr().err


def test_a_session_that_does_not_exist_is_said_not_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "no-such-session"]) == 1
    assert "no recording" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"no database", b"SQLite format 3\0" + bytes(2000)])
def test_what_is_no_recording_is_refused(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.db"
    if content is not None:
        file.write_bytes(content)
    assert main(["replay", str(file)]) == 1
    assert "odd.db" in capsys.readouterr().err


def test_taking_in_the_same_recording_twice_makes_one_session(recording: Path, minray_home: Path) -> None:
    assert take_in(recording) == take_in(recording)
    assert len(list(minray_home.glob("session_*_replay"))) == 1


def test_a_replayed_session_is_shown_by_the_link(recording: Path, browser: Browser) -> None:
    argv = [sys.executable, "-m", "minray", "replay", str(recording)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            link = re.search(r"http\S+", said)
            assert link
            page = browser.new_page()
            page.goto(f"{link[0]}&page=tasks")
            expect(page.locator("body")).to_contain_text("spoken_of", timeout=30_000)
            page.context.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
