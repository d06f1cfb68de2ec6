"""However a driver ends, nothing is left behind: no process, no shared memory, no socket, no file.

`leaks.py` looks after every test; these tests end drivers in all the ways there are, and look for
themselves, too, at the driver's own session.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

import minray as ray
from minray.session.folders import KEEP_RECORDINGS, is_live, shared_memory_dir
from runtime_tools import rows, run_script, session, start_script, wait_until

BEGIN = """
import os, pathlib, signal, sys, time
import numpy as np
import minray as ray

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the test run itself was started by nohup
info = ray.init(num_cpus=4, include_dashboard=False)
print("session", info["session_dir"], flush=True)

@ray.remote
def work(n):
    time.sleep(0.002 * (n % 5))
    return n

@ray.remote
def forever(path):
    path.touch()
    while True:
        time.sleep(0.05)

@ray.remote
def parent(path):
    return ray.get(forever.remote(path))

@ray.remote
def stubborn(path):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path.touch()
    while True:
        time.sleep(0.05)

large = [ray.put(np.ones(1_000_000)) for _ in range(3)]
here = pathlib.Path(__file__).with_suffix(".here")
"""


def session_of(output: str) -> Path:
    """The session directory that a script printed."""
    (line,) = [line for line in output.splitlines() if line.startswith("session ")]
    return Path(line.removeprefix("session "))


def processes_of(directory: Path) -> list[str]:
    """What still runs of a session, by what its command lines and open files say."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid == os.getpid():
            continue
        try:
            named = any(directory.name in part for part in process.info["cmdline"] or [])
            if named or any(directory.name in file.path for file in process.open_files()):
                found.append(f"{process.pid}: {' '.join(process.info['cmdline'] or [])[:100]}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def assert_nothing_is_left(directory: Path) -> None:
    """Wait until all that is left of a session is its recording."""
    wait_until(lambda: not is_live(directory), "the end of the session")
    wait_until(lambda: not processes_of(directory), f"{processes_of(directory)} to end")
    wait_until(lambda: not shared_memory_dir(directory.name).exists(), "shared memory to be freed")
    wait_until(lambda: sorted(path.name for path in directory.iterdir()) in ([], ["session.db"]))


@pytest.mark.parametrize(
    "ending",
    [
        "ray.get([work.remote(n) for n in range(50)])",
        "ray.get([work.remote(n) for n in range(50)]); ray.shutdown()",
        "kept = [work.remote(n) for n in range(1000)]",
        "kept = forever.remote(here)\nwhile not here.exists(): time.sleep(0.01)",
        "kept = parent.remote(here)\nwhile not here.exists(): time.sleep(0.01)",
        "kept = stubborn.remote(here)\nwhile not here.exists(): time.sleep(0.01)",
        "kept = [work.remote(n) for n in range(50)]; sys.exit(0)",
    ],
    ids=["finished", "shutdown", "queued", "running", "blocked", "stubborn", "exit"],
)
def test_a_script_that_ends_leaves_nothing(tmp_path: Path, ending: str) -> None:
    done = run_script(tmp_path, BEGIN + ending)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert_nothing_is_left(session_of(done.stdout))


def test_a_script_that_fails_leaves_nothing(tmp_path: Path) -> None:
    done = run_script(tmp_path, BEGIN + "kept = [work.remote(n) for n in range(50)]\nraise SystemError('no')")
    assert done.returncode == 1
    assert_nothing_is_left(session_of(done.stdout))


def end_amid_a_thousand_tasks(tmp_path: Path, end: signal.Signals, submit: str) -> Path:
    """Start a driver, let it submit, send it a signal while its tasks run; return its session."""
    process = start_script(tmp_path, BEGIN + submit + "\nprint('go', flush=True)\ntime.sleep(600)")
    assert process.stdout is not None
    directory = session_of(process.stdout.readline())
    assert process.stdout.readline() == "go\n"
    wait_until(
        lambda: rows("SELECT 1 FROM task_states WHERE state = 'RUNNING'", database=directory / "session.db")
    )
    os.kill(process.pid, end)
    process.communicate(timeout=60)
    return directory


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_driver_killed_amid_a_thousand_running_tasks_leaves_nothing(
    tmp_path: Path, end: signal.Signals
) -> None:
    submit = "kept = [work.options(num_cpus=0.1).remote(n) for n in range(100_000, 101_000)]\n"
    slow = "kept += [forever.options(num_cpus=0.1).remote(here) for _ in range(30)]"
    assert_nothing_is_left(end_amid_a_thousand_tasks(tmp_path, end, submit + slow))


def test_a_driver_killed_while_tasks_wait_for_tasks_leaves_nothing(tmp_path: Path) -> None:
    submit = "kept = [parent.remote(here) for _ in range(6)]"
    assert_nothing_is_left(end_amid_a_thousand_tasks(tmp_path, signal.SIGKILL, submit))


def test_a_driver_killed_while_a_stubborn_task_runs_leaves_nothing(tmp_path: Path) -> None:
    submit = "kept = [stubborn.remote(here) for _ in range(3)]"
    assert_nothing_is_left(end_amid_a_thousand_tasks(tmp_path, signal.SIGKILL, submit))


def test_the_recording_of_a_killed_driver_can_be_read(tmp_path: Path) -> None:
    submit = "ray.get([work.remote(n) for n in range(20)]); kept = forever.remote(here)"
    directory = end_amid_a_thousand_tasks(tmp_path, signal.SIGKILL, submit)
    assert_nothing_is_left(directory)
    database = directory / "session.db"
    finished = rows("SELECT 1 FROM task_states WHERE state = 'FINISHED'", database=database)
    assert len(finished) == 20
    assert rows("SELECT value FROM meta WHERE key = 'ended_at'", database=database)


def test_a_child_that_the_driver_forks_does_not_end_the_session(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        BEGIN
        + """
before = ray.get(work.remote(1))
child = os.fork()
if child == 0:
    sys.exit(0)  # runs the child's exit handlers
os.waitpid(child, 0)
print("still", ray.get(work.remote(before + 1)))
""",
    )
    assert done.returncode == 0, done.stderr
    assert "still 2" in done.stdout
    assert_nothing_is_left(session_of(done.stdout))


def test_a_driver_may_use_multiprocessing_beside_the_runtime(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        BEGIN
        + """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    print("pool", sum(pool.map(abs, range(-5, 0))))
print("still", ray.get(work.remote(3)))
""",
    )
    assert done.returncode == 0, done.stderr
    assert "pool 15" in done.stdout
    assert "still 3" in done.stdout
    assert_nothing_is_left(session_of(done.stdout))


def test_a_dozen_sessions_one_after_another_leave_nothing(tmp_path: Path) -> None:
    @ray.remote
    def one() -> int:
        return 1

    descriptors = psutil.Process().num_fds()
    threads = psutil.Process().num_threads()
    for _ in range(12):
        with session(num_cpus=1) as info:
            assert ray.get(one.remote()) == 1
        assert_nothing_is_left(Path(info["session_dir"]))
    assert psutil.Process().num_fds() <= descriptors + 1
    assert psutil.Process().num_threads() <= threads + 1


@pytest.mark.parametrize("age", ["2001-01-01_00-00-00", "2999-01-01_00-00-00"], ids=["old", "recent"])
def test_what_a_killed_machine_left_is_swept_by_the_next_init(minray_home: Path, age: str) -> None:
    """Whether its recording is kept (a recent one) or rotated out because there are many newer ones."""
    dead = minray_home / f"session_{age}_000000_1"
    objects = shared_memory_dir(dead.name)
    for folder in (dead, dead / "sockets", dead / "logs", objects):
        folder.mkdir()
    (dead / "lock").touch()
    (dead / "session.db").touch()
    (objects / "segment").write_bytes(bytes(1000))
    others = [minray_home / f"session_2002-01-01_00-00-{n:02}_000000_1" for n in range(KEEP_RECORDINGS)]
    for other in others:
        other.mkdir()
        (other / "session.db").touch()
    with session(num_cpus=1):
        assert not objects.exists()
        assert [path.name for path in dead.glob("*")] == (["session.db"] if age.startswith("2999") else [])
    for folder in (dead, *others):
        shutil.rmtree(folder, ignore_errors=True)


def test_a_driver_that_is_stopped_for_a_while_keeps_its_session(tmp_path: Path) -> None:
    process = start_script(
        tmp_path,
        BEGIN
        + "sys.stdin = open(0)\nwhile not here.exists(): time.sleep(0.01)\nprint(ray.get(work.remote(5)))",
    )
    assert process.stdout is not None
    directory = session_of(process.stdout.readline())
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    assert is_live(directory)
    os.kill(process.pid, signal.SIGCONT)
    script = next(Path(part) for part in process.args if part.endswith(".py"))  # type: ignore[union-attr]
    script.with_suffix(".here").touch()
    output, errors = process.communicate(timeout=60)
    assert output.strip() == "5", errors
    assert_nothing_is_left(directory)
    assert isinstance(process, subprocess.Popen)
