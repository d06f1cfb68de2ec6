"""Where sessions live: private folders, who is running, and what is swept away when."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from minray.gcs.store import EventWriter
from minray.session import folders


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for sessions that only this test uses."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MINRAY_HOME", str(folder))
    return folder


def past_session(age: float = 100.0, size: int = 0, lock: bool = False) -> Path:
    """A session that ended so many seconds ago; with its lock file if it could not clean up itself."""
    session = folders.new_session(os.getpid())
    EventWriter(session / "session.db").close()
    if size:
        with (session / "session.db").open("r+b") as file:
            file.truncate(size)
    if lock:
        (session / "lock").touch()
    else:
        folders.reduce_to_recording(session)
    os.utime(session, (time.time() - age, time.time() - age))
    return session


# --- folders -----------------------------------------------------------------------------------------


def test_the_folder_of_sessions_is_made_and_private(home: Path) -> None:
    assert folders.root() == home
    assert home.stat().st_mode & 0o777 == 0o700


def test_without_a_setting_it_is_in_the_temporary_folder_under_the_users_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINRAY_HOME")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert folders.root() == tmp_path / f"minray-{os.getuid()}"


def test_a_session_is_private_and_named_after_its_time_and_process() -> None:
    session = folders.new_session(4711)
    assert session.name.startswith("session_20")
    assert session.name.endswith("_4711")
    made = [session, session / "sockets", session / "logs"]
    assert [folder.stat().st_mode & 0o777 for folder in made] == [0o700] * 3


def test_sessions_made_at_once_have_names_of_their_own() -> None:
    assert len({folders.new_session(1) for _ in range(20)}) == 20


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINRAY_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(OSError, match=r"file/home.*TMPDIR or MINRAY_HOME"):
        folders.root()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_written_is_an_error_that_names_it_and_the_remedy(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folders.root()
    make = Path.mkdir

    def refuse(path: Path, *args: Any, **options: Any) -> None:  # noqa: ANN401
        if path != home:
            raise OSError(number, os.strerror(number))
        make(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match=rf"home.*{os.strerror(number)}.*TMPDIR or MINRAY_HOME") as caught:
        folders.new_session(1)
    assert caught.value.errno == number


def test_a_folder_of_somebody_elses_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.root()
    monkeypatch.setattr(os, "getuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        folders.root()


def test_a_socket_has_a_path_that_the_system_allows_however_long_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = folders.socket_path(Path("/tmp/minray/session_1"))
    assert short == Path("/tmp/minray/session_1/sockets/raylet")
    monkeypatch.setenv("MINRAY_HOME", str(tmp_path / ("x" * 60)))
    session = folders.new_session(1)
    assert len(os.fsencode(folders.socket_path(session))) < 104
    assert folders.socket_path(session) != folders.socket_path(folders.new_session(1))


# --- who is running ----------------------------------------------------------------------------------


def test_a_session_is_live_while_somebody_holds_it() -> None:
    session = folders.new_session(1)
    assert not folders.is_live(session)
    held = folders.hold(session)
    assert folders.is_live(session)
    assert folders.is_live(session), "looking does not change it"
    os.close(held)
    assert not folders.is_live(session)


def test_looking_for_a_session_that_is_gone_makes_no_file(home: Path) -> None:
    assert not folders.is_live(home / "session_none")
    assert not home.exists()


def test_a_session_held_by_another_process_is_live_until_that_process_dies() -> None:
    session = folders.new_session(1)
    code = f"""
import sys
from pathlib import Path
from minray.session import folders
held = folders.hold(Path({str(session)!r}))
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert folders.is_live(session)
        holder.kill()
    assert not folders.is_live(session)


def test_a_session_can_be_held_once() -> None:
    session = folders.new_session(1)
    held = folders.hold(session)
    with pytest.raises(FileExistsError):
        folders.hold(session)
    os.close(held)


def test_a_lock_is_held_from_the_moment_that_others_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else somebody who looks just then takes the session for one that could not clean up itself."""
    session = past_session()
    lock_file = fcntl.flock
    seen = []

    def slowly(fd: int, how: int) -> None:
        seen.append((session / "lock").exists())
        lock_file(fd, how)

    monkeypatch.setattr(fcntl, "flock", slowly)
    held = folders.hold(session)
    monkeypatch.undo()
    assert seen == [False]
    assert sorted(path.name for path in session.iterdir() if "lock" in path.name) == ["lock"]
    assert folders.is_live(session)
    os.close(held)


def test_a_session_that_begins_while_others_are_swept_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    past_session()
    session, held, look = folders.new_session(1), [], folders.is_live

    def begin_after_the_first_look(path: Path) -> bool:
        live = look(path)
        if path == session and not held:
            held.append(folders.hold(session))
        return live

    monkeypatch.setattr(folders, "is_live", begin_after_the_first_look)
    folders.sweep()
    assert (session / "sockets").is_dir()
    assert held
    os.close(held[0])


def test_sessions_with_a_recording_are_listed_newest_first() -> None:
    recorded = [past_session(), past_session()]
    folders.new_session(1)  # without a recording yet
    assert folders.list_sessions() == recorded[::-1]


def test_there_may_be_no_sessions() -> None:
    assert folders.list_sessions() == []


# --- cleaning up -------------------------------------------------------------------------------------


def test_only_the_recording_stays_of_a_finished_session() -> None:
    session = folders.new_session(1)
    EventWriter(session / "session.db").close()
    (session / "sockets" / "raylet").touch()
    (session / "logs" / "node.log").write_text("log")
    (session / "lock").touch()
    folders.reduce_to_recording(session)
    assert [path.name for path in session.iterdir()] == ["session.db"]


def test_nothing_stays_of_a_session_without_a_recording() -> None:
    session = folders.new_session(1)
    folders.reduce_to_recording(session)
    assert not session.exists()
    folders.reduce_to_recording(session)


def test_what_a_dead_session_left_is_swept_and_its_recording_kept() -> None:
    session = past_session(lock=True)
    memory = folders.shared_memory_dir(session.name)
    memory.mkdir(parents=True)
    (memory / "segment").write_bytes(b"object")
    folders.sweep()
    assert not memory.exists()
    assert [path.name for path in session.iterdir()] == ["session.db"]


def test_a_running_session_is_not_swept() -> None:
    session = past_session()
    held = folders.hold(session)
    before = sorted(session.iterdir())
    folders.sweep()
    assert sorted(session.iterdir()) == before
    os.close(held)


def test_a_session_that_is_just_being_made_is_not_swept() -> None:
    session = folders.new_session(1)
    folders.sweep()
    assert (session / "sockets").is_dir()


def test_the_oldest_recordings_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "KEEP_RECORDINGS", 3)
    made = [past_session() for _ in range(5)]
    folders.sweep()
    assert folders.list_sessions() == made[:1:-1]
    assert not made[0].exists()


def test_the_oldest_recordings_go_when_they_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "KEEP_BYTES", 1_000_000)
    made = [past_session(size=400_000) for _ in range(4)]
    folders.sweep()
    assert folders.list_sessions() == made[:1:-1]


def test_other_things_in_the_folder_are_left_alone(home: Path) -> None:
    folders.root()
    (home / "dashboard.json").write_text("{}")
    folders.sweep()
    assert (home / "dashboard.json").exists()


# --- shared memory -----------------------------------------------------------------------------------


def test_shared_memory_is_named_after_user_and_session() -> None:
    folder = folders.shared_memory_dir("session_x")
    assert "session_x" in str(folder)
    if Path("/dev/shm").is_dir():
        assert folder == Path(f"/dev/shm/minray-{os.getuid()}-session_x")


def test_where_there_is_no_shared_memory_objects_lie_in_the_sessions_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert folders.shared_memory_dir("session_x") == home / "session_x" / "objects"


def test_removing_shared_memory_twice_is_harmless(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (home / "session_x" / "objects").mkdir(parents=True)
    for _ in range(2):
        folders.remove_shared_memory("session_x")
        assert not (home / "session_x" / "objects").exists()


def test_sessions_live_in_rays_temporary_folder_if_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINRAY_HOME")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert folders.root() == tmp_path / f"minray-{os.getuid()}"
