"""How `init` finds the user's dashboard, or starts it; a few milliseconds, and the standard library only.

::

    init --> ensure_running --> dashboard.json locked by a live process?  -- yes --> its link
                                        | no
                                        v
                  bind 127.0.0.1:8265 (or the next free port), lock dashboard.json,
                  hand both to a new, detached process                          --> its link

The new process only waits on the socket, which costs next to nothing; the link works from the moment it is
returned because the socket listens already.  It loads Bokeh when the first browser comes, and goes by
itself (see `minray.dashboard.server.doorman`).

Two locks, neither of which leaves a file behind: the folder of the sessions is locked while somebody
starts or stops the dashboard, and ``dashboard.json`` by the dashboard for as long as it lives, so that a
file left by a crash is told from the real thing.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..wire.config import PACKAGE

FIRST_PORT = 8265  # where people look for Ray's dashboard
PORTS_TRIED = 100
RECORD = "dashboard.json"
LOG = "dashboard.log"

# In the new process `minray` is made but not executed: with it would come all of the runtime, which the
# dashboard has no business with, and NumPy.
_BOOT = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
folder = sys.argv.pop(1)
spec = spec_from_file_location("minray", folder + "/__init__.py", submodule_search_locations=[folder])
sys.modules["minray"] = module_from_spec(spec)
from minray.dashboard.__main__ import main
main()
"""


def ensure_running(session_dir: Path | str) -> str | None:
    """The address of the user's dashboard, which is started if it does not run yet.

    Args:
        session_dir: the directory of the session that begins; it has been made already.

    Returns:
        A link that lets its holder in, such as ``http://127.0.0.1:8265/?token=...``; ``None`` if Bokeh is
        not installed or the dashboard cannot be started (then with a warning that says why).
    """
    if importlib.util.find_spec("bokeh") is None:
        return None
    home = Path(session_dir).parent
    try:
        with folder_locked(home):
            return running_link(home) or _start(home)
    except OSError as error:
        warnings.warn(
            f"minray runs without its dashboard, which could not be started in {home}: {error}. "
            "Tasks are not affected; init(include_dashboard=False) does not try.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def running_link(home: Path) -> str | None:
    """The address of the dashboard that runs now, or None.

    Args:
        home: the folder of the sessions, see `minray.session.folders.root`.
    """
    try:
        fd = os.open(home / RECORD, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody holds it: left by a dashboard that was killed
    except BlockingIOError:
        record = json.loads(os.read(fd, 4096))
        return link(record["port"], record["token"])
    finally:
        os.close(fd)


def link(port: int, token: str) -> str:
    """The address to open in a browser."""
    return f"http://127.0.0.1:{port}/?token={token}"


@contextlib.contextmanager
def folder_locked(home: Path) -> Iterator[None]:
    """Only one process at a time starts or stops the user's dashboard."""
    fd = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def claim(home: Path) -> tuple[socket.socket, int, str]:
    """Take a port and the record of the dashboard; call it with the folder locked.

    Returns:
        The listening socket, the open and locked file descriptor of the record, and the token.

    Raises:
        OSError: there is no free port, or the folder cannot be written.
    """
    listener = _listen()
    record = os.open(home / RECORD, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
    token = os.urandom(24).hex()
    write_record(record, listener, token, os.getpid())
    return listener, record, token


def write_record(record: int, listener: socket.socket, token: str, pid: int) -> None:
    """Write down how the dashboard is reached."""
    text = json.dumps({"port": listener.getsockname()[1], "token": token, "pid": pid})
    os.ftruncate(record, 0)
    os.pwrite(record, text.encode(), 0)


def _listen() -> socket.socket:
    """A socket on the first free port; the backlog keeps visitors until somebody serves them."""
    first = int(os.environ.get("MINRAY_DASHBOARD_PORT", FIRST_PORT))
    for port in [*range(first, first + PORTS_TRIED), 0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
            return listener
        except OSError:
            listener.close()
    raise OSError(f"no free port from {first} on")


def _start(home: Path) -> str:
    listener, record, token = claim(home)
    try:
        log = os.open(home / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        command = [sys.executable, "-P", "-c", _BOOT, str(PACKAGE)]
        command += ["--listener", str(listener.fileno()), "--record", str(record)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, "MINRAY_HOME": str(home)},
            pass_fds=[listener.fileno(), record],
            start_new_session=True,
        )
        os.close(log)
        write_record(record, listener, token, process.pid)
        # It outlives us or we outlive it; in the latter case somebody must collect its exit code.
        threading.Thread(target=process.wait, name="minray-dashboard-reaper", daemon=True).start()
        return link(listener.getsockname()[1], token)
    except OSError:
        (home / RECORD).unlink(missing_ok=True)
        raise
    finally:
        listener.close()
        os.close(record)
