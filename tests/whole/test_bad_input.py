"""Mistakes that learners make: each gets an error that says what to do, and nothing is lost."""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import minray as ray
from minray.exceptions import RayError, RayTaskError
from runtime_tools import Gate, run_script, session, start_script, wait_until


@ray.remote
def double(x: int) -> int:
    return 2 * x


def assert_all_is_well() -> None:
    """The mistake has cost nothing: the runtime still works."""
    assert ray.get([double.remote(n) for n in range(10)]) == [2 * n for n in range(10)]


@pytest.fixture(autouse=True)
def runtime_stays_usable(ray_session: ModuleType) -> Iterator[None]:
    """Every mistake in this file is made in a running session, which must work afterwards."""
    kept = double.remote(21)
    yield
    if ray_session.is_initialized():
        assert_all_is_well()
        assert ray_session.get(kept) == 42


def test_calling_a_task_directly_names_remote() -> None:
    with pytest.raises(TypeError, match=r"double\.remote"):
        double(1)


@pytest.mark.parametrize("wrong", [1, "text", None, {"a": 1}, double, (1, 2), range(3)])
def test_get_of_something_else_than_a_reference_says_what_it_got(wrong: object) -> None:
    with pytest.raises((ValueError, TypeError), match="ObjectRef") as caught:
        ray.get(wrong)
    assert type(wrong).__name__ in str(caught.value)


def test_get_of_a_list_with_a_wrong_member_says_what_it_is() -> None:
    with pytest.raises((ValueError, TypeError), match="value 2, which is not an ObjectRef"):
        ray.get([ray.put(1), 2])


def test_get_of_a_remote_function_that_was_not_called_names_remote() -> None:
    with pytest.raises((ValueError, TypeError), match=r"\.remote"):
        ray.get(double)


def test_put_of_a_reference_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="ObjectRef"):
        ray.put(ray.put(1))
    assert ray.get(ray.get(ray.put([ray.put(1)]))[0]) == 1


def test_put_of_something_that_cannot_be_pickled_says_what_it_is() -> None:
    with pytest.raises(TypeError, match="lock"):
        ray.put({"guard": threading.Lock()})


def test_an_argument_that_cannot_be_pickled_says_which() -> None:
    with pytest.raises(TypeError, match="lock"):
        double.remote(threading.Lock())


def test_a_function_that_cannot_be_pickled_names_the_variable() -> None:
    guard = threading.Lock()

    @ray.remote
    def guarded() -> bool:
        return guard.locked()

    with pytest.raises(TypeError, match=r"(?s)guarded.*guard"):
        guarded.remote()


def test_a_function_whose_helper_cannot_be_pickled_names_it() -> None:
    stream = (n for n in range(3))

    def helper() -> int:
        return next(stream)

    @ray.remote
    def outer() -> int:
        return helper()

    with pytest.raises(TypeError, match="helper"):
        outer.remote()


def test_a_result_that_cannot_be_pickled_says_which_task_and_what() -> None:
    @ray.remote
    def make_lock() -> object:
        return threading.Lock()

    with pytest.raises(TypeError, match="lock") as caught:
        ray.get(make_lock.remote())
    assert isinstance(caught.value, RayTaskError)
    assert "make_lock" in str(caught.value)


def test_one_bad_result_of_several_fails_them_all_with_its_reason() -> None:
    @ray.remote(num_returns=2)
    def half_good() -> tuple[int, object]:
        return 1, threading.Lock()

    for reference in half_good.remote():
        with pytest.raises(TypeError, match="lock"):
            ray.get(reference)


def test_an_argument_whose_class_is_missing_in_the_worker_says_which(tmp_path: Path) -> None:
    here = subprocess.run(
        [sys.executable, "-c", MISSING_CLASS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert here.returncode == 0, here.stderr
    assert "only_in_the_driver" in here.stdout
    assert "then 4" in here.stdout


MISSING_CLASS = """
import sys, types
import minray as ray

ray.init(num_cpus=1, include_dashboard=False)
module = types.ModuleType("only_in_the_driver")
exec("class Thing: pass", module.__dict__)
sys.modules["only_in_the_driver"] = module

@ray.remote
def look(thing):
    return 1

@ray.remote
def double(n):
    return 2 * n

try:
    ray.get(look.remote(module.Thing()))
except ModuleNotFoundError as error:
    assert isinstance(error, ray.exceptions.RayTaskError)
    print(error)
print("then", ray.get(double.remote(2)))
"""


def test_a_result_whose_class_is_missing_in_the_driver_says_which() -> None:
    @ray.remote
    def invent() -> object:
        import sys
        import types

        module = types.ModuleType("only_in_the_worker")
        exec("class Thing: pass", module.__dict__)
        sys.modules["only_in_the_worker"] = module
        return module.Thing()

    with pytest.raises((ModuleNotFoundError, RayError), match="only_in_the_worker"):
        ray.get(invent.remote())


def test_a_value_whose_unpickling_fails_is_an_error_and_no_crash() -> None:
    class Breaks:
        def __reduce__(self) -> tuple[object, ...]:
            return int, ("not a number",)

    with pytest.raises(ValueError, match="not a number") as caught:
        ray.get(double.remote(Breaks()))
    assert isinstance(caught.value, RayTaskError)


def test_more_cpus_than_exist_is_a_warning_naming_the_task_which_waits(tmp_path: Path) -> None:
    process = start_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote(num_cpus=64)
        def enormous():
            return 1

        @ray.remote
        def small():
            return 2

        waiting = enormous.remote()
        print("others run:", ray.get(small.remote()))
        print("it waits:", ray.wait([waiting], timeout=0.5) == ([], [waiting]))
        """,
    )
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "others run: 2" in output
    assert "it waits: True" in output
    (warning,) = [line for line in (output + errors).splitlines() if "enormous" in line]
    assert "64" in warning


def test_init_twice_names_the_remedy() -> None:
    with pytest.raises(RuntimeError, match="ignore_reinit_error=True"):
        ray.init()


def test_use_after_shutdown_says_so() -> None:
    old = double.remote(1)
    ray.shutdown()
    with pytest.raises(Exception, match=r"session|shutdown"):
        ray.get(old)
    with pytest.raises(Exception, match=r"session|shutdown"):
        ray.wait([old])


def test_remote_on_something_that_is_no_function_says_so() -> None:
    with pytest.raises(AssertionError, match="@remote decorator"):
        ray.remote(3)
    with pytest.raises(TypeError, match="@remote decorator"):
        ray.remote(num_cpus=1)(3)


def test_remote_with_positional_options_says_so() -> None:
    with pytest.raises(AssertionError, match="remote"):
        ray.remote(2, 3)


# --- the machine is in the way ----------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory with so much room; skips where we may not make one."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None or sys.platform != "linux":
        pytest.skip("making a small file system takes root on Linux")
    folder.mkdir()
    options = f"size={size},mode=1777"
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False)
    if done.returncode != 0:
        folder.rmdir()
        pytest.skip("this machine does not let root mount a file system (a container)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


FILL = """
import os
import numpy as np
import minray as ray

ray.init(num_cpus=1, include_dashboard=False)

@ray.remote
def make(n):
    return np.ones(n)

def attempt(what, act):
    try:
        act()
    except ray.exceptions.ObjectStoreFullError as error:
        print(what, "->", *str(error).split())

kept = ray.put(np.ones(500_000))
with open("/dev/shm/somebody_elses", "wb") as filler:
    free = os.statvfs("/dev/shm").f_bavail * os.statvfs("/dev/shm").f_frsize
    filler.write(bytes(free - 1_000_000))
attempt("put", lambda: ray.put(np.ones(1_000_000)))
attempt("result", lambda: ray.get(make.remote(1_000_000)))
attempt("argument", lambda: ray.get(make.remote(np.ones(1_000_000))))
print("on disk:", ray.get(ray.put(np.ones(250_000))).sum())
print("kept:", ray.get(kept).sum(), "small:", len(ray.get(make.remote(10))))
os.unlink("/dev/shm/somebody_elses")
print("large again:", ray.get(make.remote(1_000_000)).sum())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/shm is Linux's")
def test_a_full_dev_shm_and_disk_are_a_clear_error_and_nothing_is_lost(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        pytest.skip("giving a process a /dev/shm of its own takes root and unshare(1)")
    script = tmp_path / "fill.py"
    script.write_text(FILL)
    home = tmp_path / "home"
    home.mkdir()
    shell = """
        mount -t tmpfs -o size=40m,mode=1777 tmpfs /dev/shm || exit 77
        mount -t tmpfs -o size=5m,mode=700 tmpfs "$2" || exit 77
        MINRAY_HOME="$2" exec "$0" "$1"
    """
    done = subprocess.run(
        [unshare, "--mount", "sh", "-c", shell, sys.executable, str(script), str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77 or done.stderr.startswith("unshare"):
        pytest.skip("this machine does not let root mount a file system (a container)")
    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(line.split(" -> ", 1) for line in done.stdout.splitlines() if " -> " in line)
    assert told.keys() == {"put", "result", "argument"}
    for message in told.values():
        assert "/dev/shm" in message
        assert os.strerror(errno.ENOSPC) in message
    assert "on disk: 250000.0" in done.stdout
    assert "kept: 500000.0 small: 10" in done.stdout
    assert "large again: 1000000.0" in done.stdout


def test_an_object_larger_than_the_store_is_no_obstacle() -> None:
    ray.shutdown()
    with session(num_cpus=1, object_store_memory=80_000_000):
        large, kept = ray.put(np.ones(20_000_000)), ray.put(np.ones(5_000_000))
        assert ray.get(large).sum() == 20_000_000
        assert ray.get(kept).sum() == 5_000_000
        assert_all_is_well()


def test_a_read_only_temporary_folder_is_a_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(0o500)
    home = folder / "minray"
    if os.geteuid() == 0:  # root may write anywhere but below a file
        home = folder / "file" / "minray"
        (folder / "file").touch()
    done = run_script(
        tmp_path, "import minray as ray; ray.init(num_cpus=1, include_dashboard=False)", MINRAY_HOME=str(home)
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "MINRAY_HOME" in last
    assert "init" in last


def test_a_full_temporary_folder_is_a_clear_error(tmp_path: Path, minray_home: Path) -> None:
    folder = minray_home / "tiny"
    with small_disk(folder, "16k"):
        (folder / "filler").write_bytes(bytes(12_000))
        done = run_script(
            tmp_path,
            "import minray as ray; ray.init(num_cpus=1, include_dashboard=False); ray.get(ray.put(1))",
            MINRAY_HOME=str(folder),
        )
    folder.rmdir()
    assert done.returncode == 1
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr
    assert "MINRAY_HOME" in done.stderr


def test_a_long_name_of_the_temporary_folder_is_no_obstacle(tmp_path: Path) -> None:
    """A socket's path may have about a hundred bytes; macOS' own temporary folder takes half of them."""
    home = tmp_path / "/".join(["a-folder-with-a-long-name"] * 6)
    code = "import minray as ray; ray.init(include_dashboard=False); print('got', ray.get(ray.put(1)))"
    done = run_script(tmp_path, code, MINRAY_HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert "got 1" in done.stdout


def test_port_8265_being_taken_does_not_keep_init_from_working(tmp_path: Path) -> None:
    ray.shutdown()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else took it: just as good
            taken.bind(("127.0.0.1", 8265))
            taken.listen()
        with session(num_cpus=1) as info:
            assert not info["webui_url"]
            assert_all_is_well()


def test_a_task_that_waits_for_impossible_cpus_can_be_cancelled(tmp_path: Path) -> None:
    gate = Gate(tmp_path)

    @ray.remote(num_cpus=99)
    def impossible(gate: Gate) -> int:
        return gate.wait()

    waiting = impossible.remote(gate)
    assert ray.wait([waiting], timeout=0.01) == ([], [waiting])
    ray.cancel(waiting)
    with pytest.raises(ray.exceptions.TaskCancelledError):
        ray.get(waiting)
    wait_until(lambda: gate.visitors() == 0)
